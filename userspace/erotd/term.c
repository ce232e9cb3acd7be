// SPDX-License-Identifier: GPL-2.0-only
/* The terminal: made inside, its master goes out to erotctl. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "erotd/term.h"

int erotd_term_open(unsigned short rows, unsigned short cols, uint32_t uid, struct erot_error *err)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };
	int master, slave = -1, num, zero = 0;

	master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return erot_fail(err, errno, "terminal", "/dev/pts/ptmx: %s", strerror(errno));
	/* By the master itself: no path that somebody could have changed. */
	if (ioctl(master, TIOCSPTLCK, &zero))
		goto fail;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || fchown(slave, uid, (gid_t)-1) || ioctl(slave, TIOCSWINSZ, &size) ||
	    ioctl(slave, TIOCSCTTY, 0))
		goto fail;
	for (int i = 0; i < 3; i++)
		if (dup2(slave, i) < 0)
			goto fail;
	if (slave > 2)
		close(slave);
	return master;
fail:
	num = errno;
	if (slave > 2)
		close(slave);
	close(master);
	return erot_fail(err, num, "terminal", "terminal: %s", strerror(num));
}
