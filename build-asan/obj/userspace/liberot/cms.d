build-asan/obj/userspace/liberot/cms.o: userspace/liberot/cms.c \
 uapi/linux/erot.h userspace/common/secret.h userspace/common/error.h \
 userspace/liberot/cms.h userspace/liberot/crypto.h \
 uapi/linux/erot_format.h
uapi/linux/erot.h:
userspace/common/secret.h:
userspace/common/error.h:
userspace/liberot/cms.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
