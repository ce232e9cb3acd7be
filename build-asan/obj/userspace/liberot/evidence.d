build-asan/obj/userspace/liberot/evidence.o: userspace/liberot/evidence.c \
 userspace/common/buf.h userspace/common/error.h \
 userspace/common/secret.h userspace/liberot/evidence.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/names.h userspace/liberot/grant.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/common/secret.h:
userspace/liberot/evidence.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/names.h:
userspace/liberot/grant.h:
