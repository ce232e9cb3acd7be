build-asan/obj/userspace/liberot/names.o: userspace/liberot/names.c \
 userspace/liberot/names.h uapi/linux/erot_format.h uapi/linux/erot.h
userspace/liberot/names.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
