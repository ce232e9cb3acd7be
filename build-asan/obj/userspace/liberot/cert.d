build-asan/obj/userspace/liberot/cert.o: userspace/liberot/cert.c \
 userspace/common/io.h userspace/common/error.h userspace/common/secret.h \
 userspace/liberot/cms.h userspace/liberot/crypto.h \
 uapi/linux/erot_format.h uapi/linux/erot.h
userspace/common/io.h:
userspace/common/error.h:
userspace/common/secret.h:
userspace/liberot/cms.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
