/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk that hangs, or fails, when it is told to: a network block device, served by
 * a process of the test, with a small ext2 on it that the ext4 driver mounts.
 */
#ifndef SELFTESTS_SLOW_DISK_H
#define SELFTESTS_SLOW_DISK_H

#include <limits.h>
#include <sys/types.h>

#define SLOW_DISK_SIZE	(24u << 20)

/**
 * struct slow_disk_orders - shared with the server
 * @hang:   hold the next read, and all that comes after it
 * @skip:   reads that are still answered before some fail
 * @fail:   reads that fail then
 * @failed: reads that did
 */
struct slow_disk_orders {
	int hang;
	int skip;
	int fail;
	int failed;
};

/**
 * struct slow_disk - a disk, and where it is mounted
 * @dir:    mount point; "" when it is not mounted
 * @orders: what the server does
 * @held:   the server tells that it holds one
 * @go_on:  what is written here makes it answer
 * @dev:    device; -1 when there is none
 * @server: process that answers
 * @driver: process inside NBD_DO_IT
 */
struct slow_disk {
	char dir[64];
	struct slow_disk_orders *orders;
	int held;
	int go_on;
	int dev;
	pid_t server;
	pid_t driver;
};

/* There is no disk: what follows does nothing. */
void slow_disk_none(struct slow_disk *d);

/* 0 or a negative errno. To be ended in any case. */
int slow_disk_begin(struct slow_disk *d);
void slow_disk_end(struct slow_disk *d);

/* A copy of what @fd holds, in a file of the disk, none of it in memory; or a negative errno. */
int slow_disk_copy(struct slow_disk *d, const char *name, int fd);

/* From now on reads hang. */
void slow_disk_hang(struct slow_disk *d);

/* Of the reads to come @skip are answered, and the next @count (INT_MAX: all) fail. */
void slow_disk_fail(struct slow_disk *d, int skip, int count);

/* No more of them; how many failed. */
int slow_disk_heal(struct slow_disk *d);

/* Waits until a read hangs; -ETIMEDOUT. */
int slow_disk_wait(struct slow_disk *d, int seconds);

/* Everything that hangs is answered, and what comes later too. */
void slow_disk_go_on(struct slow_disk *d);

#endif
