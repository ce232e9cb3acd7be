build-asan/obj/userspace/dergd/hsm.o: userspace/dergd/hsm.c \
 userspace/common/buf.h userspace/common/error.h userspace/common/msg.h \
 userspace/common/secret.h userspace/dergd/hsm.h uapi/linux/erot_format.h \
 uapi/linux/erot.h userspace/dergd/hsm_wire.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/common/msg.h:
userspace/common/secret.h:
userspace/dergd/hsm.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/dergd/hsm_wire.h:
