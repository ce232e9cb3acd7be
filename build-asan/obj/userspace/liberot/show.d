build-asan/obj/userspace/liberot/show.o: userspace/liberot/show.c \
 userspace/common/cli.h userspace/common/error.h userspace/common/io.h \
 userspace/liberot/cms.h userspace/liberot/envelope.h \
 userspace/liberot/payload.h userspace/liberot/verity.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/evidence.h userspace/liberot/names.h \
 userspace/liberot/grant.h userspace/liberot/show.h
userspace/common/cli.h:
userspace/common/error.h:
userspace/common/io.h:
userspace/liberot/cms.h:
userspace/liberot/envelope.h:
userspace/liberot/payload.h:
userspace/liberot/verity.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/evidence.h:
userspace/liberot/names.h:
userspace/liberot/grant.h:
userspace/liberot/show.h:
