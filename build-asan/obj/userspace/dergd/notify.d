build-asan/obj/userspace/dergd/notify.o: userspace/dergd/notify.c \
 userspace/common/io.h userspace/common/error.h userspace/dergd/notify.h
userspace/common/io.h:
userspace/common/error.h:
userspace/dergd/notify.h:
