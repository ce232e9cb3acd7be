build-asan/obj/userspace/dergd/problem.o: userspace/dergd/problem.c \
 userspace/dergd/problem.h userspace/common/error.h
userspace/dergd/problem.h:
userspace/common/error.h:
