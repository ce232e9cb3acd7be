build-asan/obj/userspace/dergd/release.o: userspace/dergd/release.c \
 userspace/dergd/authority.h userspace/dergd/config.h \
 userspace/common/error.h userspace/dergd/hsm_wire.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/dergd/epoch.h \
 userspace/dergd/hsm.h userspace/dergd/ledger.h userspace/liberot/grant.h \
 userspace/liberot/crypto.h userspace/liberot/cms.h \
 userspace/liberot/names.h
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
userspace/liberot/names.h:
