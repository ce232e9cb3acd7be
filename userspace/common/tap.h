/* SPDX-License-Identifier: GPL-2.0-only */
/* TAP for host unit tests: each check is a line, and no check at all is a failure. */
#ifndef EROT_COMMON_TAP_H
#define EROT_COMMON_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned int tap_count, tap_failed;

__attribute__((format(printf, 2, 3), unused))
static int tap_ok(int good, const char *fmt, ...)
{
	va_list ap;

	printf("%s %u ", good ? "ok" : "not ok", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	tap_failed += !good;
	return good;
}

/* The refusal itself is checked: its errno and its code. */
#define tap_refused(ret, num, err, want, name) do {						\
	int tap_ret_ = (ret);									\
	if (!tap_ok(tap_ret_ == -(num) && !strcmp((err)->code, want), "%s: %s", name, want))	\
		printf("# returned %d, code %s, text %s\n", tap_ret_, (err)->code, (err)->text);\
	memset((err), 0, sizeof(*(err)));							\
} while (0)

/* The verdict, with the plan behind the last test as TAP allows. */
__attribute__((unused)) static int tap_done(void)
{
	printf("1..%u\n# %u passed, %u failed\n", tap_count, tap_count - tap_failed, tap_failed);
	return tap_count && !tap_failed ? 0 : 1;
}

/*
 * Path of a file of the source tree: tests run from its top, or from elsewhere with the binary in
 * build/.
 */
__attribute__((unused)) static const char *tap_source(const char *path)
{
	static char found[4096];
	char exe[3000];
	ssize_t n;
	char *slash;

	if (!access(path, R_OK))
		return path;
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n > 0) {
		exe[n] = 0;
		slash = strrchr(exe, '/');
		*slash = 0;
		snprintf(found, sizeof(found), "%s/../%s", exe, path);
		if (!access(found, R_OK))
			return found;
	}
	printf("Bail out! no %s\n", path);
	exit(1);
}

/*
 * A script of the source tree is the test: it is run instead of this program, with the directory of
 * this build's programs as argument.
 */
__attribute__((unused)) static int tap_script(const char *interpreter, const char *script)
{
	const char *path = tap_source(script);
	char self[4096], *slash;
	ssize_t n;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return 1;
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	execl(interpreter, interpreter, path, self, NULL);
	printf("Bail out! no %s\n", interpreter);
	return 1;
}

#endif /* EROT_COMMON_TAP_H */
