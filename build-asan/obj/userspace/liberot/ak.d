build-asan/obj/userspace/liberot/ak.o: userspace/liberot/ak.c \
 userspace/liberot/credential.h userspace/common/error.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/liberot/credential.h:
userspace/common/error.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
