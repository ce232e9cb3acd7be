build-asan/obj/userspace/dergd/ledger.o: userspace/dergd/ledger.c \
 userspace/dergd/ledger.h userspace/common/error.h
userspace/dergd/ledger.h:
userspace/common/error.h:
