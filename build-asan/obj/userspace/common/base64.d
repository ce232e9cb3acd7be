build-asan/obj/userspace/common/base64.o: userspace/common/base64.c \
 userspace/common/base64.h userspace/common/error.h \
 userspace/common/secret.h
userspace/common/base64.h:
userspace/common/error.h:
userspace/common/secret.h:
