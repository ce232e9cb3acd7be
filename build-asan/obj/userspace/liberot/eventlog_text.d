build-asan/obj/userspace/liberot/eventlog_text.o: \
 userspace/liberot/eventlog_text.c userspace/common/buf.h \
 userspace/common/error.h userspace/liberot/eventlog.h \
 userspace/liberot/pcr.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/liberot/eventlog.h:
userspace/liberot/pcr.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
