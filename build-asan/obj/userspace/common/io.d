build-asan/obj/userspace/common/io.o: userspace/common/io.c \
 userspace/common/io.h userspace/common/error.h userspace/common/secret.h
userspace/common/io.h:
userspace/common/error.h:
userspace/common/secret.h:
