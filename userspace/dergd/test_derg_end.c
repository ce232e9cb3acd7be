// SPDX-License-Identifier: GPL-2.0-only
/* Ends: of launches by evidence, of receipts that are taken back, of epochs. */
#include "dergd/test_derg.h"

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
