build-asan/obj/userspace/liberot/object.o: userspace/liberot/object.c \
 userspace/liberot/object.h userspace/common/error.h
userspace/liberot/object.h:
userspace/common/error.h:
