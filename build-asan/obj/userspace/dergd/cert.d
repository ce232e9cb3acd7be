build-asan/obj/userspace/dergd/cert.o: userspace/dergd/cert.c \
 userspace/dergd/cert.h userspace/dergd/hsm.h uapi/linux/erot_format.h \
 uapi/linux/erot.h userspace/common/error.h userspace/dergd/hsm_wire.h \
 userspace/liberot/cms.h userspace/liberot/crypto.h
userspace/dergd/cert.h:
userspace/dergd/hsm.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/common/error.h:
userspace/dergd/hsm_wire.h:
userspace/liberot/cms.h:
userspace/liberot/crypto.h:
