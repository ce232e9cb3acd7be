/* SPDX-License-Identifier: GPL-2.0-only */
/* Netlink by hand: messages may be malformed, and an exchange is two system calls. */
#ifndef FUZZ_WIRE_H
#define FUZZ_WIRE_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX	(68 << 10)

/**
 * struct wire - one socket
 * @fd:     bound; with extended acknowledgements
 * @family: number of "erot"
 * @seq:    of the last message
 * @len:    bytes of @out
 * @out:    message being built
 * @in:     last datagram
 */
struct wire {
	int fd;
	uint16_t family;
	uint32_t group;
	uint32_t seq;
	size_t len;
	uint8_t out[WIRE_MAX];
	uint8_t in[32 << 10];
};

/* 0 or -errno; -ENOENT: the module is not there. */
int wire_open(struct wire *w);

void wire_begin(struct wire *w, uint8_t cmd, uint16_t flags);
void wire_attr(struct wire *w, uint16_t type, const void *data, size_t len);

/**
 * wire_exchange() - send what was built, read all that comes of it
 * @answer: called for each answer that is not an acknowledgement; may be NULL
 * @text:   filled with the kernel's own words or ""
 *
 * Return: the kernel's verdict, -errno; -EAGAIN when it said nothing.
 */
int wire_exchange(struct wire *w, void (*answer)(void *ctx, const struct nlmsghdr *h), void *ctx,
		  char text[128]);

/* The attribute of @h that has @type and at least @len bytes, or NULL. */
const void *wire_find(const struct nlmsghdr *h, uint16_t type, size_t len);

#endif
