build-asan/obj/userspace/liberot/state.o: userspace/liberot/state.c \
 userspace/common/base64.h userspace/common/error.h \
 userspace/liberot/eventlog.h userspace/liberot/pcr.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/liberot/names.h \
 userspace/liberot/object.h userspace/liberot/state.h
userspace/common/base64.h:
userspace/common/error.h:
userspace/liberot/eventlog.h:
userspace/liberot/pcr.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/names.h:
userspace/liberot/object.h:
userspace/liberot/state.h:
