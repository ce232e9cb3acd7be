build-asan/obj/userspace/dergd/log.o: userspace/dergd/log.c \
 userspace/dergd/log.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/common/buf.h userspace/common/error.h userspace/dergd/db.h \
 userspace/liberot/logentry.h userspace/liberot/note.h \
 userspace/liberot/tlog.h userspace/dergd/log_priv.h \
 userspace/liberot/crypto.h
userspace/dergd/log.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/common/buf.h:
userspace/common/error.h:
userspace/dergd/db.h:
userspace/liberot/logentry.h:
userspace/liberot/note.h:
userspace/liberot/tlog.h:
userspace/dergd/log_priv.h:
userspace/liberot/crypto.h:
