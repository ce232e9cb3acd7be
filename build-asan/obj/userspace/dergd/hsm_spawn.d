build-asan/obj/userspace/dergd/hsm_spawn.o: userspace/dergd/hsm_spawn.c \
 userspace/dergd/hsm.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/common/error.h userspace/dergd/hsm_wire.h
userspace/dergd/hsm.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/common/error.h:
userspace/dergd/hsm_wire.h:
