build-asan/obj/userspace/dergd/test_log_kill.o: \
 userspace/dergd/test_log_kill.c userspace/dergd/test_log.h \
 userspace/liberot/test_oracle.h userspace/common/io.h \
 userspace/common/error.h userspace/common/tap.h userspace/dergd/log.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/common/buf.h \
 userspace/dergd/db.h userspace/liberot/logentry.h \
 userspace/liberot/note.h userspace/liberot/tlog.h \
 userspace/dergd/test_database.h /usr/include/postgresql/libpq-fe.h \
 /usr/include/postgresql/postgres_ext.h \
 /usr/include/postgresql/pg_config_ext.h userspace/liberot/crypto.h
userspace/dergd/test_log.h:
userspace/liberot/test_oracle.h:
userspace/common/io.h:
userspace/common/error.h:
userspace/common/tap.h:
userspace/dergd/log.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/common/buf.h:
userspace/dergd/db.h:
userspace/liberot/logentry.h:
userspace/liberot/note.h:
userspace/liberot/tlog.h:
userspace/dergd/test_database.h:
/usr/include/postgresql/libpq-fe.h:
/usr/include/postgresql/postgres_ext.h:
/usr/include/postgresql/pg_config_ext.h:
userspace/liberot/crypto.h:
