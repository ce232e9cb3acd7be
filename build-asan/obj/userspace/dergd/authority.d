build-asan/obj/userspace/dergd/authority.o: userspace/dergd/authority.c \
 userspace/dergd/authority.h userspace/dergd/config.h \
 userspace/common/error.h userspace/dergd/hsm_wire.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/dergd/epoch.h \
 userspace/dergd/hsm.h userspace/dergd/ledger.h userspace/liberot/grant.h \
 userspace/liberot/crypto.h userspace/dergd/cert.h \
 userspace/liberot/cms.h userspace/liberot/derive.h \
 userspace/common/buf.h userspace/liberot/hpke.h
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
userspace/dergd/cert.h:
userspace/liberot/cms.h:
userspace/liberot/derive.h:
userspace/common/buf.h:
userspace/liberot/hpke.h:
