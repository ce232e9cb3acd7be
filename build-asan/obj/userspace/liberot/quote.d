build-asan/obj/userspace/liberot/quote.o: userspace/liberot/quote.c \
 userspace/common/buf.h userspace/common/error.h userspace/common/io.h \
 userspace/liberot/crypto.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/liberot/quote.h userspace/liberot/pcr.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/common/io.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/quote.h:
userspace/liberot/pcr.h:
