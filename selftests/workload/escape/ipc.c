// SPDX-License-Identifier: GPL-2.0-only
/*
 * What processes share without a common parent. serve() has it all, in another sandbox or outside;
 * the attempts look for it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "escape.h"

static socklen_t secret_name(struct sockaddr_un *a)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, SECRET_SOCKET, sizeof(SECRET_SOCKET) - 1);
	return offsetof(struct sockaddr_un, sun_path) + sizeof(SECRET_SOCKET) - 1;
}

static int listen_all(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(SECRET_PORT) };
	int tcp = socket(AF_INET, SOCK_STREAM, 0), un = socket(AF_UNIX, SOCK_STREAM, 0), one = 1;
	struct sockaddr_un name;
	socklen_t len = secret_name(&name);

	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return tcp < 0 || un < 0 || bind(tcp, (void *)&in, sizeof(in)) || listen(tcp, 5) ||
	       bind(un, (void *)&name, len) || listen(un, 5);
}

/* Until the end of standard input. */
int serve(void)
{
	int shm = shmget(SECRET_KEY, 4096, IPC_CREAT | 0666);
	int sem = semget(SECRET_KEY, 1, IPC_CREAT | 0666);
	int msg = msgget(SECRET_KEY, IPC_CREAT | 0666);
	int file = open(SECRET_SHM, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
	mqd_t queue = mq_open(SECRET_QUEUE, O_CREAT | O_RDWR, 0666, NULL);
	char c;

	if (shm < 0 || sem < 0 || msg < 0 || file < 0 || queue < 0 || listen_all()) {
		perror("serve");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	shmctl(shm, IPC_RMID, NULL);
	semctl(sem, 0, IPC_RMID);
	msgctl(msg, IPC_RMID, NULL);
	unlink(SECRET_SHM);
	mq_unlink(SECRET_QUEUE);
	return 0;
}

static int sysv_memory(void)
{
	int id = shmget(SECRET_KEY, 0, 0);

	return id < 0 ? errno : shmat(id, NULL, SHM_RDONLY) == (void *)-1 ? errno : WORKS;
}

static int sysv_semaphore(void)
{
	return result(semget(SECRET_KEY, 0, 0));
}

static int sysv_queue(void)
{
	return result(msgget(SECRET_KEY, 0));
}

/* By the place in the table instead of the key. */
static int sysv_walk(void)
{
	struct shmid_ds ds;

	for (int i = 0; i < 1024; i++)
		if (shmctl(i, SHM_STAT_ANY, &ds) >= 0 && ds.shm_perm.__key == SECRET_KEY)
			return WORKS;
	return ENOENT;
}

static int posix_memory(void)
{
	return result(open(SECRET_SHM, O_RDONLY | O_CLOEXEC));
}

static int posix_queue(void)
{
	return result(mq_open(SECRET_QUEUE, O_RDONLY));
}

static int abstract_socket(void)
{
	struct sockaddr_un name;
	socklen_t len = secret_name(&name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? NO_SETUP : result(connect(fd, (void *)&name, len));
}

/* By its path, as erotctl would. */
static int daemon_socket(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || !args.outside)
		return NO_SETUP;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/erotd.sock", args.outside);
	return result(connect(fd, (void *)&name, sizeof(name)));
}

static long keyctl(int op, long a, long b, long c)
{
	return syscall(SYS_keyctl, op, a, b, c, 0);
}

static int add_key(void)
{
	return result(syscall(SYS_add_key, "user", "escape", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int request_key(void)
{
	if (syscall(SYS_add_key, "user", "escape", "x", 1, KEY_SPEC_PROCESS_KEYRING) < 0 &&
	    errno != EPERM)
		return NO_SETUP;
	return result(syscall(SYS_request_key, "user", "escape", NULL, 0));
}

static int session_keyring(void)
{
	return result(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0));
}

static int erot_keyring(void)
{
	return result(keyctl(KEYCTL_READ, args.keyring, 0, 0));
}

static int trust_a_key(void)
{
	static const char not_a_key[] = "x";
	long ret = syscall(SYS_add_key, "asymmetric", "", not_a_key, 1, args.keyring);

	/* outside it gets as far as the parser of certificates */
	return ret < 0 && errno == EBADMSG ? WORKS : result(ret);
}

static int keys_in_proc(void)
{
	FILE *f = fopen("/proc/keys", "re");
	char line[256];

	if (!f)
		return errno;
	return fgets(line, sizeof(line), f) ? WORKS : NO_EFFECT;
}

const struct attempt attempts_ipc[] = {
	{ "System V memory of another sandbox", sysv_memory, ENOENT, ENOENT, WORKS },
	{ "System V semaphores of it", sysv_semaphore, ENOENT, ENOENT, WORKS },
	{ "System V queue of it", sysv_queue, ENOENT, ENOENT, WORKS },
	{ "System V memory, all there is", sysv_walk, ENOENT, ENOENT, WORKS },
	{ "POSIX memory of it", posix_memory, ENOENT, ENOENT, WORKS },
	{ "POSIX queue of it", posix_queue, ENOENT, ENOENT, WORKS },
	{ "abstract socket of it", abstract_socket, ECONNREFUSED, ECONNREFUSED, WORKS },
	{ "erotd's socket", daemon_socket, ENOENT, ENOENT, WORKS },
	{ "add_key", add_key, EPERM, EPERM, WORKS },
	{ "request_key", request_key, EPERM, EPERM, WORKS },
	{ "keyring of the session", session_keyring, EPERM, EPERM, WORKS },
	{ "read the keyring .erot", erot_keyring, EPERM, EPERM, WORKS },
	{ "add a certificate to .erot", trust_a_key, EPERM, EPERM, WORKS },
	{ "/proc/keys", keys_in_proc, NO_EFFECT, NO_EFFECT, WORKS },
	{ 0 }
};
