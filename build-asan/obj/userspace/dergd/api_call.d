build-asan/obj/userspace/dergd/api_call.o: userspace/dergd/api_call.c \
 userspace/common/base64.h userspace/common/error.h userspace/common/io.h \
 userspace/dergd/api.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/common/base64.h:
userspace/common/error.h:
userspace/common/io.h:
userspace/dergd/api.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
