build-asan/obj/userspace/dergd/schema.o: userspace/dergd/schema.c \
 userspace/dergd/db_priv.h userspace/dergd/db.h userspace/common/error.h
userspace/dergd/db_priv.h:
userspace/dergd/db.h:
userspace/common/error.h:
