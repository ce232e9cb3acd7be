build-asan/obj/userspace/dergd/logline.o: userspace/dergd/logline.c \
 userspace/dergd/logline.h userspace/common/error.h
userspace/dergd/logline.h:
userspace/common/error.h:
