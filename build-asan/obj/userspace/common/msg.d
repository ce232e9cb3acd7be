build-asan/obj/userspace/common/msg.o: userspace/common/msg.c \
 userspace/common/io.h userspace/common/error.h userspace/common/msg.h \
 userspace/common/secret.h
userspace/common/io.h:
userspace/common/error.h:
userspace/common/msg.h:
userspace/common/secret.h:
