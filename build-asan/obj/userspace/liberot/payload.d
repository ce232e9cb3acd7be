build-asan/obj/userspace/liberot/payload.o: userspace/liberot/payload.c \
 userspace/common/io.h userspace/common/error.h userspace/common/secret.h \
 userspace/liberot/payload.h userspace/liberot/verity.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/common/io.h:
userspace/common/error.h:
userspace/common/secret.h:
userspace/liberot/payload.h:
userspace/liberot/verity.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
