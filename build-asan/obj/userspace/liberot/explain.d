build-asan/obj/userspace/liberot/explain.o: userspace/liberot/explain.c \
 userspace/common/io.h userspace/common/error.h \
 userspace/liberot/explain.h userspace/liberot/policy.h \
 userspace/liberot/eventlog.h userspace/liberot/pcr.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/liberot/state.h
userspace/common/io.h:
userspace/common/error.h:
userspace/liberot/explain.h:
userspace/liberot/policy.h:
userspace/liberot/eventlog.h:
userspace/liberot/pcr.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/state.h:
