build-asan/obj/userspace/dergd/http_reply.o: userspace/dergd/http_reply.c \
 userspace/common/secret.h userspace/common/error.h \
 userspace/dergd/http_priv.h userspace/dergd/http.h userspace/dergd/api.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/dergd/metrics.h \
 userspace/common/buf.h userspace/dergd/settings.h \
 userspace/common/conf.h userspace/dergd/route.h \
 userspace/dergd/problem.h
userspace/common/secret.h:
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
userspace/dergd/problem.h:
