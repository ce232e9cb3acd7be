build-asan/obj/userspace/liberot/policy_check.o: \
 userspace/liberot/policy_check.c userspace/common/io.h \
 userspace/common/error.h userspace/liberot/names.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/liberot/policy.h \
 userspace/liberot/eventlog.h userspace/liberot/pcr.h \
 userspace/liberot/state.h userspace/liberot/quote.h
userspace/common/io.h:
userspace/common/error.h:
userspace/liberot/names.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/policy.h:
userspace/liberot/eventlog.h:
userspace/liberot/pcr.h:
userspace/liberot/state.h:
userspace/liberot/quote.h:
