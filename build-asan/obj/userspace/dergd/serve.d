build-asan/obj/userspace/dergd/serve.o: userspace/dergd/serve.c \
 userspace/common/secret.h userspace/common/error.h \
 userspace/dergd/logline.h userspace/dergd/notify.h \
 userspace/dergd/serve.h userspace/dergd/http.h userspace/dergd/api.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/dergd/metrics.h \
 userspace/common/buf.h userspace/dergd/settings.h \
 userspace/common/conf.h
userspace/common/secret.h:
userspace/common/error.h:
userspace/dergd/logline.h:
userspace/dergd/notify.h:
userspace/dergd/serve.h:
userspace/dergd/http.h:
userspace/dergd/api.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/dergd/metrics.h:
userspace/common/buf.h:
userspace/dergd/settings.h:
userspace/common/conf.h:
