build-asan/obj/userspace/dergd/config.o: userspace/dergd/config.c \
 userspace/common/io.h userspace/common/error.h userspace/common/secret.h \
 userspace/dergd/config.h userspace/dergd/hsm_wire.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/liberot/names.h
userspace/common/io.h:
userspace/common/error.h:
userspace/common/secret.h:
userspace/dergd/config.h:
userspace/dergd/hsm_wire.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/names.h:
