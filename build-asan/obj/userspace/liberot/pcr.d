build-asan/obj/userspace/liberot/pcr.o: userspace/liberot/pcr.c \
 userspace/common/io.h userspace/common/error.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/pcr.h
userspace/common/io.h:
userspace/common/error.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/pcr.h:
