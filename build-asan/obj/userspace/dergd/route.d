build-asan/obj/userspace/dergd/route.o: userspace/dergd/route.c \
 userspace/dergd/route.h userspace/dergd/api.h uapi/linux/erot_format.h \
 uapi/linux/erot.h userspace/common/error.h
userspace/dergd/route.h:
userspace/dergd/api.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/common/error.h:
