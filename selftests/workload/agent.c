// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workload of the module's own tests. "serve" does what it is told through
 * descriptor 0; the other words name what it does.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "selftests/agent.h"

static sigjmp_buf on_bus;
static struct agent_answer answer;

static void bus(int sig)
{
	(void)sig;
	siglongjmp(on_bus, 1);
}

static void read_from(int fd, const struct agent_request *r)
{
	ssize_t n;

	while (answer.len < r->len) {
		n = pread(fd, answer.data + answer.len, r->len - answer.len,
			  (off_t)(r->off + answer.len));
		if (n < 0)
			answer.err = errno;
		if (n <= 0)
			break;
		answer.len += (uint32_t)n;
	}
}

static void do_read(const struct agent_request *r)
{
	int fd = open(r->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		answer.err = errno;
		return;
	}
	read_from(fd, r);
	close(fd);
}

/* So that the file system is asked for just that, and nothing ahead. */
static void do_cold(const struct agent_request *r)
{
	int fd = open(r->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		answer.err = errno;
		return;
	}
	answer.err = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) ?:
		     posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	if (!answer.err)
		read_from(fd, r);
	close(fd);
}

static void do_map(const struct agent_request *r)
{
	int fd = open(r->path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *p;

	if (fd < 0 || fstat(fd, &st)) {
		answer.err = errno;
		return;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED) {
		answer.err = errno;
		return;
	}
	if (sigsetjmp(on_bus, 1)) {
		answer.err = AGENT_SIGBUS;
	} else {
		memcpy(answer.data, p + r->off, r->len);
		answer.len = r->len;
	}
	munmap(p, (size_t)st.st_size);
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static void do_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		wait_for_ever();
	if (pid < 0)
		answer.err = errno;
	answer.len = (uint32_t)pid;
}

static void do_aside(const struct agent_request *r)
{
	pid_t pid = fork();

	if (!pid) {
		do_read(r);
		_exit(0);
	}
	if (pid < 0)
		answer.err = errno;
}

static void do_churn(const struct agent_request *r)
{
	uint32_t i, at;
	pid_t pid;

	for (i = 0; i < r->len; i++) {
		pid = fork();
		if (pid < 0)
			answer.err = errno;
		if (pid)
			continue;
		for (;;) {
			int fd = open(r->path, O_RDONLY | O_CLOEXEC);

			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
			for (at = 0; pread(fd, answer.data, AGENT_DATA_MAX, at) > 0;)
				at += AGENT_DATA_MAX;
			close(fd);
		}
	}
}

static void do_oom(void)
{
	for (;;) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(1);
		memset(p, 0x5a, 1 << 20);
	}
}

static void do_pids(void)
{
	pid_t pid;

	while ((pid = fork()) > 0)
		answer.len++;
	if (!pid)
		wait_for_ever();
	answer.err = errno;
}

/* The pattern is made here, so that it stands in no file and no other process. */
static void do_canary(const struct agent_request *r)
{
	static const char half[2][17] = { "EROT-plain-half1", "half2-nialp-TORE" };
	size_t len = (size_t)r->off, i;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		answer.err = errno;
		return;
	}
	for (i = 0; i + 32 <= len; i += 32) {
		memcpy(p + i, half[0], 16);
		memcpy(p + i + 16, half[1], 16);
	}
	answer.len = (uint32_t)(len >> 10);
}

/* Nothing is left to do after the clock was read but to say so. */
static void do_last(void)
{
	struct timespec t;
	uint64_t ns;

	clock_gettime(CLOCK_BOOTTIME, &t);
	ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	answer.len = sizeof(ns);
	memcpy(answer.data, &ns, sizeof(ns));
	send(0, &answer, offsetof(struct agent_answer, data) + sizeof(ns), MSG_NOSIGNAL);
	_exit(0);
}

static int serve(void)
{
	struct sigaction sa = { .sa_handler = bus };
	struct agent_request r;

	sigaction(SIGBUS, &sa, NULL);
	while (recv(0, &r, sizeof(r), 0) == sizeof(r)) {
		size_t len = 0;

		answer.err = 0;
		answer.len = 0;
		r.path[sizeof(r.path) - 1] = 0;
		switch (r.op) {
		case AGENT_READ:
			do_read(&r);
			len = answer.len;
			break;
		case AGENT_MAP:
			do_map(&r);
			len = answer.len;
			break;
		case AGENT_EXIT:
			_exit((int)r.off);
		case AGENT_FORK:
			do_fork();
			break;
		case AGENT_OOM:
			do_oom();
			break;
		case AGENT_PIDS:
			do_pids();
			break;
		case AGENT_CANARY:
			do_canary(&r);
			break;
		case AGENT_ABORT:
			abort();
		case AGENT_ASIDE:
			do_aside(&r);
			break;
		case AGENT_LAST:
			do_last();
			break;
		case AGENT_COLD:
			do_cold(&r);
			len = answer.len;
			break;
		case AGENT_CHURN:
			do_churn(&r);
			break;
		default:
			answer.err = ENOSYS;
		}
		if (send(0, &answer, offsetof(struct agent_answer, data) + len, MSG_NOSIGNAL) < 0)
			return 99;
	}
	return 98;
}

static void *quiet_thread(void *arg)
{
	return arg;
}

static void *exec_thread(void *arg)
{
	char *const argv[] = { "/bin/agent", "exit", "9", NULL };

	execv(argv[0], argv);
	_exit(97);
	return arg;
}

static void *last_thread(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);	/* its leader has ended by then */
	_exit(11);
}

static int threads(void)
{
	pthread_t t[16];
	int i;

	for (i = 0; i < 16; i++)
		if (pthread_create(&t[i], NULL, quiet_thread, NULL))
			return 96;
	for (i = 0; i < 16; i++)
		pthread_join(t[i], NULL);
	return 16;
}

static int in_thread(void *(*fn)(void *), int leader_stays)
{
	static pthread_t leader;
	pthread_t t;

	leader = pthread_self();
	if (pthread_create(&t, NULL, fn, &leader))
		return 96;
	if (!leader_stays)
		pthread_exit(NULL);
	wait_for_ever();
	return 95;
}

static int many(void)
{
	int i, status, sum = 0;

	for (i = 0; i < 20; i++)
		if (!fork())
			_exit(1);
	while (wait(&status) > 0)
		sum += WEXITSTATUS(status);
	return sum;
}

/*
 * A program that tells with its first instructions that it runs: write(0, program, 1), then
 * pause() for ever. The C library alone would need as long as the death of a sandbox.
 */
static const struct {
	Elf64_Ehdr head;
	Elf64_Phdr load;
	uint8_t code[32];
} tells = {
	.head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_entry = 0x400000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
		.e_phoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
	},
	.load = {
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000,
		.p_filesz = sizeof(tells), .p_memsz = sizeof(tells), .p_align = 4096,
	},
	.code = {
		0x31, 0xff,			/* xor %edi, %edi */
		0xbe, 0x00, 0x00, 0x40, 0x00,	/* mov $0x400000, %esi */
		0xba, 0x01, 0x00, 0x00, 0x00,	/* mov $1, %edx */
		0xb8, 0x01, 0x00, 0x00, 0x00,	/* mov $SYS_write, %eax */
		0x0f, 0x05,			/* syscall */
		0xb8, 0x22, 0x00, 0x00, 0x00,	/* mov $SYS_pause, %eax */
		0x0f, 0x05,			/* syscall */
		0xeb, 0xf7,			/* jmp back to pause */
	},
};

/* Executes what is no file of the payload; returns if it can't be tried. */
static int exec_copy(void)
{
	char *const argv[] = { "copy", NULL };
	char *const envp[] = { NULL };
	int to = memfd_create("copy", 0);

	if (to < 0 || write(to, &tells, sizeof(tells)) != sizeof(tells))
		return 94;
	fexecve(to, argv, envp);
	return 93;
}

static int read_big(void)
{
	static const struct agent_request r = { .op = AGENT_READ, .len = 4096, .off = 1 << 20,
						.path = "/data/big" };

	do_read(&r);
	return answer.len == r.len ? 7 : 92;
}

/* @fn in a child, perhaps in a pid namespace of its own. Its status, or that it was killed. */
static int in_child(int (*fn)(void), int flags)
{
	int status;
	pid_t pid;

	if (flags && unshare(flags))
		return 91;
	pid = fork();
	if (!pid)
		_exit(fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 90;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	wait_for_ever();	/* all of us are killed with it */
	return 89;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "serve"))
		return serve();
	if (!strcmp(what, "exit") && argc > 2)
		return (int)strtol(argv[2], NULL, 10);
	if (!strcmp(what, "threads"))
		return threads();
	if (!strcmp(what, "exec-from-thread"))
		return in_thread(exec_thread, 1);
	if (!strcmp(what, "leader-exits"))
		return in_thread(last_thread, 0);
	if (!strcmp(what, "many"))
		return many();
	if (!strcmp(what, "exec-copy"))
		return exec_copy();
	if (!strcmp(what, "exec-copy-child"))
		return in_child(exec_copy, 0);
	if (!strcmp(what, "exec-copy-nested"))
		return in_child(exec_copy, CLONE_NEWPID);
	if (!strcmp(what, "read-nested"))
		return in_child(read_big, CLONE_NEWPID);
	return 64;
}
