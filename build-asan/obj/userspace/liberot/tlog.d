build-asan/obj/userspace/liberot/tlog.o: userspace/liberot/tlog.c \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/tlog.h userspace/common/error.h
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/tlog.h:
userspace/common/error.h:
