/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the DERG remembers: small files in directories, each written once. A
 * file is there whole or not at all, and is on the disk before the call that
 * made it returns.
 */
#ifndef DERGD_LEDGER_H
#define DERGD_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/** enum ledger_kind - a directory each */
enum ledger_kind {
	LEDGER_STATEMENT,	/* <statement digest>: CMS */
	LEDGER_USED,		/* <statement digest>: CMS of the receipt made of it */
	LEDGER_RECEIPT,		/* <receipt digest>: CMS */
	LEDGER_RELEASE,		/* <receipt digest>: struct ledger_release */
	LEDGER_END,		/* <receipt digest>: CMS of the destruction record */
	LEDGER_EPOCH,		/* <tenant digest>-<epoch>: JSON; the only kind that is replaced */
	LEDGER_KINDS,
};

#define LEDGER_NAME_MAX	96
#define LEDGER_FILE_MAX	(256 * 1024)

/**
 * struct ledger - an open ledger
 * @dir: descriptor of its directory
 * @lock: descriptor of its lock file; held from ledger_lock() to ledger_unlock()
 * @locked: by this struct
 */
struct ledger {
	int dir;
	int lock;
	int locked;
};

int ledger_create(const char *dir, struct erot_error *err);
int ledger_open(struct ledger *l, const char *dir, struct erot_error *err);
void ledger_close(struct ledger *l);
int ledger_lock(struct ledger *l, struct erot_error *err);
void ledger_unlock(struct ledger *l);
void ledger_name(char name[LEDGER_NAME_MAX], const uint8_t digest[32]);
int ledger_put(struct ledger *l, enum ledger_kind kind, const char *name, const void *data,
	       size_t len, struct erot_error *err);
int ledger_replace(struct ledger *l, enum ledger_kind kind, const char *name, const void *data,
		   size_t len, struct erot_error *err);
int ledger_get(struct ledger *l, enum ledger_kind kind, const char *name, void **data,
	       size_t *len, struct erot_error *err);
int ledger_each(struct ledger *l, enum ledger_kind kind,
		int (*each)(void *ctx, const char *name), void *ctx, struct erot_error *err);

#endif
