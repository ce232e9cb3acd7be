build-asan/obj/userspace/liberot/ek.o: userspace/liberot/ek.c \
 userspace/liberot/cms.h userspace/common/error.h \
 userspace/liberot/credential.h userspace/liberot/crypto.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/liberot/ek.h
userspace/liberot/cms.h:
userspace/common/error.h:
userspace/liberot/credential.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/ek.h:
