// SPDX-License-Identifier: GPL-2.0-only
/*
 * Releases. The checks, in this order, each with its code:
 *
 *	1. the receipt is ours			"cms-...", "receipt-..."
 *	2. it is inside its time		"receipt-not-yet-valid", "receipt-expired"
 *	3. its epoch lives			"epoch-unknown", "epoch-destroyed"
 *	4. it was not released to others	"receipt-spent"
 *	5. the host is as it demands		"host-state"
 *	6. the root gives its public key	"key-mismatch"
 *
 * The answer is in the ledger before it leaves; the same session gets the same
 * one again, byte for byte, so that a lost answer costs nothing.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dergd/authority.h"
#include "liberot/cms.h"
#include "liberot/names.h"

#define RECORD_VERSION 1

/**
 * struct record - a release in the ledger
 * @version: RECORD_VERSION
 * @host_state: as claimed
 * @time: seconds since 1970
 * @session_pk: to whom
 * @boot_pk: where
 * @release: the answer
 */
struct record {
	__le32 version;
	__le32 host_state;
	__le64 time;
	uint8_t session_pk[EROT_KEY_SIZE];
	uint8_t boot_pk[EROT_KEY_SIZE];
	struct erot_release release;
} __attribute__((packed));

static int check_epoch(struct derg *d, const struct erot_receipt_info *r, struct epoch *e,
		       struct erot_error *err)
{
	int ret;

	ret = epoch_load(&d->ledger, r->grant.tenant, r->grant.epoch, e, err);
	if (ret)
		return ret;
	if (e->state != EPOCH_ACTIVE && e->state != EPOCH_DRAINING)
		return erot_fail(err, EPERM, "epoch-destroyed", "epoch %" PRIu32 " of %s is %s",
				 e->number, e->tenant, epoch_state_name(e->state));
	return 0;
}

/* 0 and *again: this very session has its answer; 0: nobody has; else an error. */
static int check_spent(struct derg *d, const char *name, const struct derg_release_request *in,
		       struct record *rec, int *again, struct erot_error *err)
{
	size_t len;
	void *data;
	int ret;

	*again = 0;
	ret = ledger_get(&d->ledger, LEDGER_RELEASE, name, &data, &len, err);
	if (ret == -ENOENT)
		return 0;
	if (ret)
		return ret;
	if (len != sizeof(*rec)) {
		free(data);
		return erot_fail(err, EIO, "ledger", "record of a release is damaged");
	}
	memcpy(rec, data, sizeof(*rec));
	free(data);
	if (le32toh(rec->version) != RECORD_VERSION)
		return erot_fail(err, EIO, "ledger", "record of a release is damaged");
	if (memcmp(rec->session_pk, in->session_pk, EROT_KEY_SIZE) ||
	    memcmp(rec->boot_pk, in->boot_pk, EROT_KEY_SIZE))
		return erot_fail(err, EPERM, "receipt-spent",
				 "this receipt was released to another session");
	*again = 1;
	return 0;
}

static int check_host(const struct erot_receipt_info *r, uint32_t host_state,
		      struct erot_error *err)
{
	uint32_t missing = r->host & ~host_state;
	char names[128];

	if (!missing)
		return 0;
	return erot_fail(err, EPERM, "host-state", "host lacks what the receipt demands: %s",
			 erot_host_format(missing, names, sizeof(names)));
}

static int seal(struct derg *d, const struct epoch *e, const struct erot_receipt_info *r,
		const struct derg_release_request *in, uint64_t now, struct erot_release *out,
		struct erot_error *err)
{
	uint64_t left = r->not_after - now;
	uint8_t seed[EROT_DIGEST_SIZE];
	char label[EPOCH_ROOT_MAX];
	struct hsm_release req;
	int ret;

	ret = derg_seed(e, &r->grant, seed, err);
	if (ret)
		return ret;
	memcpy(req.pk, r->grant.erot_pk, sizeof(req.pk));
	memcpy(req.receipt, r->digest, sizeof(req.receipt));
	memcpy(req.session_pk, in->session_pk, sizeof(req.session_pk));
	memcpy(req.boot_pk, in->boot_pk, sizeof(req.boot_pk));
	req.derg_time = now;
	req.valid_seconds = left < d->config.valid_seconds ? left : d->config.valid_seconds;
	if (!req.valid_seconds)
		req.valid_seconds = 1;	/* the last second of the receipt */
	req.max_runtime = r->max_runtime;
	epoch_root(e, label);
	return hsm_release(&d->hsm, label, seed, &req, out, err);
}

static int release_locked(struct derg *d, const struct erot_receipt_info *r,
			  const struct derg_release_request *in, uint64_t now,
			  struct erot_release *out, struct erot_error *err)
{
	char name[LEDGER_NAME_MAX];
	struct record rec;
	struct epoch e;
	int again, ret;

	ledger_name(name, r->digest);
	ret = check_epoch(d, r, &e, err);
	if (!ret)
		ret = check_spent(d, name, in, &rec, &again, err);
	if (!ret)
		ret = check_host(r, in->host_state, err);
	if (ret)
		return ret;
	if (!again) {
		memset(&rec, 0, sizeof(rec));
		rec.version = htole32(RECORD_VERSION);
		rec.host_state = htole32(in->host_state);
		rec.time = htole64(now);
		memcpy(rec.session_pk, in->session_pk, EROT_KEY_SIZE);
		memcpy(rec.boot_pk, in->boot_pk, EROT_KEY_SIZE);
		ret = seal(d, &e, r, in, now, &rec.release, err);
		if (!ret)
			ret = ledger_put(&d->ledger, LEDGER_RELEASE, name, &rec, sizeof(rec), err);
	}
	if (!ret)
		*out = rec.release;
	return ret;
}

/**
 * derg_release() - releases an ERoT to one session
 * @d: open
 * @in: who asks, with what
 * @now: seconds since 1970
 * @out: sealed private key
 * @err: see above
 *
 * Return: 0 or a negative errno.
 */
int derg_release(struct derg *d, const struct derg_release_request *in, uint64_t now,
		 struct erot_release *out, struct erot_error *err)
{
	struct erot_receipt_info r;
	uint8_t *content = NULL;
	size_t len;
	int ret;

	ret = erot_cms_verify(in->receipt, in->receipt_len, d->cert, &content, &len, err);
	if (ret)
		return ret;
	ret = erot_receipt_parse(content, len, &r, err);
	if (!ret)
		ret = erot_receipt_valid_at(&r, now, err);
	if (!ret)
		ret = ledger_lock(&d->ledger, err);
	if (!ret) {
		ret = release_locked(d, &r, in, now, out, err);
		ledger_unlock(&d->ledger);
	}
	free(content);
	return ret;
}
