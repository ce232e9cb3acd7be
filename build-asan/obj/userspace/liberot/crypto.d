build-asan/obj/userspace/liberot/crypto.o: userspace/liberot/crypto.c \
 userspace/common/secret.h userspace/common/error.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/common/secret.h:
userspace/common/error.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
