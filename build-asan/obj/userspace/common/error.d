build-asan/obj/userspace/common/error.o: userspace/common/error.c \
 userspace/common/error.h userspace/common/io.h
userspace/common/error.h:
userspace/common/io.h:
