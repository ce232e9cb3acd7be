build-asan/obj/userspace/dergd/db_sqlite.o: userspace/dergd/db_sqlite.c \
 userspace/dergd/db_priv.h userspace/dergd/db.h userspace/common/error.h
userspace/dergd/db_priv.h:
userspace/dergd/db.h:
userspace/common/error.h:
