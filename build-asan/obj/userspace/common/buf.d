build-asan/obj/userspace/common/buf.o: userspace/common/buf.c \
 userspace/common/buf.h userspace/common/error.h \
 userspace/common/secret.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/common/secret.h:
