build-asan/obj/userspace/common/secret.o: userspace/common/secret.c \
 userspace/common/secret.h userspace/common/error.h
userspace/common/secret.h:
userspace/common/error.h:
