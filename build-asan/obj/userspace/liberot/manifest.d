build-asan/obj/userspace/liberot/manifest.o: userspace/liberot/manifest.c \
 userspace/common/io.h userspace/common/error.h \
 userspace/liberot/manifest.h userspace/liberot/names.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/liberot/object.h
userspace/common/io.h:
userspace/common/error.h:
userspace/liberot/manifest.h:
userspace/liberot/names.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/object.h:
