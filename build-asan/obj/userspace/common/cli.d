build-asan/obj/userspace/common/cli.o: userspace/common/cli.c \
 userspace/common/cli.h userspace/common/error.h userspace/common/io.h
userspace/common/cli.h:
userspace/common/error.h:
userspace/common/io.h:
