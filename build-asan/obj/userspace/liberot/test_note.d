build-asan/obj/userspace/liberot/test_note.o: \
 userspace/liberot/test_note.c userspace/liberot/test_oracle.h \
 userspace/common/io.h userspace/common/error.h userspace/common/tap.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/grant.h userspace/liberot/logentry.h \
 userspace/liberot/note.h userspace/common/buf.h userspace/liberot/tlog.h
userspace/liberot/test_oracle.h:
userspace/common/io.h:
userspace/common/error.h:
userspace/common/tap.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/grant.h:
userspace/liberot/logentry.h:
userspace/liberot/note.h:
userspace/common/buf.h:
userspace/liberot/tlog.h:
