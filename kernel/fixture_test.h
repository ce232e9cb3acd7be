/* SPDX-License-Identifier: GPL-2.0-only */
/* What the KUnit suites share. Built with EROT_KUNIT=y only. */
#ifndef EROT_FIXTURE_TEST_H
#define EROT_FIXTURE_TEST_H

#include <kunit/test.h>
#include <linux/types.h>
#include <linux/erot_format.h>

#include "receipt.h"
#include "session.h"

struct file;

/* HPKE seal, written from RFC 9180 without hpke.c; @ct: @len + 16 bytes. */
int erot_test_seal(const u8 pk[EROT_KEY_SIZE], const void *info, size_t info_len, const void *aad,
		   size_t aad_len, const void *pt, size_t len, u8 enc[EROT_KEY_SIZE], u8 *ct);

/**
 * struct test_launch - a session and what userspace would have of it
 * @s:       referenced
 * @id:      of it
 * @fd:      file of the session descriptor, or NULL
 * @handle:  file that ATTACH returns, from ATTACHED
 * @payload: the open payload file, from RUNNING
 * @sk:      ERoT private key
 * @facts:   of a receipt
 * @release: sealed to the session
 */
struct test_launch {
	struct erot_session *s;
	struct file *fd;
	struct file *handle;
	struct file *payload;
	u8 sk[EROT_KEY_SIZE];
	struct erot_receipt_facts facts;
	struct erot_release release;
};

/* Brings a new session into @state by the calls that netlink and the ioctls make. */
void erot_test_begin(struct kunit *test, struct test_launch *l, enum erot_state state);
/* Ends it, if it lives, and waits until it is RELEASED and nothing of it is left. */
void erot_test_end(struct kunit *test, struct test_launch *l);

int erot_test_take(struct test_launch *l);
int erot_test_open(struct test_launch *l);

/* Closes like userspace: with all that it causes done when it returns. */
void erot_test_close(struct file **file);

/**
 * struct test_way - one way to die
 * @name: or NULL, of the last
 * @die:  by the calls that the cause makes; the session is dead when it returns
 * @end:  what it is called
 */
struct test_way {
	const char *name;
	void (*die)(struct test_launch *l);
	enum erot_end end;
};

extern const struct test_way erot_test_ways[];

#endif
