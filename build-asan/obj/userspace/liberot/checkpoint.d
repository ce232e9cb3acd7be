build-asan/obj/userspace/liberot/checkpoint.o: \
 userspace/liberot/checkpoint.c userspace/common/base64.h \
 userspace/common/error.h userspace/common/io.h userspace/liberot/note.h \
 userspace/common/buf.h userspace/liberot/tlog.h uapi/linux/erot_format.h \
 uapi/linux/erot.h
userspace/common/base64.h:
userspace/common/error.h:
userspace/common/io.h:
userspace/liberot/note.h:
userspace/common/buf.h:
userspace/liberot/tlog.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
