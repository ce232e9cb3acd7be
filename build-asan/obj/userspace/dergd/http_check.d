build-asan/obj/userspace/dergd/http_check.o: userspace/dergd/http_check.c \
 userspace/common/io.h userspace/common/error.h \
 userspace/dergd/http_priv.h userspace/dergd/http.h userspace/dergd/api.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/dergd/metrics.h \
 userspace/common/buf.h userspace/dergd/settings.h \
 userspace/common/conf.h userspace/dergd/route.h
userspace/common/io.h:
userspace/common/error.h:
userspace/dergd/http_priv.h:
userspace/dergd/http.h:
userspace/dergd/api.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/dergd/metrics.h:
userspace/common/buf.h:
userspace/dergd/settings.h:
userspace/common/conf.h:
userspace/dergd/route.h:
