build-asan/obj/userspace/liberot/test_tlog.o: \
 userspace/liberot/test_tlog.c userspace/liberot/test_oracle.h \
 userspace/common/io.h userspace/common/error.h userspace/common/tap.h \
 userspace/liberot/tlog.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/liberot/test_oracle.h:
userspace/common/io.h:
userspace/common/error.h:
userspace/common/tap.h:
userspace/liberot/tlog.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
