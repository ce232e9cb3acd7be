build-asan/obj/userspace/liberot/release.o: userspace/liberot/release.c \
 userspace/common/secret.h userspace/common/error.h \
 userspace/liberot/grant.h userspace/liberot/crypto.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/liberot/release.h \
 userspace/liberot/hpke.h
userspace/common/secret.h:
userspace/common/error.h:
userspace/liberot/grant.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/release.h:
userspace/liberot/hpke.h:
