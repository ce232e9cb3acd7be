build-asan/obj/userspace/dergd/api_json.o: userspace/dergd/api_json.c \
 userspace/common/base64.h userspace/common/error.h userspace/common/io.h \
 userspace/common/secret.h userspace/dergd/api.h uapi/linux/erot_format.h \
 uapi/linux/erot.h
userspace/common/base64.h:
userspace/common/error.h:
userspace/common/io.h:
userspace/common/secret.h:
userspace/dergd/api.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
