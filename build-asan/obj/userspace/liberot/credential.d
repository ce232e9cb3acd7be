build-asan/obj/userspace/liberot/credential.o: \
 userspace/liberot/credential.c userspace/common/buf.h \
 userspace/common/error.h userspace/common/secret.h \
 userspace/liberot/credential.h userspace/liberot/crypto.h \
 uapi/linux/erot_format.h uapi/linux/erot.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/common/secret.h:
userspace/liberot/credential.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
