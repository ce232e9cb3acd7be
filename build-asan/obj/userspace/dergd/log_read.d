build-asan/obj/userspace/dergd/log_read.o: userspace/dergd/log_read.c \
 userspace/dergd/log.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/common/buf.h userspace/common/error.h userspace/dergd/db.h \
 userspace/liberot/logentry.h userspace/liberot/note.h \
 userspace/liberot/tlog.h userspace/dergd/log_priv.h
userspace/dergd/log.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/common/buf.h:
userspace/common/error.h:
userspace/dergd/db.h:
userspace/liberot/logentry.h:
userspace/liberot/note.h:
userspace/liberot/tlog.h:
userspace/dergd/log_priv.h:
