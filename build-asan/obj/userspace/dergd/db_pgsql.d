build-asan/obj/userspace/dergd/db_pgsql.o: userspace/dergd/db_pgsql.c \
 /usr/include/postgresql/libpq-fe.h \
 /usr/include/postgresql/postgres_ext.h \
 /usr/include/postgresql/pg_config_ext.h userspace/dergd/db_priv.h \
 userspace/dergd/db.h userspace/common/error.h
/usr/include/postgresql/libpq-fe.h:
/usr/include/postgresql/postgres_ext.h:
/usr/include/postgresql/pg_config_ext.h:
userspace/dergd/db_priv.h:
userspace/dergd/db.h:
userspace/common/error.h:
