build-asan/obj/userspace/liberot/hpke.o: userspace/liberot/hpke.c \
 userspace/common/buf.h userspace/common/error.h \
 userspace/common/secret.h userspace/liberot/hpke.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/common/secret.h:
userspace/liberot/hpke.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
