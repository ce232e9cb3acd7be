build-asan/obj/userspace/liberot/verity.o: userspace/liberot/verity.c \
 userspace/common/buf.h userspace/common/error.h \
 userspace/liberot/verity.h userspace/liberot/crypto.h \
 uapi/linux/erot_format.h uapi/linux/erot.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/liberot/verity.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
