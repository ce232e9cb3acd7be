build-asan/obj/userspace/dergd/issue.o: userspace/dergd/issue.c \
 userspace/dergd/authority.h userspace/dergd/config.h \
 userspace/common/error.h userspace/dergd/hsm_wire.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/dergd/epoch.h \
 userspace/dergd/hsm.h userspace/dergd/ledger.h userspace/liberot/grant.h \
 userspace/liberot/crypto.h userspace/liberot/cms.h \
 userspace/liberot/derive.h userspace/common/buf.h \
 userspace/liberot/hpke.h userspace/liberot/envelope.h \
 userspace/liberot/payload.h userspace/liberot/verity.h \
 userspace/liberot/manifest.h userspace/liberot/names.h
userspace/dergd/authority.h:
userspace/dergd/config.h:
userspace/common/error.h:
userspace/dergd/hsm_wire.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/dergd/epoch.h:
userspace/dergd/hsm.h:
userspace/dergd/ledger.h:
userspace/liberot/grant.h:
userspace/liberot/crypto.h:
userspace/liberot/cms.h:
userspace/liberot/derive.h:
userspace/common/buf.h:
userspace/liberot/hpke.h:
userspace/liberot/envelope.h:
userspace/liberot/payload.h:
userspace/liberot/verity.h:
userspace/liberot/manifest.h:
userspace/liberot/names.h:
