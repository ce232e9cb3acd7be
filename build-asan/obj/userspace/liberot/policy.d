build-asan/obj/userspace/liberot/policy.o: userspace/liberot/policy.c \
 userspace/common/io.h userspace/common/error.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/names.h userspace/liberot/object.h \
 userspace/liberot/policy.h userspace/liberot/eventlog.h \
 userspace/liberot/pcr.h userspace/liberot/state.h
userspace/common/io.h:
userspace/common/error.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/names.h:
userspace/liberot/object.h:
userspace/liberot/policy.h:
userspace/liberot/eventlog.h:
userspace/liberot/pcr.h:
userspace/liberot/state.h:
