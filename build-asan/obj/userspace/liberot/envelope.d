build-asan/obj/userspace/liberot/envelope.o: userspace/liberot/envelope.c \
 userspace/common/buf.h userspace/common/error.h userspace/common/io.h \
 userspace/common/secret.h userspace/liberot/envelope.h \
 userspace/liberot/payload.h userspace/liberot/verity.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/grant.h userspace/liberot/hpke.h \
 userspace/liberot/manifest.h userspace/liberot/names.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/common/io.h:
userspace/common/secret.h:
userspace/liberot/envelope.h:
userspace/liberot/payload.h:
userspace/liberot/verity.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/grant.h:
userspace/liberot/hpke.h:
userspace/liberot/manifest.h:
userspace/liberot/names.h:
