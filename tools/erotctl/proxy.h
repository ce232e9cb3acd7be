/* SPDX-License-Identifier: GPL-2.0-only */
/* The user's terminal in raw mode, and a copy loop to the workload's. */
#ifndef EROTCTL_PROXY_H
#define EROTCTL_PROXY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct proxy - between stdin, stdout and the master of the workload's terminal
 * @master: -1 before it came and after its end
 * @input:  read from stdin, not written to the master yet
 * @closed: nothing more comes from stdin
 * @open_line: the last byte from stdin ended no line
 */
struct proxy {
	int master;
	char input[4096];
	size_t have;
	bool closed;
	bool open_line;
};

/* Size of the terminal on stdin, stdout or stderr, if there is one. */
void proxy_size(unsigned short *rows, unsigned short *cols);

/* Take the master over; a terminal on stdin goes raw and is put back at exit. -errno. */
int proxy_begin(struct proxy *p, int master);

/* SIGWINCH came. */
void proxy_resize(const struct proxy *p);

/* Fill p[0] (stdin) and p[1] (master) for poll(), then act on them. */
void proxy_poll(const struct proxy *p, struct pollfd fds[2]);
void proxy_copy(struct proxy *p, const struct pollfd fds[2]);

/* The workload is gone: print what is left, close, put the terminal back. */
void proxy_end(struct proxy *p);

#endif /* EROTCTL_PROXY_H */
