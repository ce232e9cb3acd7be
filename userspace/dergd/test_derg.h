/* SPDX-License-Identifier: GPL-2.0-only */
/* A DERG in open mode, with a real token, a statement and an order. */
#ifndef DERGD_TEST_DERG_H
#define DERGD_TEST_DERG_H

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
static inline int make_statement(struct derg *d, const char *tenant, uint32_t epoch,
				 const void *hwkey, size_t hwkey_len, const void *text,
				 size_t text_len, uint8_t **cms, size_t *len,
				 struct erot_error *err)
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

static inline int make_receipt(struct derg *d, const struct derg_receipt_request *in, uint64_t now,
			       uint8_t **cms, size_t *len, struct erot_error *err)
{
	struct derg_issued out;
	int ret = derg_receipt(d, in, now, &out, err);

	*cms = out.cms;
	*len = out.cms_len;
	return ret;
}

static inline int check_evidence(struct derg *d, const void *receipt, size_t receipt_len,
				 const void *ev, size_t ev_len, struct erot_error *err)
{
	struct derg_end_request in = { .receipt = receipt, .receipt_len = receipt_len,
				       .evidence = ev, .evidence_len = ev_len };

	return derg_check_evidence(d, &in, err);
}

static inline int terminate(struct derg *d, const void *receipt, size_t receipt_len, const void *ev,
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
static inline int open_again(struct authority *a, struct derg *d, const char *dir,
			     struct erot_error *err)
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

#endif
