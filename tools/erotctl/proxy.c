// SPDX-License-Identifier: GPL-2.0-only
/* Terminal proxy. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/io.h"
#include "proxy.h"

static struct termios before;
static bool raw;

static void restore(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	raw = false;
}

static bool get_size(struct winsize *size)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (!ioctl(fd, TIOCGWINSZ, size))
			return true;
	return false;
}

void proxy_size(unsigned short *rows, unsigned short *cols)
{
	struct winsize size;

	if (!get_size(&size))
		return;
	*rows = size.ws_row;
	*cols = size.ws_col;
}

void proxy_resize(const struct proxy *p)
{
	struct winsize size;

	if (p->master >= 0 && get_size(&size))
		ioctl(p->master, TIOCSWINSZ, &size);
}

static int make_raw(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &before))
		return errno == ENOTTY ? 0 : -errno;
	/* Signals that end this process are read from a descriptor, so exit() is always passed. */
	if (atexit(restore) || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -ENOMEM;
	t = before;
	cfmakeraw(&t);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &t))
		return -errno;
	raw = true;
	return 0;
}

int proxy_begin(struct proxy *p, int master)
{
	int ret;

	if (fcntl(master, F_SETFL, O_NONBLOCK))
		return -errno;
	ret = make_raw();
	if (ret)
		return ret;
	p->master = master;
	proxy_resize(p);	/* it may have changed since the request */
	return 0;
}

/* A terminal has no end: the character for it says so, a first one ends an unfinished line. */
static void end_input(struct proxy *p)
{
	struct termios t;

	p->closed = true;
	if (p->master < 0 || tcgetattr(p->master, &t) || !(t.c_lflag & ICANON))
		return;
	memset(p->input, t.c_cc[VEOF], 2);
	p->have = p->open_line ? 2 : 1;
}

void proxy_poll(const struct proxy *p, struct pollfd fds[2])
{
	fds[0] = (struct pollfd){ .fd = -1 };
	fds[1] = (struct pollfd){ .fd = p->master, .events = POLLIN };
	if (p->master < 0)
		return;
	if (p->have)
		fds[1].events |= POLLOUT;
	else if (!p->closed)
		fds[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
}

static void from_master(struct proxy *p)
{
	char chunk[4096];
	ssize_t n = read(p->master, chunk, sizeof(chunk));

	if (n > 0 && !erot_write_full(STDOUT_FILENO, chunk, (size_t)n))
		return;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* EIO: nobody has the other side open any more */
	close(p->master);
	p->master = -1;
}

void proxy_copy(struct proxy *p, const struct pollfd fds[2])
{
	ssize_t n;

	if (fds[0].revents) {
		n = read(STDIN_FILENO, p->input, sizeof(p->input));
		if (n > 0) {
			p->have = (size_t)n;
			p->open_line = p->input[n - 1] != '\n';
		} else if (n == 0 || errno != EINTR) {
			end_input(p);
		}
	}
	if (p->have && p->master >= 0 && fds[1].revents & POLLOUT) {
		n = write(p->master, p->input, p->have);
		if (n > 0) {
			memmove(p->input, p->input + n, p->have - (size_t)n);
			p->have -= (size_t)n;
		}
	}
	if (fds[1].revents & (POLLIN | POLLHUP | POLLERR) && p->master >= 0)
		from_master(p);
}

void proxy_end(struct proxy *p)
{
	struct pollfd fd;

	while (p->master >= 0) {
		fd = (struct pollfd){ .fd = p->master, .events = POLLIN };
		if (poll(&fd, 1, 0) <= 0)
			break;
		from_master(p);
	}
	if (p->master >= 0)
		close(p->master);
	p->master = -1;
	restore();
}
