build-asan/obj/userspace/dergd/uri.o: userspace/dergd/uri.c \
 /usr/include/p11-kit-1/p11-kit/uri.h \
 /usr/include/p11-kit-1/p11-kit/pkcs11.h userspace/dergd/p11.h \
 userspace/common/error.h
/usr/include/p11-kit-1/p11-kit/uri.h:
/usr/include/p11-kit-1/p11-kit/pkcs11.h:
userspace/dergd/p11.h:
userspace/common/error.h:
