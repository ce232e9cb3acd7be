build-asan/obj/userspace/dergd/hsm_main.o: userspace/dergd/hsm_main.c \
 userspace/common/buf.h userspace/common/error.h userspace/common/msg.h \
 userspace/common/secret.h userspace/dergd/hsm_ops.h \
 userspace/dergd/hsm.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/dergd/p11.h /usr/include/p11-kit-1/p11-kit/pkcs11.h \
 userspace/dergd/hsm_wire.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/common/msg.h:
userspace/common/secret.h:
userspace/dergd/hsm_ops.h:
userspace/dergd/hsm.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/dergd/p11.h:
/usr/include/p11-kit-1/p11-kit/pkcs11.h:
userspace/dergd/hsm_wire.h:
