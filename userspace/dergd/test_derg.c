// SPDX-License-Identifier: GPL-2.0-only
/* The DERG's decisions, with a real token: what is granted, and what is refused with which code. */
#include "dergd/test_fixture.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "dergd/derg_init.h"
#include "dergd/ending.h"
#include "dergd/epoch.h"
#include "dergd/issue.h"
#include "dergd/release.h"
#include "dergd/test_documents.h"
#include "liberot/release.h"

#define NOW 1800000000ULL

static const char manifest[] =
	"{\"process\":{\"args\":[\"/bin/app\"]},\"erot\":{\"maxRuntime\":60,"
	"\"requireHost\":[\"lockdown\"],\"codeHash\":\"sha256:"
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}}";

FIXTURE(derg) {
	char base[64], dir[96];
	struct erot_error err;
	struct authority a;
	struct derg d;
	EVP_PKEY *key;		/* of the customer */
	X509 *cert;
	uint8_t *hwkey;
	int hwkey_len;
	uint8_t *statement, *order, *env, *receipt;
	size_t statement_len, order_len, env_len, receipt_len;
	uint8_t content_key[32], s_sk[32], b_sk[32];
	struct derg_release_request req;
};

/* By hardware key, as the command line does it. */
static int make_statement(struct derg *d, const char *tenant, uint32_t epoch, const void *hwkey,
			  size_t hwkey_len, const void *text, size_t text_len, uint8_t **cms,
			  size_t *len, struct erot_error *err)
{
	struct derg_statement_request in = {
		.tenant = tenant, .epoch = epoch, .spki = hwkey, .spki_len = hwkey_len,
		.manifest = text, .manifest_len = text_len,
	};
	struct derg_issued out;
	int ret = derg_statement(d, &in, NOW, &out, err);

	*cms = out.cms;
	*len = out.cms_len;
	return ret;
}

static int make_receipt(struct derg *d, const struct derg_receipt_request *in, uint64_t now,
			uint8_t **cms, size_t *len, struct erot_error *err)
{
	struct derg_issued out;
	int ret = derg_receipt(d, in, now, &out, err);

	*cms = out.cms;
	*len = out.cms_len;
	return ret;
}

static int check_evidence(struct derg *d, const void *receipt, size_t receipt_len, const void *ev,
			  size_t ev_len, struct erot_error *err)
{
	struct derg_end_request in = { .receipt = receipt, .receipt_len = receipt_len,
				       .evidence = ev, .evidence_len = ev_len };

	return derg_check_evidence(d, &in, err);
}

static int terminate(struct derg *d, const void *receipt, size_t receipt_len, const void *ev,
		     size_t ev_len, uint64_t now, uint8_t **cms, size_t *len,
		     struct erot_error *err)
{
	struct derg_end_request in = { .receipt = receipt, .receipt_len = receipt_len,
				       .evidence = ev, .evidence_len = ev_len };
	struct derg_issued out;
	int ret = derg_terminate(d, &in, now, &out, err);

	*cms = out.cms;
	*len = out.cms_len;
	return ret;
}

/* In a child: its own connection and helper. */
static int open_again(struct authority *a, struct derg *d, const char *dir, struct erot_error *err)
{
	return authority_open(a, dir, err) ?: derg_open(d, a, err);
}

FIXTURE_SETUP(derg)
{
	struct derg_init init = { .module = TEST_MODULE, .open_mode = true, .name = "test",
				  .log_name = "example.org/test" };
	EVP_PKEY *machine;

	memset(self, 0, sizeof(*self));
	hsm_none(&self->a.hsm);
	snprintf(self->base, sizeof(self->base), "%s", "/tmp/erot-derg-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->base));
	snprintf(self->dir, sizeof(self->dir), "%s/derg", self->base);
	init.dir = self->dir;
	ASSERT_EQ(0, derg_init(&init, &self->err)) {
		fprintf(stderr, "# %s\n", self->err.text);
	}
	ASSERT_EQ(0, authority_open(&self->a, self->dir, &self->err)) {
		fprintf(stderr, "# %s\n", self->err.text);
	}
	ASSERT_EQ(0, derg_open(&self->d, &self->a, &self->err));
	ASSERT_EQ(0, erot_rsa_generate(&self->key, &self->err));
	ASSERT_EQ(0, erot_cert_self_signed(self->key, "customer", 1, &self->cert, &self->err));
	machine = EVP_EC_gen("P-256");
	self->hwkey_len = i2d_PUBKEY(machine, &self->hwkey);
	EVP_PKEY_free(machine);
	ASSERT_LT(0, self->hwkey_len);
	ASSERT_EQ(0, make_statement(&self->d, "default", 0, self->hwkey, self->hwkey_len, manifest,
				    sizeof(manifest) - 1, &self->statement, &self->statement_len,
				    &self->err)) {
		fprintf(stderr, "# %s\n", self->err.text);
	}
	memset(self->content_key, 3, 32);
	ASSERT_EQ(0, make_envelope(self->statement, self->statement_len, self->content_key,
				   &self->env, &self->env_len, &self->err));
	ASSERT_EQ(0, make_order(self->key, self->cert, self->statement, self->statement_len,
				self->env, self->env_len, &self->order, &self->order_len,
				&self->err));
	ASSERT_EQ(0, erot_hpke_keypair(self->s_sk, self->req.session_pk));
	ASSERT_EQ(0, erot_hpke_keypair(self->b_sk, self->req.state.boot_key));
	self->req.state.host = EROT_HOST_LOCKDOWN;
}

FIXTURE_TEARDOWN(derg)
{
	derg_close(&self->d);
	authority_close(&self->a);
	test_remove(self->base);
	EVP_PKEY_free(self->key);
	X509_free(self->cert);
	OPENSSL_free(self->hwkey);
	free(self->statement);
	free(self->order);
	free(self->env);
	free(self->receipt);
}

#define RECEIPT_REQUEST() ((struct derg_receipt_request) { \
	.statement = self->statement, .statement_len = self->statement_len, \
	.order = self->order, .order_len = self->order_len, .customer = self->cert, \
	.envelope = self->env, .envelope_len = self->env_len })

/* Makes the receipt that most tests begin with. */
#define MAKE_RECEIPT() do { \
	struct derg_receipt_request rr = RECEIPT_REQUEST(); \
	ASSERT_EQ(0, make_receipt(&self->d, &rr, NOW, &self->receipt, &self->receipt_len, \
				  &self->err)) { \
		fprintf(stderr, "# %s\n", self->err.text); \
	} \
	self->req.receipt = self->receipt; \
	self->req.receipt_len = self->receipt_len; \
} while (0)

#define REFUSED(code_, num, call) do { \
	self->err.code[0] = '\0'; \
	EXPECT_EQ(-(num), call); \
	EXPECT_STREQ(code_, self->err.code); \
} while (0)

#define RELEASE(now) derg_release(&self->d, &self->req, now, &release, &self->err)

TEST_F(derg, the_whole_chain)
{
	struct erot_release_info info;
	struct erot_destruction_info end;
	struct erot_envelope_info e;
	struct erot_receipt_info r;
	uint8_t *content, *record, *again, key[32], pk[32];
	size_t record_len, again_len, len;
	struct erot_release release;
	struct erot_evidence ev;

	MAKE_RECEIPT();
	ASSERT_EQ(0, RELEASE(NOW + 1));
	ASSERT_EQ(0, receipt_of(self->receipt, self->receipt_len, &r, &content));
	EXPECT_EQ(60, r.max_runtime);
	EXPECT_EQ(EROT_HOST_LOCKDOWN, r.host);
	ASSERT_EQ(0, erot_release_open(&release, r.digest, self->s_sk, self->b_sk, &info,
				       &self->err));
	EXPECT_EQ(NOW + 1, info.derg_time);
	ASSERT_EQ(0, erot_x25519_public(info.sk, pk));
	EXPECT_EQ(0, memcmp(pk, r.grant.erot_pk, 32));
	ASSERT_EQ(0, erot_envelope_parse(self->env, self->env_len, &e, &self->err));
	ASSERT_EQ(0, erot_envelope_open(&e, info.sk, r.statement, key, &self->err));
	EXPECT_EQ(0, memcmp(key, self->content_key, 32));

	make_evidence(&r, info.sk, EROT_HOST_LOCKDOWN, &ev);
	ASSERT_EQ(0, terminate(&self->d, self->receipt, self->receipt_len, &ev, sizeof(ev),
				    NOW + 9, &record, &record_len, &self->err));
	free(content);
	ASSERT_EQ(0, erot_cms_verify(record, record_len, self->a.cert, &content, &len, &self->err));
	ASSERT_EQ(0, erot_destruction_parse(content, len, &end, &self->err));
	EXPECT_EQ(NOW + 9, end.time);
	EXPECT_EQ(0, memcmp(&end.evidence, &ev, sizeof(ev)));
	ASSERT_EQ(0, terminate(&self->d, self->receipt, self->receipt_len, &ev, sizeof(ev),
				    NOW + 99, &again, &again_len, &self->err));
	ASSERT_EQ(record_len, again_len);
	EXPECT_EQ(0, memcmp(record, again, record_len));
	free(again);
	free(record);
	free(content);
}

TEST_F(derg, each_statement_is_another_key)
{
	struct erot_statement_info a, b;
	uint8_t *other, *ca, *cb;
	size_t len, la, lb;

	ASSERT_EQ(0, make_statement(&self->d, "default", 1, self->hwkey, self->hwkey_len, manifest,
				    sizeof(manifest) - 1, &other, &len, &self->err));
	ASSERT_EQ(0, erot_cms_verify(self->statement, self->statement_len, self->a.cert, &ca, &la,
				     &self->err));
	ASSERT_EQ(0, erot_cms_verify(other, len, self->a.cert, &cb, &lb, &self->err));
	ASSERT_EQ(0, erot_statement_parse(ca, la, &a, &self->err));
	ASSERT_EQ(0, erot_statement_parse(cb, lb, &b, &self->err));
	EXPECT_NE(0, memcmp(a.grant.nonce, b.grant.nonce, 32));
	EXPECT_NE(0, memcmp(a.grant.erot_pk, b.grant.erot_pk, 32));
	free(ca);
	free(cb);
	free(other);
}

TEST_F(derg, derivations_that_are_refused)
{
	uint8_t *cms;
	size_t len;

	REFUSED("hwkey", EINVAL, make_statement(&self->d, "default", 0, self->hwkey,
		self->hwkey_len - 1, manifest, sizeof(manifest) - 1, &cms, &len, &self->err));
	REFUSED("manifest-syntax", EINVAL, make_statement(&self->d, "default", 0, self->hwkey,
		self->hwkey_len, manifest, sizeof(manifest) - 2, &cms, &len, &self->err));
	REFUSED("epoch-unknown", ENOENT, make_statement(&self->d, "default", 2, self->hwkey,
		self->hwkey_len, manifest, sizeof(manifest) - 1, &cms, &len, &self->err));
	REFUSED("tenant-unknown", ENOENT, make_statement(&self->d, "nobody", 0, self->hwkey,
		self->hwkey_len, manifest, sizeof(manifest) - 1, &cms, &len, &self->err));
}

TEST_F(derg, a_retry_gets_the_same_answer)
{
	struct erot_release release, first;

	MAKE_RECEIPT();
	ASSERT_EQ(0, RELEASE(NOW + 1));
	first = release;
	memset(&release, 0, sizeof(release));
	ASSERT_EQ(0, RELEASE(NOW + 2));
	EXPECT_EQ(0, memcmp(&first, &release, sizeof(first)));
}

TEST_F(derg, one_receipt_one_release)
{
	struct erot_release release;

	MAKE_RECEIPT();
	ASSERT_EQ(0, RELEASE(NOW + 1));
	self->req.session_pk[0] ^= 1;
	REFUSED("receipt-spent", EPERM, RELEASE(NOW + 1));
	self->req.session_pk[0] ^= 1;
	self->req.state.boot_key[0] ^= 1;
	REFUSED("receipt-spent", EPERM, RELEASE(NOW + 1));
}

/* An answer that a crash kept from leaving is in the ledger, and nobody else gets one. */
TEST_F(derg, crash_between_record_and_answer)
{
	struct erot_release release, mine;
	struct authority a;
	struct derg other;
	pid_t pid;
	int status;

	MAKE_RECEIPT();
	pid = fork();
	if (!pid) {
		if (open_again(&a, &other, self->dir, &self->err) ||
		    derg_release(&other, &self->req, NOW + 1, &mine, &self->err))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	self->req.session_pk[5] ^= 1;
	REFUSED("receipt-spent", EPERM, RELEASE(NOW + 2));
	self->req.session_pk[5] ^= 1;
	EXPECT_EQ(0, RELEASE(NOW + 2));
}

TEST_F(derg, of_two_that_race_one_wins)
{
	struct erot_release release;
	int i, status, won = 0;
	struct authority a;
	struct derg mine;

	MAKE_RECEIPT();
	for (i = 0; i < 4; i++) {
		if (fork())
			continue;
		self->req.session_pk[0] = i;
		if (open_again(&a, &mine, self->dir, &self->err))
			_exit(1);
		_exit(-derg_release(&mine, &self->req, NOW, &release, &self->err));
	}
	for (i = 0; i < 4; i++) {
		ASSERT_LT(0, wait(&status));
		ASSERT_TRUE(WIFEXITED(status));
		if (!WEXITSTATUS(status))
			won++;
		else
			EXPECT_EQ(EPERM, WEXITSTATUS(status));
	}
	EXPECT_EQ(1, won);
}

TEST_F(derg, a_receipt_has_its_time)
{
	struct erot_release release;

	MAKE_RECEIPT();
	REFUSED("receipt-not-yet-valid", EKEYEXPIRED, RELEASE(NOW - 1));
	REFUSED("receipt-expired", EKEYEXPIRED, RELEASE(NOW + 86400 + 1));
	EXPECT_EQ(0, RELEASE(NOW));
}

TEST_F(derg, the_host_must_be_as_demanded)
{
	struct erot_release release;

	MAKE_RECEIPT();
	self->req.state.host = EROT_HOST_ALL & ~EROT_HOST_LOCKDOWN;
	REFUSED("host-state", EPERM, RELEASE(NOW));
	self->req.state.host = EROT_HOST_ALL;	/* a refusal has spent nothing */
	EXPECT_EQ(0, RELEASE(NOW));
}

TEST_F(derg, the_default_policy_refuses_open_mode)
{
	struct erot_release release;

	self->a.config.require_host = EROT_HOST_ATTESTED;
	MAKE_RECEIPT();
	REFUSED("host-state", EPERM, RELEASE(NOW));
	self->req.state.host |= EROT_HOST_ATTESTED;
	EXPECT_EQ(0, RELEASE(NOW));
}

TEST_F(derg, only_our_receipts)
{
	struct erot_release release;
	uint8_t *content, *forged;
	size_t len, forged_len;

	MAKE_RECEIPT();
	ASSERT_EQ(0, erot_cms_content(self->receipt, self->receipt_len, &content, &len,
				      &self->err));
	ASSERT_EQ(0, erot_cms_sign_key(self->key, self->cert, content, len, &forged, &forged_len,
				       &self->err));
	self->req.receipt = forged;
	self->req.receipt_len = forged_len;
	REFUSED("cms-signer", ENOKEY, RELEASE(NOW));
	self->req.receipt = self->statement;	/* ours, but no receipt */
	self->req.receipt_len = self->statement_len;
	EXPECT_EQ(-EBADMSG, RELEASE(NOW));
	EXPECT_EQ(0, strncmp("receipt-", self->err.code, 8));
	self->req.receipt = self->receipt;
	self->req.receipt_len = self->receipt_len;
	self->receipt[self->receipt_len - 1] ^= 1;
	REFUSED("cms-signature", EKEYREJECTED, RELEASE(NOW));
	free(content);
	free(forged);
}

TEST_F(derg, orders_that_are_refused)
{
	struct derg_receipt_request rr = RECEIPT_REQUEST();
	uint8_t *env, *order, *cms, *program, other_key[32] = { 1 };
	size_t env_len, order_len, len;
	EVP_PKEY *key;
	X509 *cert;

	ASSERT_EQ(0, make_envelope(self->statement, self->statement_len, other_key, &env, &env_len,
				   &self->err));
	program = env + sizeof(struct erot_ewc_header) + (strstr(manifest, "app") - manifest);
	*program ^= 1;
	rr.envelope = env;
	rr.envelope_len = env_len;
	REFUSED("ewc-manifest", EKEYREJECTED, make_receipt(&self->d, &rr, NOW, &cms, &len,
							    &self->err));
	*program ^= 1;
	REFUSED("order-ewc", EKEYREJECTED, make_receipt(&self->d, &rr, NOW, &cms, &len,
							 &self->err));
	ASSERT_EQ(0, erot_rsa_generate(&key, &self->err));
	ASSERT_EQ(0, erot_cert_self_signed(key, "another", 1, &cert, &self->err));
	rr = RECEIPT_REQUEST();
	rr.customer = cert;
	REFUSED("cms-signer", ENOKEY, make_receipt(&self->d, &rr, NOW, &cms, &len, &self->err));
	ASSERT_EQ(0, make_statement(&self->d, "default", 0, self->hwkey, self->hwkey_len, manifest,
				    sizeof(manifest) - 1, &cms, &len, &self->err));
	rr = RECEIPT_REQUEST();
	rr.statement = cms;
	rr.statement_len = len;
	REFUSED("order-statement", EKEYREJECTED, make_receipt(&self->d, &rr, NOW, &order,
							       &order_len, &self->err));
	free(cms);
	rr = RECEIPT_REQUEST();
	rr.statement = self->order;
	rr.statement_len = self->order_len;
	REFUSED("cms-signer", ENOKEY, make_receipt(&self->d, &rr, NOW, &cms, &len, &self->err));
	rr = RECEIPT_REQUEST();
	rr.not_before = NOW;
	rr.not_after = NOW;
	REFUSED("receipt-validity", EINVAL, make_receipt(&self->d, &rr, NOW, &cms, &len,
							  &self->err));
	EVP_PKEY_free(key);
	X509_free(cert);
	free(env);
}

TEST_F(derg, one_statement_one_receipt)
{
	uint8_t *cms, other_key[32] = { 1 };
	struct derg_receipt_request rr;
	size_t len;

	MAKE_RECEIPT();
	rr = RECEIPT_REQUEST();
	ASSERT_EQ(0, make_receipt(&self->d, &rr, NOW + 50, &cms, &len, &self->err));
	ASSERT_EQ(self->receipt_len, len);
	EXPECT_EQ(0, memcmp(cms, self->receipt, len));
	free(cms);
	free(self->env);
	free(self->order);
	ASSERT_EQ(0, make_envelope(self->statement, self->statement_len, other_key, &self->env,
				   &self->env_len, &self->err));
	ASSERT_EQ(0, make_order(self->key, self->cert, self->statement, self->statement_len,
				self->env, self->env_len, &self->order, &self->order_len,
				&self->err));
	rr = RECEIPT_REQUEST();
	REFUSED("statement-spent", EPERM, make_receipt(&self->d, &rr, NOW, &cms, &len, &self->err));
}

TEST_F(derg, forged_evidence)
{
	uint8_t *content, *record, zero[32] = { 0 };
	struct erot_release_info info;
	struct erot_evidence ev, bad;
	struct erot_release release;
	struct erot_receipt_info r;
	size_t len;

	MAKE_RECEIPT();
	ASSERT_EQ(0, receipt_of(self->receipt, self->receipt_len, &r, &content));
	make_evidence(&r, zero, EROT_HOST_LOCKDOWN, &bad);
	REFUSED("not-released", EPERM, check_evidence(&self->d, self->receipt,
		self->receipt_len, &bad, sizeof(bad), &self->err));
	ASSERT_EQ(0, RELEASE(NOW));
	ASSERT_EQ(0, erot_release_open(&release, r.digest, self->s_sk, self->b_sk, &info,
				       &self->err));
	REFUSED("evidence-mac", EKEYREJECTED, check_evidence(&self->d, self->receipt,
		self->receipt_len, &bad, sizeof(bad), &self->err));
	make_evidence(&r, info.sk, EROT_HOST_LOCKDOWN, &ev);
	EXPECT_EQ(0, check_evidence(&self->d, self->receipt, self->receipt_len, &ev,
					 sizeof(ev), &self->err));
	bad = ev;
	bad.exit_status ^= htole32(256);
	REFUSED("evidence-mac", EKEYREJECTED, terminate(&self->d, self->receipt,
		self->receipt_len, &bad, sizeof(bad), NOW, &record, &len, &self->err));
	bad = ev;
	bad.mac[31] ^= 1;
	REFUSED("evidence-mac", EKEYREJECTED, terminate(&self->d, self->receipt,
		self->receipt_len, &bad, sizeof(bad), NOW, &record, &len, &self->err));
	bad = ev;
	bad.receipt[0] ^= 1;
	REFUSED("evidence-receipt", EKEYREJECTED, check_evidence(&self->d, self->receipt,
		self->receipt_len, &bad, sizeof(bad), &self->err));
	REFUSED("evidence-length", EBADMSG, check_evidence(&self->d, self->receipt,
		self->receipt_len, &ev, sizeof(ev) - 1, &self->err));
	ASSERT_EQ(0, terminate(&self->d, self->receipt, self->receipt_len, &ev, sizeof(ev),
				    NOW, &record, &len, &self->err));
	free(record);
	ev.released_ns = htole64(4);
	{
		uint8_t key[32];

		ASSERT_EQ(0, erot_evidence_key(info.sk, key));
		ASSERT_EQ(0, erot_evidence_seal(&ev, key));
	}
	REFUSED("already-ended", EPERM, terminate(&self->d, self->receipt, self->receipt_len,
		&ev, sizeof(ev), NOW, &record, &len, &self->err));
	free(content);
}

TEST_F(derg, an_epoch_drains_before_it_ends)
{
	uint64_t late = NOW + 86400 + 60 + 3600 + 1;
	struct erot_release release;
	struct epoch e;
	uint8_t *cms;
	size_t len;

	MAKE_RECEIPT();
	self->a.config.grace_seconds = 3600;
	REFUSED("epoch-in-use", EBUSY, epoch_destroy(&self->d, "default", 1, false, NOW, &e,
						     &self->err));
	REFUSED("epoch-unknown", ENOENT, make_statement(&self->d, "default", 0, self->hwkey,
		self->hwkey_len, manifest, sizeof(manifest) - 1, &cms, &len, &self->err));
	REFUSED("epoch-not-active", EPERM, make_statement(&self->d, "default", 1, self->hwkey,
		self->hwkey_len, manifest, sizeof(manifest) - 1, &cms, &len, &self->err));
	EXPECT_EQ(0, RELEASE(NOW + 5));
	REFUSED("epoch-in-use", EBUSY, epoch_destroy(&self->d, "default", 1, false, late - 1, &e,
						     &self->err));
	EXPECT_EQ(0, epoch_destroy(&self->d, "default", 1, false, late, &e, &self->err));
	EXPECT_EQ(EPOCH_DESTROYED, e.state);
	REFUSED("epoch-destroyed", EALREADY, epoch_destroy(&self->d, "default", 1, true, late, &e,
							   &self->err));
	REFUSED("epoch-destroyed", EPERM, RELEASE(NOW + 6));
	REFUSED("epoch-destroyed", EPERM, make_statement(&self->d, "default", 1, self->hwkey,
		self->hwkey_len, manifest, sizeof(manifest) - 1, &cms, &len, &self->err));
}

TEST_F(derg, an_epoch_is_destroyed_by_force)
{
	struct erot_release release;
	uint8_t seed[32] = { 0 }, pk[32];
	char label[EPOCH_ROOT_MAX];
	struct epoch e;

	MAKE_RECEIPT();
	EXPECT_EQ(0, epoch_destroy(&self->d, "default", 1, true, NOW, &e, &self->err));
	REFUSED("epoch-destroyed", EPERM, RELEASE(NOW + 5));
	epoch_root(&e, label);
	EXPECT_EQ(-ENOENT, hsm_derive(&self->a.hsm, label, seed, pk, &self->err));
}

TEST_F(derg, a_receipt_that_is_taken_back)
{
	struct derg_receipt_state state;
	struct erot_receipt_info r;
	struct erot_release release;
	uint8_t *content;

	MAKE_RECEIPT();
	ASSERT_EQ(0, receipt_of(self->receipt, self->receipt_len, &r, &content));
	ASSERT_EQ(0, derg_receipt_state(&self->d, "default", r.digest, NOW, &state, &self->err));
	EXPECT_STREQ("ready", state.state);
	REFUSED("receipt-unknown", ENOENT, derg_receipt_revoke(&self->d, "another", r.digest, "x",
							       NOW, &self->err));
	ASSERT_EQ(0, derg_receipt_revoke(&self->d, "default", r.digest, "lost", NOW, &self->err));
	ASSERT_EQ(0, derg_receipt_revoke(&self->d, "default", r.digest, "lost", NOW, &self->err));
	REFUSED("receipt-revoked", EPERM, RELEASE(NOW));
	ASSERT_EQ(0, derg_receipt_state(&self->d, "default", r.digest, NOW, &state, &self->err));
	EXPECT_STREQ("revoked", state.state);
	free(content);
}

TEST_F(derg, a_spent_receipt_cannot_be_taken_back)
{
	struct derg_receipt_state state;
	struct erot_receipt_info r;
	struct erot_release release;
	uint8_t *content;

	MAKE_RECEIPT();
	ASSERT_EQ(0, receipt_of(self->receipt, self->receipt_len, &r, &content));
	ASSERT_EQ(0, RELEASE(NOW));
	REFUSED("receipt-spent", EPERM, derg_receipt_revoke(&self->d, "default", r.digest, "x", NOW,
							    &self->err));
	ASSERT_EQ(0, derg_receipt_state(&self->d, "default", r.digest, NOW, &state, &self->err));
	EXPECT_STREQ("released", state.state);
	free(content);
}

/* A root that a crash left half made is never used. */
TEST_F(derg, crash_while_making_an_epoch)
{
	struct authority a;
	struct derg mine;
	struct epoch e;
	uint8_t *cms;
	pid_t pid;
	size_t len;

	/* the child's helper is gone: making the root fails behind the first record */
	pid = fork();
	if (!pid) {
		if (open_again(&a, &mine, self->dir, &self->err))
			_exit(1);
		hsm_stop(&a.hsm);
		_exit(epoch_new(&mine, "default", 2, NOW, &e, &self->err) == -ECONNRESET ? 0 : 2);
	}
	EXPECT_EQ(0, test_wait(pid));
	REFUSED("epoch-not-active", EPERM, make_statement(&self->d, "default", 2, self->hwkey,
		self->hwkey_len, manifest, sizeof(manifest) - 1, &cms, &len, &self->err));
	REFUSED("epoch-exists", EEXIST, epoch_new(&self->d, "default", 2, NOW, &e, &self->err));
	REFUSED("epoch-not-active", EPERM, epoch_drain(&self->d, "default", 2, NOW, &e,
						       &self->err));
	EXPECT_EQ(0, epoch_destroy(&self->d, "default", 2, false, NOW, &e, &self->err));
	EXPECT_EQ(0, epoch_new(&self->d, "default", 0, NOW, &e, &self->err));
	EXPECT_EQ(3, e.number);
}

TEST_HARNESS_MAIN
