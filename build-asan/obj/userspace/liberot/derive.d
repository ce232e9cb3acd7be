build-asan/obj/userspace/liberot/derive.o: userspace/liberot/derive.c \
 userspace/liberot/derive.h userspace/common/buf.h \
 userspace/common/error.h userspace/liberot/hpke.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/liberot/derive.h:
userspace/common/buf.h:
userspace/common/error.h:
userspace/liberot/hpke.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
