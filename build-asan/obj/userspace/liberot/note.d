build-asan/obj/userspace/liberot/note.o: userspace/liberot/note.c \
 userspace/common/base64.h userspace/common/error.h userspace/common/io.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/note.h userspace/common/buf.h userspace/liberot/tlog.h
userspace/common/base64.h:
userspace/common/error.h:
userspace/common/io.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/note.h:
userspace/common/buf.h:
userspace/liberot/tlog.h:
