build-asan/obj/userspace/liberot/grant.o: userspace/liberot/grant.c \
 userspace/common/buf.h userspace/common/error.h \
 userspace/liberot/grant.h userspace/liberot/crypto.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/liberot/manifest.h \
 userspace/liberot/names.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/liberot/grant.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/manifest.h:
userspace/liberot/names.h:
