build-asan/obj/userspace/liberot/quote_data.o: \
 userspace/liberot/quote_data.c userspace/common/buf.h \
 userspace/common/error.h userspace/liberot/crypto.h \
 uapi/linux/erot_format.h uapi/linux/erot.h userspace/liberot/quote.h \
 userspace/liberot/pcr.h
userspace/common/buf.h:
userspace/common/error.h:
userspace/liberot/crypto.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/liberot/quote.h:
userspace/liberot/pcr.h:
