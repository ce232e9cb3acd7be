// SPDX-License-Identifier: GPL-2.0-only
/* The DERG's decisions, with a real token: what is granted, and what is refused with which code. */
#include "dergd/test_derg.h"

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

static int forget_statements(struct db *db, void *ctx, struct erot_error *err)
{
	(void)ctx;
	return db_run(db, err, NULL, "DELETE FROM statement", DB_NO_ARGS);
}

/* As in a database that was restored from before. */
TEST_F(derg, a_statement_that_is_forgotten)
{
	struct derg_receipt_request rr = RECEIPT_REQUEST();
	uint8_t *cms;
	size_t len;

	ASSERT_EQ(0, db_transaction(self->d.db, 0, forget_statements, NULL, &self->err));
	REFUSED("statement-unknown", ENOENT, make_receipt(&self->d, &rr, NOW, &cms, &len,
							   &self->err));
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

TEST_HARNESS_MAIN
