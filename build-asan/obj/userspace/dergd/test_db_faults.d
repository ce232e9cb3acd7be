build-asan/obj/userspace/dergd/test_db_faults.o: \
 userspace/dergd/test_db_faults.c userspace/dergd/test_database.h \
 /usr/include/postgresql/libpq-fe.h \
 /usr/include/postgresql/postgres_ext.h \
 /usr/include/postgresql/pg_config_ext.h userspace/common/tap.h \
 userspace/dergd/db.h userspace/common/error.h
userspace/dergd/test_database.h:
/usr/include/postgresql/libpq-fe.h:
/usr/include/postgresql/postgres_ext.h:
/usr/include/postgresql/pg_config_ext.h:
userspace/common/tap.h:
userspace/dergd/db.h:
userspace/common/error.h:
