build-asan/obj/userspace/dergd/derg_init.o: userspace/dergd/derg_init.c \
 userspace/common/io.h userspace/common/error.h \
 userspace/dergd/authority.h userspace/dergd/config.h \
 userspace/dergd/hsm_wire.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/dergd/epoch.h userspace/dergd/hsm.h userspace/dergd/ledger.h \
 userspace/liberot/grant.h userspace/liberot/crypto.h \
 userspace/dergd/cert.h
userspace/common/io.h:
userspace/common/error.h:
userspace/dergd/authority.h:
userspace/dergd/config.h:
userspace/dergd/hsm_wire.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/dergd/epoch.h:
userspace/dergd/hsm.h:
userspace/dergd/ledger.h:
userspace/liberot/grant.h:
userspace/liberot/crypto.h:
userspace/dergd/cert.h:
