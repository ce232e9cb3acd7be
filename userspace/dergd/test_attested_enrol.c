// SPDX-License-Identifier: GPL-2.0-only
/* Enrolments: what a machine proves, once, and what is refused with which code. */
#include "dergd/test_attested.h"

#include "liberot/softkey.h"

static struct box one, two, stranger;

static int begin(const char *tenant, const struct box *b, struct enrol_answer *a)
{
	struct box_keys k;

	box_keys(b, &k);
	return machine_enrol(&derg, tenant, &k.request, now, a, &err);
}

static int activate(const char *tenant, const struct enrol_answer *a, const void *proof, size_t len,
		    uint64_t when)
{
	uint8_t enrolment[EROT_DIGEST_SIZE];

	return machine_activate(&derg, tenant, a->id, proof, len, when, enrolment, &err);
}

static void test_golden(void)
{
	uint8_t secret[32], enrolment[EROT_DIGEST_SIZE], zero[EROT_DIGEST_SIZE] = { 0 };
	struct enrol_answer a;
	struct machine m;

	make_tenant("golden");
	must(begin("golden", &one, &a));
	must(machine_get(&derg, "golden", a.id, &m, &err));
	tap_ok(m.state == MACHINE_PENDING && !memcmp(m.enrolment, zero, 32), "pending at first");
	tap_ok(!box_activate(&one, &a, secret, &err), "the TPM opens the credential");
	must(machine_activate(&derg, "golden", a.id, secret, sizeof(secret), now, enrolment, &err));
	must(machine_get(&derg, "golden", a.id, &m, &err));
	tap_ok(m.state == MACHINE_ENROLLED && !m.software &&
	       !memcmp(m.enrolment, enrolment, 32) && memcmp(enrolment, zero, 32),
	       "enrolled, and its record is named");
	tap_refused(begin("golden", &one, &a), EEXIST, &err, "machine-enrolled", "again");
	tap_refused(activate("golden", &a, secret, 32, now), EEXIST, &err, "machine-enrolled",
		    "the same proof again");
	tap_refused(machine_get(&derg, "default", a.id, &m, &err), ENOENT, &err, "machine-unknown",
		    "another tenant does not know it");
	make_tenant("golden-too");
	enrol("golden-too", &one);
	tap_ok(!memcmp(one.id, m.id, 32), "the same machine with another tenant");
}

static void test_proofs(void)
{
	struct enrol_answer a, b;
	uint8_t secret[32];

	make_tenant("proofs");
	must(begin("proofs", &one, &a));
	tap_refused(box_activate(&two, &a, secret, &err), EKEYREJECTED, &err, "tpm-activate",
		    "another TPM cannot open it");
	must(box_activate(&one, &a, secret, &err));
	secret[31] ^= 1;
	tap_refused(activate("proofs", &a, secret, 32, now), EKEYREJECTED, &err,
		    "activation-secret", "wrong secret");
	secret[31] ^= 1;
	tap_refused(activate("proofs", &a, secret, 32, now), EPERM, &err, "activation-expired",
		    "which has ended the enrolment");
	must(begin("proofs", &one, &a));
	tap_refused(activate("proofs", &a, secret, 32, now), EKEYREJECTED, &err,
		    "activation-secret", "the secret of an enrolment before");
	must(begin("proofs", &one, &a));
	must(box_activate(&one, &a, secret, &err));
	tap_refused(activate("proofs", &a, secret, 31, now), EKEYREJECTED, &err,
		    "activation-secret", "secret cut");
	must(begin("proofs", &one, &a));
	must(box_activate(&one, &a, secret, &err));
	tap_refused(activate("proofs", &a, secret, 32, now + 601), EPERM, &err,
		    "activation-expired", "too late");
	tap_ok(!activate("proofs", &a, secret, 32, now + 600), "in time");
	must(begin("proofs", &two, &b));
	tap_refused(activate("proofs", &b, secret, 32, now), EKEYREJECTED, &err,
		    "activation-secret", "another machine's secret");
	tap_refused(activate("default", &b, secret, 32, now), ENOENT, &err, "machine-unknown",
		    "another tenant's machine");
}

static void test_refused(void)
{
	struct enrol_answer a;
	struct box_keys k, other;
	uint8_t secret[32];

	make_tenant("refused");
	tap_refused(begin("nobody", &one, &a), ENOENT, &err, "tenant-unknown", "tenant");
	tap_refused(begin("refused", &stranger, &a), EKEYREJECTED, &err, "ek-chain",
		    "TPM of a maker that is not trusted");
	box_keys(&one, &k);
	box_keys(&two, &other);
	k.request.ek_cert_len--;
	tap_refused(machine_enrol(&derg, "refused", &k.request, now, &a, &err), EBADMSG, &err,
		    "ek-certificate", "certificate cut");
	k.request.ek_cert_len++;
	tap_refused(machine_enrol(&derg, "refused", &k.request, now - 30 * 86400, &a, &err),
		    EKEYEXPIRED, &err, "ek-expired", "certificate not yet valid");
	k.ak[6 + 1] &= ~0x01;	/* TPMA_OBJECT_RESTRICTED, bit 16 of a big-endian word */
	tap_refused(machine_enrol(&derg, "refused", &k.request, now, &a, &err), EKEYREJECTED, &err,
		    "ak-attributes", "attestation key that is not restricted");
	k.ak[6 + 1] |= 0x01;
	k.ak[6 + 3] &= ~0x02;	/* TPMA_OBJECT_FIXEDTPM */
	tap_refused(machine_enrol(&derg, "refused", &k.request, now, &a, &err), EKEYREJECTED, &err,
		    "ak-attributes", "attestation key that may leave its TPM");
	k.ak[6 + 3] |= 0x02;
	k.request.ak_public = other.ak;
	must(machine_enrol(&derg, "refused", &k.request, now, &a, &err));
	tap_refused(box_activate(&one, &a, secret, &err), EKEYREJECTED, &err, "tpm-activate",
		    "certificate of one TPM, key of another: the one");
	tap_refused(box_activate(&two, &a, secret, &err), EKEYREJECTED, &err, "tpm-activate",
		    "and the other");
}

static void test_revoked(void)
{
	struct enrol_answer a;
	uint8_t secret[32];
	struct machine m;

	make_tenant("revoked");
	must(begin("revoked", &one, &a));
	must(box_activate(&one, &a, secret, &err));
	must(machine_revoke(&derg, "revoked", a.id, "stolen", now, &err));
	tap_refused(activate("revoked", &a, secret, 32, now), EPERM, &err, "machine-revoked",
		    "in the middle of an enrolment");
	tap_refused(begin("revoked", &one, &a), EPERM, &err, "machine-revoked", "a new enrolment");
	tap_ok(!machine_revoke(&derg, "revoked", one.id, "again", now, &err), "revoked again");
	must(machine_get(&derg, "revoked", one.id, &m, &err));
	tap_ok(m.state == MACHINE_REVOKED, "stays revoked");
	tap_refused(machine_revoke(&derg, "revoked", two.id, "x", now, &err), ENOENT, &err,
		    "machine-unknown", "revocation of another tenant's machine");
}

static size_t sign(EVP_PKEY *key, const struct enrol_answer *a, uint8_t sig[80])
{
	uint8_t digest[EROT_DIGEST_SIZE];
	size_t len;

	must(erot_softkey_enrol_data(a->secret, digest));
	must(erot_softkey_sign(key, digest, sig, &len, &err));
	return len;
}

static void test_software(void)
{
	struct erot_learn how = DEFAULT_LEARN;
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	uint8_t sig[EROT_SOFTKEY_SIGNATURE_MAX];
	struct enrol_request in = { 0 };
	struct enrol_answer a;
	uint8_t *spki = NULL;
	struct machine m;
	size_t len;

	in.spki_len = (size_t)i2d_PUBKEY(key, &spki);
	in.spki = spki;
	make_tenant("software");
	tap_refused(machine_enrol(&derg, "software", &in, now, &a, &err), ENOENT, &err,
		    "policy-none", "software key without a policy");
	learn_default("software", &one);
	tap_refused(machine_enrol(&derg, "software", &in, now, &a, &err), EPERM, &err,
		    "software-key", "software key under the default policy");
	how.allow_software = true;
	learn("software", &one, &how);
	in.spki_len--;
	tap_refused(machine_enrol(&derg, "software", &in, now, &a, &err), EINVAL, &err, "hwkey",
		    "software key cut");
	in.spki_len++;
	must(machine_enrol(&derg, "software", &in, now, &a, &err));
	tap_ok(a.software && a.secret_len == 32, "a policy that allows it");
	len = sign(other, &a, sig);
	tap_refused(activate("software", &a, sig, len, now), EKEYREJECTED, &err,
		    "activation-secret", "signed by another key");
	len = sign(key, &a, sig);
	tap_refused(activate("software", &a, sig, len, now), EPERM, &err, "activation-expired",
		    "which has ended the enrolment");
	must(machine_enrol(&derg, "software", &in, now, &a, &err));
	len = sign(key, &a, sig);
	tap_refused(activate("software", &a, sig, len - 1, now), EKEYREJECTED, &err,
		    "activation-secret", "signature cut");
	must(machine_enrol(&derg, "software", &in, now, &a, &err));
	len = sign(key, &a, sig);
	tap_ok(!activate("software", &a, sig, len, now), "signed by it");
	must(machine_get(&derg, "software", a.id, &m, &err));
	tap_ok(m.state == MACHINE_ENROLLED && m.software, "enrolled, as a software key");
	OPENSSL_free(spki);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

/* ---- enrolments that nobody finishes */

#define PENDING_MAX	1000

static int64_t pending(const char *tenant)
{
	return query("SELECT count(*) FROM machine WHERE tenant = $1 AND state = 'pending'",
		     DB_ARGS(db_text(tenant)));
}

/* As anybody can make them, with one certificate and one key after another. */
static void fill(const char *tenant, int64_t count)
{
	query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) "
	      "INSERT INTO machine (tenant, id, state, software, spki, secret, secret_expires, "
	      "created) SELECT $1, randomblob(32), 'pending', 0, x'00', randomblob(32), $3, $4 "
	      "FROM n RETURNING 1",
	      DB_ARGS(db_text(tenant), db_int(count), db_int((int64_t)now + 600),
		      db_int((int64_t)now)));
}

static void test_unfinished(void)
{
	uint8_t used[EROT_DIGEST_SIZE] = { 1 };
	struct enrol_answer a, b;
	uint64_t before = now;
	uint8_t secret[32];
	struct machine m;

	make_tenant("unfinished");
	make_tenant("neighbour");
	fill("unfinished", PENDING_MAX - 1);
	tap_ok(!begin("unfinished", &one, &a) && pending("unfinished") == PENDING_MAX,
	       "the last enrolment that there is room for");
	tap_refused(begin("unfinished", &two, &b), EAGAIN, &err, "enrolment-busy", "one more");
	tap_ok(!begin("unfinished", &one, &a), "the last one may begin anew");
	tap_ok(!begin("neighbour", &two, &b), "and another tenant has its own room");
	must(box_activate(&one, &a, secret, &err));
	tap_ok(!activate("unfinished", &a, secret, sizeof(secret), now) &&
	       !begin("unfinished", &two, &b), "one that is finished makes room");
	query("INSERT INTO challenge (challenge, tenant, machine, expires) SELECT $1, tenant, "
	      "min(id), 1 FROM machine WHERE tenant = $2 AND state = 'pending' AND id <> $3 "
	      "GROUP BY tenant RETURNING 1",
	      DB_ARGS(db_blob(used, sizeof(used)), db_text("unfinished"),
		      db_blob(b.id, sizeof(b.id))));
	now += 1200;
	tap_refused(begin("unfinished", &stranger, &a), EKEYREJECTED, &err, "ek-chain",
		    "what is refused anyway");
	tap_ok(!begin("unfinished", &two, &b) && pending("unfinished") == PENDING_MAX,
	       "and an enrolment at the last second of all others remove nothing");
	now++;
	tap_ok(!begin("unfinished", &two, &b) && pending("unfinished") == 2,
	       "then what nobody has finished is gone");
	tap_ok(query("SELECT count(*) FROM machine m JOIN challenge c ON c.machine = m.id "
		     "AND c.tenant = m.tenant WHERE c.challenge = $1",
		     DB_ARGS(db_blob(used, sizeof(used)))) == 1, "but for what is referred to");
	must(machine_get(&derg, "unfinished", one.id, &m, &err));
	tap_ok(m.state == MACHINE_ENROLLED && pending("neighbour") == 1,
	       "and what is enrolled, or another tenant's");
	now = before;
}

int main(void)
{
	test_begin();
	test_authority("maker");
	test_authority("other");
	box_make(&one, "one", "maker");
	box_make(&two, "two", "maker");
	box_make(&stranger, "stranger", "other");
	derg_begin("maker", NULL);
	test_golden();
	test_proofs();
	test_refused();
	test_revoked();
	test_software();
	test_unfinished();
	derg_end();
	return tap_done();
}
