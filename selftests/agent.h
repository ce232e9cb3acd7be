/* SPDX-License-Identifier: GPL-2.0-only */
/* How a test talks to workload/agent.c: one request, one answer, over a SOCK_SEQPACKET socket. */
#ifndef SELFTESTS_AGENT_H
#define SELFTESTS_AGENT_H

#include <stdint.h>

#define AGENT_DATA_MAX	65536
#define AGENT_SIGBUS	1000	/* agent_answer.err: a touch of mapped memory gave SIGBUS */

enum agent_op {
	AGENT_READ = 1,		/* open, pread @len bytes at @off, close */
	AGENT_MAP,		/* the same through mmap() of the whole file */
	AGENT_EXIT,		/* _exit(@off) */
	AGENT_FORK,		/* a child that only waits; answer: its pid in @len */
	AGENT_OOM,		/* touch memory until it is killed */
	AGENT_PIDS,		/* fork until refused; answer: how many in @len */
	AGENT_CANARY,		/* fill @off bytes with a pattern, and touch them again and again */
	AGENT_ABORT,
	AGENT_ASIDE,		/* AGENT_READ by a child, which tells nothing */
	AGENT_LAST,		/* answer: CLOCK_BOOTTIME in ns, 8 bytes; then _exit(0) */
	AGENT_COLD,		/* AGENT_READ of what no page cache has, in one read of just that */
	AGENT_CHURN,		/* @len children, which read all of the file cold, over and over */
};

/**
 * struct agent_request - what to do
 * @op:   enum agent_op
 * @len:  at most AGENT_DATA_MAX
 * @off:  in the file
 * @path: in the sandbox
 */
struct agent_request {
	uint32_t op;
	uint32_t len;
	uint64_t off;
	char path[64];
};

/**
 * struct agent_answer - what came of it
 * @err:  errno, or AGENT_SIGBUS
 * @len:  bytes of @data, or as the operation says
 * @data: only what was asked for is sent
 */
struct agent_answer {
	int32_t err;
	uint32_t len;
	uint8_t data[AGENT_DATA_MAX];
};

#endif
