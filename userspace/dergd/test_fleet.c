// SPDX-License-Identifier: GPL-2.0-only
/*
 * dergd killed under load, alone on SQLite and as one of two on PostgreSQL: test_fleet.py, with a
 * database server.
 */
#include "dergd/test_database.h"

int main(void)
{
	const char *script = tap_source("userspace/dergd/test_fleet.py");
	char self[4096], *slash;
	struct test_base base;
	int status;
	ssize_t n;
	pid_t pid;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return 1;
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	test_base_start(&base);
	test_new_database(&base, "fleet");
	pid = fork();
	if (!pid) {
		execl("/usr/bin/python3", "python3", script, self, base.urls[1], NULL);
		printf("Bail out! no python3\n");
		_exit(1);
	}
	status = test_wait(pid);
	test_base_stop(&base);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
