build-asan/obj/userspace/dergd/metrics.o: userspace/dergd/metrics.c \
 userspace/dergd/metrics.h userspace/common/buf.h \
 userspace/common/error.h userspace/dergd/api.h uapi/linux/erot_format.h \
 uapi/linux/erot.h userspace/dergd/route.h
userspace/dergd/metrics.h:
userspace/common/buf.h:
userspace/common/error.h:
userspace/dergd/api.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/dergd/route.h:
