// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends of launches: evidence is checked by the HSM helper, which alone can
 * derive the evidence key, and carried whole in a signed destruction record.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dergd/authority.h"
#include "liberot/cms.h"
#include "liberot/evidence.h"

static int was_released(struct derg *d, const char *name, struct erot_error *err)
{
	size_t len;
	void *data;
	int ret;

	ret = ledger_get(&d->ledger, LEDGER_RELEASE, name, &data, &len, err);
	if (ret == -ENOENT)
		return erot_fail(err, EPERM, "not-released", "this receipt was never released");
	if (!ret)
		free(data);
	return ret;
}

static int check(struct derg *d, const struct erot_receipt_info *r, const void *ev, size_t ev_len,
		 struct erot_error *err)
{
	uint8_t seed[EROT_DIGEST_SIZE];
	char label[EPOCH_ROOT_MAX], name[LEDGER_NAME_MAX];
	struct erot_evidence copy;
	struct epoch e;
	int ret;

	ret = erot_evidence_check_form(ev, ev_len, err);
	if (ret)
		return ret;
	memcpy(&copy, ev, sizeof(copy));
	ret = epoch_load(&d->ledger, r->grant.tenant, r->grant.epoch, &e, err);
	if (ret)
		return ret;
	if (e.state == EPOCH_DESTROYED)
		return erot_fail(err, EPERM, "epoch-destroyed",
				 "epoch %" PRIu32 " of %s is gone: nobody can check this", e.number,
				 e.tenant);
	ledger_name(name, r->digest);
	ret = was_released(d, name, err);
	if (!ret)
		ret = derg_seed(&e, &r->grant, seed, err);
	if (ret)
		return ret;
	epoch_root(&e, label);
	return hsm_check(&d->hsm, label, seed, r->grant.erot_pk, r->digest, &copy, err);
}

static int open_receipt(struct derg *d, const void *receipt, size_t receipt_len,
			struct erot_receipt_info *r, uint8_t **content, struct erot_error *err)
{
	size_t len;
	int ret;

	ret = erot_cms_verify(receipt, receipt_len, d->cert, content, &len, err);
	if (!ret)
		ret = erot_receipt_parse(*content, len, r, err);
	return ret;
}

/**
 * derg_check_evidence() - is evidence genuine?
 * @d: open
 * @receipt: CMS of the launch
 * @receipt_len: bytes
 * @ev: struct erot_evidence
 * @ev_len: bytes
 * @err: in this order: "cms-...", "receipt-...", "evidence-..." (form), "epoch-...",
 *       "not-released", "key-mismatch", "evidence-receipt", "evidence-mac"
 *
 * Return: 0 or a negative errno.
 */
int derg_check_evidence(struct derg *d, const void *receipt, size_t receipt_len, const void *ev,
			size_t ev_len, struct erot_error *err)
{
	struct erot_receipt_info r;
	uint8_t *content = NULL;
	int ret;

	ret = open_receipt(d, receipt, receipt_len, &r, &content, err);
	if (!ret)
		ret = check(d, &r, ev, ev_len, err);
	free(content);
	return ret;
}

/* A retry gives the record that was made; other evidence for the same launch is refused. */
static int ended_before(struct derg *d, const char *name, const void *ev, uint8_t **cms,
			size_t *cms_len, struct erot_error *err)
{
	struct erot_destruction_info info;
	uint8_t *content = NULL;
	size_t len, content_len;
	void *data;
	int ret;

	ret = ledger_get(&d->ledger, LEDGER_END, name, &data, &len, err);
	if (ret)
		return ret;
	ret = erot_cms_content(data, len, &content, &content_len, err);
	if (!ret)
		ret = erot_destruction_parse(content, content_len, &info, err);
	if (!ret && memcmp(&info.evidence, ev, sizeof(info.evidence)))
		ret = erot_fail(err, EPERM, "already-ended",
				"other evidence was given for this launch before");
	free(content);
	if (ret) {
		free(data);
		return ret == -ENOENT ? -EIO : ret;
	}
	*cms = data;
	*cms_len = len;
	return 0;
}

static int make_record(struct derg *d, const char *name, const void *ev, uint64_t now,
		       uint8_t **cms, size_t *cms_len, struct erot_error *err)
{
	struct erot_destruction_info info = { .time = now };
	uint8_t *content = NULL;
	size_t len;
	int ret;

	memcpy(&info.evidence, ev, sizeof(info.evidence));
	ret = erot_destruction_build(&info, &content, &len, err);
	if (!ret)
		ret = derg_sign(d, content, len, cms, cms_len, err);
	if (!ret)
		ret = ledger_put(&d->ledger, LEDGER_END, name, *cms, *cms_len, err);
	if (ret) {
		free(*cms);
		*cms = NULL;
	}
	free(content);
	return ret;
}

/**
 * derg_terminate() - checks evidence and signs the destruction record
 * @d: open
 * @receipt: CMS of the launch
 * @receipt_len: bytes
 * @ev: struct erot_evidence
 * @ev_len: bytes
 * @now: seconds since 1970
 * @cms: destruction record, to be freed
 * @cms_len: bytes
 * @err: as of derg_check_evidence(), then "already-ended"
 *
 * Return: 0 or a negative errno.
 */
int derg_terminate(struct derg *d, const void *receipt, size_t receipt_len, const void *ev,
		   size_t ev_len, uint64_t now, uint8_t **cms, size_t *cms_len,
		   struct erot_error *err)
{
	struct erot_receipt_info r;
	char name[LEDGER_NAME_MAX];
	uint8_t *content = NULL;
	int ret;

	*cms = NULL;
	ret = open_receipt(d, receipt, receipt_len, &r, &content, err);
	if (!ret)
		ret = check(d, &r, ev, ev_len, err);
	if (!ret)
		ret = ledger_lock(&d->ledger, err);
	if (ret)
		goto out;
	ledger_name(name, r.digest);
	ret = ended_before(d, name, ev, cms, cms_len, err);
	if (ret == -ENOENT)
		ret = make_record(d, name, ev, now, cms, cms_len, err);
	ledger_unlock(&d->ledger);
out:
	free(content);
	return ret;
}
