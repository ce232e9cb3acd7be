build-asan/obj/userspace/dergd/epoch.o: userspace/dergd/epoch.c \
 userspace/dergd/epoch.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/dergd/hsm.h userspace/common/error.h userspace/dergd/ledger.h \
 userspace/liberot/derive.h userspace/common/buf.h \
 userspace/liberot/hpke.h userspace/liberot/crypto.h
userspace/dergd/epoch.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/dergd/hsm.h:
userspace/common/error.h:
userspace/dergd/ledger.h:
userspace/liberot/derive.h:
userspace/common/buf.h:
userspace/liberot/hpke.h:
userspace/liberot/crypto.h:
