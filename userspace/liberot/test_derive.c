// SPDX-License-Identifier: GPL-2.0-only
/* Derivation against Documentation/derivation-vectors.txt. */
#include <errno.h>

#include "common/io.h"
#include "common/tap.h"
#include "liberot/derive.h"
#include "liberot/evidence.h"

struct value {
	char text[8192];
	uint8_t data[4096];
	size_t len;
};

enum { TENANT, EPOCH, HWKEY, MANIFEST, NONCE, ROOT, TENANT_DIGEST, CONTEXT, SEED, MESSAGE, IKM, SK,
	PK, EVIDENCE_KEY, FIELDS };

static const char *const names[FIELDS] = {
	"tenant", "epoch", "hwkey", "manifest", "nonce", "root", "tenant-digest", "context", "seed",
	"message", "ikm", "sk", "pk", "evidence-key",
};

static struct value v[FIELDS];

static int is(int field, const void *data, size_t len)
{
	return len == v[field].len && !memcmp(data, v[field].data, len);
}

static void check_vector(int number)
{
	uint8_t seed[32], msg[EROT_IKM_MESSAGE_SIZE], ikm[32], sk[32], pk[32], digest[32], key[32];
	struct erot_derive_input in = { .tenant = v[TENANT].text };
	struct erot_error err = { 0 };
	struct erot_buf b = { 0 };
	uint64_t epoch = 0;

	tap_ok(!erot_parse_u64(v[EPOCH].text, UINT32_MAX, &epoch), "vector %d: epoch", number);
	in.epoch = (uint32_t)epoch;
	in.hwkey = v[HWKEY].data;
	in.hwkey_len = v[HWKEY].len;
	in.manifest = v[MANIFEST].data;
	in.manifest_len = v[MANIFEST].len;
	memcpy(in.nonce, v[NONCE].data, 32);
	tap_ok(!erot_tenant_digest(in.tenant, digest, &err) && is(TENANT_DIGEST, digest, 32),
	       "vector %d: tenant digest", number);
	tap_ok(!erot_derive_context(&in, &b, &err) && is(CONTEXT, b.data, b.len),
	       "vector %d: context", number);
	tap_ok(!erot_derive_seed(&in, seed, &err) && is(SEED, seed, 32), "vector %d: seed", number);
	erot_derive_ikm_message(seed, msg);
	tap_ok(is(MESSAGE, msg, sizeof(msg)), "vector %d: message", number);
	tap_ok(!erot_hmac_sha256(v[ROOT].data, v[ROOT].len, msg, sizeof(msg), ikm) &&
	       is(IKM, ikm, 32), "vector %d: ikm", number);
	tap_ok(!erot_hpke_derive_keypair(ikm, 32, sk, pk) && is(SK, sk, 32) && is(PK, pk, 32),
	       "vector %d: key pair", number);
	tap_ok(!erot_evidence_key(sk, key) && is(EVIDENCE_KEY, key, 32),
	       "vector %d: evidence key", number);
	erot_buf_free(&b);
}

static int check_file(void)
{
	struct erot_error err = { 0 };
	int vectors = 0, i;
	unsigned int have = 0;
	char *line, *next;
	uint8_t *text;
	size_t len;

	if (erot_read_file(tap_source("Documentation/derivation-vectors.txt"), 1 << 20, &text, &len,
			   &err))
		return 0;
	for (line = (char *)text; line; line = next) {
		char *eq;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		eq = strstr(line, " = ");
		if (*line == '#' || !eq)
			continue;
		*eq = 0;
		for (i = 0; i < FIELDS && strcmp(line, names[i]); i++)
			;
		if (i == FIELDS || strlen(eq + 3) >= sizeof(v[i].text)) {
			tap_ok(0, "unknown field %s", line);
			continue;
		}
		strncpy(v[i].text, eq + 3, sizeof(v[i].text) - 1);
		v[i].len = strlen(v[i].text) / 2;
		if (i != TENANT && i != EPOCH)
			tap_ok(!erot_unhex(v[i].text, v[i].data, v[i].len), "field %s", line);
		have |= 1U << i;
		if (i != FIELDS - 1)
			continue;
		tap_ok(have == (1U << FIELDS) - 1, "vector %d is complete", vectors + 1);
		check_vector(++vectors);
		have = 0;
	}
	free(text);
	return vectors;
}

static void check_refusals(void)
{
	struct erot_derive_input in = { .tenant = "t", .hwkey = "k", .hwkey_len = 1,
					.manifest = "m", .manifest_len = 1 };
	uint8_t seed[32], other[32];
	struct erot_error err = { 0 };
	char longest[EROT_TENANT_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[EROT_TENANT_MAX + 1] = 0;
	tap_ok(!erot_derive_seed(&in, seed, &err), "smallest input");
	in.nonce[31] ^= 1;
	tap_ok(!erot_derive_seed(&in, other, &err) && memcmp(seed, other, 32),
	       "another nonce, another seed");
	in.tenant = "";
	tap_refused(erot_derive_seed(&in, seed, &err), EINVAL, &err, "tenant", "empty tenant");
	in.tenant = longest;
	tap_refused(erot_derive_seed(&in, seed, &err), EINVAL, &err, "tenant", "long tenant");
	tap_refused(erot_tenant_digest(longest, seed, &err), EINVAL, &err, "tenant", "long tenant");
	in.tenant = "t";
	in.hwkey_len = EROT_HWKEY_MAX + 1;
	tap_refused(erot_derive_seed(&in, seed, &err), EINVAL, &err, "hwkey", "long hardware key");
	in.hwkey_len = 1;
	in.manifest_len = EROT_MANIFEST_MAX + 1;
	tap_refused(erot_derive_seed(&in, seed, &err), EINVAL, &err, "manifest-size",
		    "long manifest");
}

int main(void)
{
	tap_ok(check_file() == 3, "three vectors were checked");
	check_refusals();
	return tap_done();
}
