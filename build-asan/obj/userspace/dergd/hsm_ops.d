build-asan/obj/userspace/dergd/hsm_ops.o: userspace/dergd/hsm_ops.c \
 userspace/common/secret.h userspace/common/error.h \
 userspace/dergd/hsm_ops.h userspace/dergd/hsm.h uapi/linux/erot_format.h \
 uapi/linux/erot.h userspace/dergd/p11.h \
 /usr/include/p11-kit-1/p11-kit/pkcs11.h userspace/liberot/derive.h \
 userspace/common/buf.h userspace/liberot/hpke.h \
 userspace/liberot/crypto.h userspace/liberot/evidence.h \
 userspace/liberot/names.h userspace/liberot/release.h
userspace/common/secret.h:
userspace/common/error.h:
userspace/dergd/hsm_ops.h:
userspace/dergd/hsm.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/dergd/p11.h:
/usr/include/p11-kit-1/p11-kit/pkcs11.h:
userspace/liberot/derive.h:
userspace/common/buf.h:
userspace/liberot/hpke.h:
userspace/liberot/crypto.h:
userspace/liberot/evidence.h:
userspace/liberot/names.h:
userspace/liberot/release.h:
