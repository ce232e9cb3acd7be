build-asan/obj/userspace/dergd/p11_note.o: userspace/dergd/p11_note.c \
 userspace/dergd/p11.h /usr/include/p11-kit-1/p11-kit/pkcs11.h \
 userspace/common/error.h
userspace/dergd/p11.h:
/usr/include/p11-kit-1/p11-kit/pkcs11.h:
userspace/common/error.h:
