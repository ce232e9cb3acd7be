// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "dergd/machine.h"
#include "dergd/policies.h"
#include "dergd/release.h"
#include "liberot/crypto.h"

#define KEEP_SECONDS	3600	/* unused ones, for a refusal that names the reason */

struct making {
	const char *tenant;
	const uint8_t *machine;
	bool attested;
	uint64_t now;
	struct derg_challenge *out;
};

static int selection(struct db *db, struct making *w, struct erot_error *err)
{
	struct erot_policy policy;
	int ret;

	if (!w->attested)
		return 0;
	ret = policies_load(db, w->tenant, &policy, err);
	if (ret)
		return ret;
	w->out->pcrs = erot_policy_selection(&policy);
	erot_policy_free(&policy);
	return 0;
}

static int work(struct db *db, void *ctx, struct erot_error *err)
{
	struct making *w = ctx;
	struct machine m;
	int ret;

	ret = machine_load(db, w->tenant, w->machine, &m, err);
	if (!ret)
		ret = machine_usable(&m, w->attested, err);
	if (!ret)
		ret = selection(db, w, err);
	/* whoever asks without end fills nothing */
	if (!ret)
		ret = db_run(db, err, NULL, "DELETE FROM challenge "
			     "WHERE used IS NULL AND expires < $1",
			     DB_ARGS(db_int(w->now > KEEP_SECONDS ? w->now - KEEP_SECONDS : 0)));
	if (!ret)
		ret = db_run(db, err, NULL, "INSERT INTO challenge "
			     "(challenge, tenant, machine, expires) VALUES ($1, $2, $3, $4)",
			     DB_ARGS(db_blob(w->out->challenge, DERG_CHALLENGE_SIZE),
				     db_text(w->tenant), db_blob(w->machine, EROT_DIGEST_SIZE),
				     db_int(w->out->expires)));
	return ret;
}

int derg_challenge(struct derg *d, const char *tenant, const uint8_t machine[EROT_DIGEST_SIZE],
		   uint64_t now, struct derg_challenge *out, struct erot_error *err)
{
	struct making w = {
		.tenant = tenant,
		.machine = machine,
		.attested = d->a->config.attested,
		.now = now,
		.out = out,
	};

	memset(out, 0, sizeof(*out));
	if (erot_random(out->challenge, sizeof(out->challenge)))
		return erot_fail(err, EIO, "crypto", "no random numbers");
	out->expires = now + d->a->config.challenge_seconds;
	return db_transaction(d->db, DB_SHARED, work, &w, err);
}
