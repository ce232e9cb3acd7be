// SPDX-License-Identifier: GPL-2.0-only
/*
 * hog CGROUP: makes processors and memory scarce, until SIGTERM or until whoever
 * started it has gone. Two children spin, one takes the machine's memory to its
 * end and one that of a cgroup of its own, which is made and removed. They are the
 * first that the out-of-memory killer takes, and come back. Says how often.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB		1024L		/* in KiB */
#define STEP		(2 * MIB)
#define GROUP_MAX	(32 * MIB)
#define NEAR		(12 * MIB)	/* what is left to the others when it is nearly too much */
#define OVER_EVERY	5		/* turn that is really too much */

enum hog { CPU, CPU_TOO, MACHINE, GROUP, HOGS };

static const char *cgroup;

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0) {
		fprintf(stderr, "hog: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	close(fd);
}

static void put_group(const char *file, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", cgroup, file);
	put(path, value);
}

static void rest(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static long available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long kib = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/* @most: KiB of which the limit is known; 0: of the machine */
static bool enough(long taken, long most)
{
	return most ? taken + NEAR / 4 >= most : available() <= NEAR;
}

/* One turn: takes, keeps for a moment, gives back. @over: takes until it is killed. */
static void turn(long most, bool over)
{
	void *all[4096];
	long n = 0;

	while (n < (long)(sizeof(all) / sizeof(all[0])) && (over || !enough(n * STEP, most))) {
		all[n] = mmap(NULL, STEP * 1024, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (all[n] == MAP_FAILED)
			break;
		n++;
	}
	rest(200);
	while (n--)
		munmap(all[n], STEP * 1024);
}

static void spin(void)
{
	time_t end = time(NULL) + 1;

	while (time(NULL) <= end)
		;
}

static void __attribute__((noreturn)) hog(enum hog what)
{
	unsigned int i;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	put("/proc/self/oom_score_adj", "1000");
	if (what == GROUP)
		put_group("cgroup.procs", "0");
	for (i = 1;; i++) {
		if (what == CPU || what == CPU_TOO)
			spin();
		else
			turn(what == GROUP ? GROUP_MAX : 0, i % OVER_EVERY == 0);
		rest(200);
	}
}

static pid_t begin(enum hog what)
{
	pid_t pid = fork();

	if (!pid)
		hog(what);
	if (pid < 0)
		rest(100);	/* there is no memory: tried again */
	return pid;
}

static void wait_and_replace(pid_t pids[HOGS], unsigned int came_back[HOGS], const sigset_t *set)
{
	const struct timespec soon = { 0, 300000000 };
	int sig, i;
	pid_t pid;

	do {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			for (i = 0; i < HOGS; i++)
				if (pids[i] == pid)
					pids[i] = -1;
		sig = sigtimedwait(set, NULL, &soon);
		for (i = 0; i < HOGS; i++)
			if (pids[i] < 0 && sig != SIGTERM) {
				pids[i] = begin(i);
				came_back[i] += pids[i] > 0;
			}
	} while (sig != SIGTERM);
}

int main(int argc, char **argv)
{
	unsigned int came_back[HOGS] = { 0 };
	pid_t pids[HOGS];
	sigset_t set;
	int i;

	if (argc != 2)
		return 2;
	cgroup = argv[1];
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (mkdir(cgroup, 0755) && errno != EEXIST) {
		perror(cgroup);
		return 1;
	}
	put_group("memory.max", "32M");
	for (i = 0; i < HOGS; i++)
		pids[i] = begin(i);
	wait_and_replace(pids, came_back, &set);
	for (i = 0; i < HOGS; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	for (i = 0; rmdir(cgroup) && i < 100; i++)
		rest(100);
	printf("# hogs killed for want of memory: %u of the machine's, %u of a cgroup's\n",
	       came_back[MACHINE], came_back[GROUP]);
	return i == 100;
}
