build-asan/obj/userspace/dergd/settings.o: userspace/dergd/settings.c \
 userspace/common/io.h userspace/common/error.h userspace/common/secret.h \
 userspace/dergd/settings.h userspace/common/conf.h
userspace/common/io.h:
userspace/common/error.h:
userspace/common/secret.h:
userspace/dergd/settings.h:
userspace/common/conf.h:
