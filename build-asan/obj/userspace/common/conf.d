build-asan/obj/userspace/common/conf.o: userspace/common/conf.c \
 userspace/common/conf.h userspace/common/error.h userspace/common/io.h
userspace/common/conf.h:
userspace/common/error.h:
userspace/common/io.h:
