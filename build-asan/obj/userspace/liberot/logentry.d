build-asan/obj/userspace/liberot/logentry.o: userspace/liberot/logentry.c \
 userspace/common/buf.h userspace/common/error.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/grant.h userspace/liberot/logentry.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/grant.h:
userspace/liberot/logentry.h:
