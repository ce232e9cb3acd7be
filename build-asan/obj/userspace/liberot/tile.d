build-asan/obj/userspace/liberot/tile.o: userspace/liberot/tile.c \
 userspace/liberot/tlog.h uapi/linux/erot_format.h uapi/linux/erot.h \
 userspace/common/error.h
userspace/liberot/tlog.h:
uapi/linux/erot_format.h:
uapi/linux/erot.h:
userspace/common/error.h:
