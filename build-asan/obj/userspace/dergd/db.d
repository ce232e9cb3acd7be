build-asan/obj/userspace/dergd/db.o: userspace/dergd/db.c \
 userspace/common/buf.h userspace/common/error.h \
 userspace/dergd/db_priv.h userspace/dergd/db.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/dergd/db_priv.h:
userspace/dergd/db.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
