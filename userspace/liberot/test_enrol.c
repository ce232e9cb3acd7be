// SPDX-License-Identifier: GPL-2.0-only
/* Enrolment with real TPMs: their certificates, their attestation keys, and what only they open. */
#include "test_tpm.h"

#include <time.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "common/buf.h"
#include "liberot/cms.h"
#include "liberot/credential.h"
#include "liberot/ek.h"

#define ATTRIBUTES	6	/* offset in TPM2B_PUBLIC: size, type, name algorithm */

static struct erot_ek_roots *roots_of(const char *authority, bool with_root, bool with_issuer)
{
	struct erot_error err = { 0 };
	struct erot_ek_roots *roots;
	uint8_t *cert;
	struct erot_buf pem = { 0 };
	char file[64];
	size_t len;

	if (with_root) {
		snprintf(file, sizeof(file), "%s/swtpm-localca-rootca-cert.pem", authority);
		cert = test_read(file, &len);
		erot_buf_add(&pem, cert, len);
		free(cert);
	}
	if (with_issuer) {
		snprintf(file, sizeof(file), "%s/issuercert.pem", authority);
		cert = test_read(file, &len);
		erot_buf_add(&pem, cert, len);
		free(cert);
	}
	if (erot_ek_roots_load(pem.data, pem.len, &roots, &err))
		test_die(err.text);
	erot_buf_free(&pem);
	return roots;
}

static int verify_file(const char *file, const struct erot_ek_roots *roots, uint64_t now,
		       EVP_PKEY **ek, struct erot_error *err)
{
	uint8_t *cert;
	size_t len;
	int ret;

	cert = test_read(file, &len);
	ret = erot_ek_verify(cert, len, roots, now, ek, err);
	free(cert);
	return ret;
}

static void refuse_file(const char *file, const struct erot_ek_roots *roots, uint64_t now, int num,
			const char *code, const char *name)
{
	struct erot_error err = { 0 };
	EVP_PKEY *ek;

	tap_refused(verify_file(file, roots, now, &ek, &err), num, &err, code, name);
	tap_ok(!ek, "and no key comes out of it");
}

/* One that cannot be read is not passed over, whatever stands before it. */
static void test_malformed_root(void)
{
	struct erot_error err = { 0 };
	struct erot_ek_roots *none;
	struct erot_buf pem = { 0 };
	uint8_t *cert;
	size_t len;

	cert = test_read("ca/issuercert.pem", &len);
	erot_buf_add(&pem, cert, len);
	memcpy(strstr((char *)cert, "MII"), "!!!", 3);
	erot_buf_add(&pem, cert, len);
	tap_refused(erot_ek_roots_load(cert, len, &none, &err), EBADMSG, &err, "ek-roots",
		    "malformed root");
	tap_refused(erot_ek_roots_load(pem.data, pem.len, &none, &err), EBADMSG, &err, "ek-roots",
		    "malformed root behind a good one");
	erot_buf_free(&pem);
	free(cert);
}

static void test_certificates(void)
{
	struct erot_ek_roots *roots = roots_of("ca", true, true), *none;
	struct erot_ek_roots *bare = roots_of("ca", true, false);
	struct erot_ek_roots *rootless = roots_of("ca", false, true);
	struct erot_ek_roots *foreign = roots_of("foreign", true, true);
	uint64_t now = (uint64_t)time(NULL);
	struct erot_error err = { 0 };
	EVP_PKEY *ek;
	uint8_t *cert;
	size_t len;

	tap_ok(!verify_file("a/ek-rsa2048.crt", roots, now, &ek, &err) && ek,
	       "certificate of swtpm's RSA key: %s", err.text);
	EVP_PKEY_free(ek);
	tap_ok(!verify_file("a/ek-secp384r1.crt", roots, now, &ek, &err) && ek,
	       "certificate of swtpm's P-384 key: %s", err.text);
	EVP_PKEY_free(ek);
	refuse_file("a/ek-rsa2048.crt", foreign, now, EKEYREJECTED, "ek-chain", "foreign roots");
	refuse_file("a/ek-rsa2048.crt", bare, now, EKEYREJECTED, "ek-chain", "issuer is unknown");
	refuse_file("a/ek-rsa2048.crt", rootless, now, EKEYREJECTED, "ek-chain",
		    "an issuer without its root is no root");
	refuse_file("a/ek-rsa2048.crt", roots, now - 86400 * 30, EKEYEXPIRED, "ek-expired",
		    "not yet valid");
	refuse_file("ca/issuercert.pem", roots, now, EKEYREJECTED, "ek-usage", "an authority's");
	/* TCG's index of the platform certificate; the same authority signed it */
	test_must("tpm2_nvread -Q -C o -o platform.crt 0x1c08000");
	refuse_file("platform.crt", roots, now, EKEYREJECTED, "ek-usage", "platform certificate");
	cert = test_read("a/ek-rsa2048.crt", &len);
	cert[len - 1] ^= 1;
	tap_refused(erot_ek_verify(cert, len, roots, now, &ek, &err), EKEYREJECTED, &err,
		    "ek-chain", "signature of the certificate altered");
	tap_refused(erot_ek_verify(cert, len - 1, roots, now, &ek, &err), EBADMSG, &err,
		    "ek-certificate", "certificate cut");
	tap_refused(erot_ek_verify("", 0, roots, now, &ek, &err), EBADMSG, &err, "ek-certificate",
		    "no certificate");
	free(cert);
	tap_refused(erot_ek_roots_load("", 0, &none, &err), EBADMSG, &err, "ek-roots", "no roots");
	tap_refused(erot_ek_roots_load("x\n", 2, &none, &err), EBADMSG, &err, "ek-roots",
		    "no PEM");
	test_malformed_root();
	erot_ek_roots_free(roots);
	erot_ek_roots_free(bare);
	erot_ek_roots_free(rootless);
	erot_ek_roots_free(foreign);
}

/**
 * struct recipe - a certificate to be made
 * @name:  what is odd about it
 * @group: of an elliptic curve; NULL: RSA
 * @bits:  of RSA
 * @usage: key usage
 * @eku:   extended key usage, or NULL
 * @ca:    basic constraints
 * @nid:   of one more extension, or 0
 * @extra: its value, as openssl.cnf has it
 * @code:  how it is refused, or NULL
 */
struct recipe {
	const char *name;
	const char *group;
	unsigned int bits;
	const char *usage;
	const char *eku;
	const char *ca;
	int nid;
	const char *extra;
	const char *code;
};

#define EK_EKU	"2.23.133.8.1"
#define NO_CA	"critical,CA:FALSE"
#define ENC	"critical,keyEncipherment"

static const struct recipe recipes[] = {
	{ "RSA-2048", NULL, 2048, ENC, EK_EKU, NO_CA, 0, NULL, NULL },
	{ "RSA-3072", NULL, 3072, ENC, EK_EKU, NO_CA, 0, NULL, NULL },
	{ "P-256", "P-256", 0, "keyAgreement", "critical," EK_EKU, NO_CA, 0, NULL, NULL },
	{ "RSA-4096", NULL, 4096, ENC, EK_EKU, NO_CA, 0, NULL, "ek-key" },
	{ "P-521", "P-521", 0, "keyAgreement", EK_EKU, NO_CA, 0, NULL, "ek-key" },
	{ "RSA-1024", NULL, 1024, ENC, EK_EKU, NO_CA, 0, NULL, "ek-chain" },
	{ "a CA's", NULL, 2048, ENC, EK_EKU, "critical,CA:TRUE", 0, NULL, "ek-usage" },
	{ "without a purpose", NULL, 2048, ENC, NULL, NO_CA, 0, NULL, "ek-usage" },
	{ "for a server", NULL, 2048, ENC, "serverAuth", NO_CA, 0, NULL, "ek-usage" },
	{ "for signing", NULL, 2048, "digitalSignature", EK_EKU, NO_CA, 0, NULL, "ek-usage" },
	{ "RSA for agreement", NULL, 2048, "keyAgreement", EK_EKU, NO_CA, 0, NULL, "ek-usage" },
	{ "P-256 for encipherment", "P-256", 0, ENC, EK_EKU, NO_CA, 0, NULL, "ek-usage" },
	{ "critical directory attributes", NULL, 2048, ENC, EK_EKU, NO_CA,
	  NID_subject_directory_attributes, "critical,DER:3000", NULL },
	{ "unknown critical extension", NULL, 2048, ENC, EK_EKU, NO_CA, NID_netscape_comment,
	  "critical,DER:0500", "ek-chain" },
	{ "unknown extension", NULL, 2048, ENC, EK_EKU, NO_CA, NID_netscape_comment, "DER:0500",
	  NULL },
};

static void extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) : NULL;

	if (value && (!ext || !X509_add_ext(cert, ext, -1)))
		test_die(value);
	X509_EXTENSION_free(ext);
}

static X509 *make_cert(const struct recipe *r, EVP_PKEY *key, EVP_PKEY *ca_key, X509 *ca,
		       const EVP_MD *md)
{
	X509_NAME *subject = X509_NAME_new();
	X509 *cert = X509_new();

	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
				   (const unsigned char *)(ca ? "key" : "authority"), -1, -1, 0);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_subject_name(cert, subject);
	X509_set_issuer_name(cert, ca ? X509_get_subject_name(ca) : subject);
	X509_set_pubkey(cert, key);
	extend(cert, NID_basic_constraints, r->ca);
	extend(cert, NID_key_usage, r->usage);
	extend(cert, NID_ext_key_usage, r->eku);
	extend(cert, r->nid, r->extra);
	if (!X509_sign(cert, ca_key, md))
		test_die("X509_sign");
	X509_NAME_free(subject);
	return cert;
}

static struct erot_ek_roots *roots_in_memory(X509 *ca)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct erot_ek_roots *roots;
	struct erot_error err = { 0 };
	char *pem;
	long len;

	PEM_write_bio_X509(bio, ca);
	len = BIO_get_mem_data(bio, &pem);
	if (erot_ek_roots_load(pem, (size_t)len, &roots, &err))
		test_die(err.text);
	BIO_free(bio);
	return roots;
}

static int verify_cert(X509 *cert, const struct erot_ek_roots *roots, uint64_t now,
		       struct erot_error *err)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der), ret;
	EVP_PKEY *ek;

	ret = erot_ek_verify(der, (size_t)len, roots, now, &ek, err);
	if (!ret != !!ek)
		test_die("a key without success, or the reverse");
	EVP_PKEY_free(ek);
	OPENSSL_free(der);
	return ret;
}

static void test_recipes(void)
{
	static const struct recipe root = { .ca = "critical,CA:TRUE", .usage = "keyCertSign" };
	EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	X509 *ca = make_cert(&root, ca_key, ca_key, NULL, EVP_sha256()), *cert;
	struct erot_ek_roots *roots = roots_in_memory(ca);
	uint64_t now = (uint64_t)time(NULL);
	struct erot_error err = { 0 };
	const struct recipe *r;
	EVP_PKEY *key;

	for (r = recipes; r < recipes + sizeof(recipes) / sizeof(recipes[0]); r++) {
		key = r->group ? EVP_EC_gen(r->group) : EVP_RSA_gen(r->bits);
		cert = make_cert(r, key, ca_key, ca, EVP_sha256());
		if (r->code)
			tap_refused(verify_cert(cert, roots, now, &err), EKEYREJECTED, &err,
				    r->code, r->name);
		else
			tap_ok(!verify_cert(cert, roots, now, &err), "%s: %s", r->name, err.text);
		if (r == recipes)
			tap_refused(verify_cert(cert, roots, now + 7200, &err), EKEYEXPIRED, &err,
				    "ek-expired", "expired");
		X509_free(cert);
		if (r == recipes) {
			cert = make_cert(r, key, ca_key, ca, EVP_sha1());
			tap_refused(verify_cert(cert, roots, now, &err), EKEYREJECTED, &err,
				    "ek-chain", "signed with SHA-1");
			X509_free(cert);
		}
		EVP_PKEY_free(key);
	}
	erot_ek_roots_free(roots);
	X509_free(ca);
	EVP_PKEY_free(ca_key);
}

static void test_ak(void)
{
	/* fixedTPM, fixedParent, sensitiveDataOrigin, restricted, decrypt, sign */
	static const uint8_t bits[] = { 1, 4, 5, 16, 17, 18 };
	uint8_t *public, *name, longer[EROT_TPM_PUBLIC_MAX + 1] = { 0 };
	struct erot_error err = { 0 };
	size_t len, name_len, i, wrong = 0;
	struct erot_ak ak;

	public = test_read("ak.pub", &len);
	name = test_read("ak.name", &name_len);
	tap_ok(!erot_ak_check(public, len, &ak, &err) && name_len == sizeof(ak.name) &&
	       !memcmp(ak.name, name, name_len), "an attestation key, named as the TPM names it");
	for (i = 0; i < sizeof(bits); i++) {
		uint8_t *byte = &public[ATTRIBUTES + 3 - bits[i] / 8];

		*byte ^= (uint8_t)(1U << bits[i] % 8);
		tap_refused(erot_ak_check(public, len, &ak, &err), EKEYREJECTED, &err,
			    "ak-attributes", "an attribute turned round");
		*byte ^= (uint8_t)(1U << bits[i] % 8);
	}
	for (i = 0; i < len; i++)
		wrong += erot_ak_check(public, i, &ak, &err) != -EBADMSG;
	tap_ok(!wrong, "cut anywhere it is malformed");
	memcpy(longer, public, len);
	tap_refused(erot_ak_check(longer, len + 1, &ak, &err), EBADMSG, &err, "ak-syntax",
		    "a byte behind");
	longer[1]++;
	tap_refused(erot_ak_check(longer, len + 1, &ak, &err), EBADMSG, &err, "ak-syntax",
		    "a byte behind, counted");
	tap_refused(erot_ak_check(longer, len, &ak, &err), EBADMSG, &err, "ak-syntax",
		    "a byte counted that is not there");
	tap_refused(erot_ak_check(longer, sizeof(longer), &ak, &err), EBADMSG, &err, "ak-syntax",
		    "oversized");
	public[len - 1] ^= 1;	/* of the y coordinate */
	tap_refused(erot_ak_check(public, len, &ak, &err), EKEYREJECTED, &err, "ak-key",
		    "not a point of the curve");
	free(public);
	free(name);
}

/* Numbers that no TPM makes: offsets are those of an RSA key without a policy. */
static void test_rsa_numbers(void)
{
	enum { EXPONENT = 20, MODULUS = 26 };
	struct erot_error err = { 0 };
	struct erot_ak ak;
	uint8_t *public;
	size_t len;

	public = test_read("rsa.pub", &len);
	tap_ok(len == MODULUS + 256 && !erot_ak_check(public, len, &ak, &err), "an RSA key");
	public[EXPONENT + 3] = 3;
	tap_refused(erot_ak_check(public, len, &ak, &err), EKEYREJECTED, &err, "ak-key",
		    "exponent 3");
	public[EXPONENT + 3] = 0;
	public[MODULUS] &= 0x7f;
	tap_refused(erot_ak_check(public, len, &ak, &err), EKEYREJECTED, &err, "ak-key",
		    "a modulus of 2047 bits");
	public[MODULUS] |= 0x80;
	public[len - 1] ^= 1;
	tap_refused(erot_ak_check(public, len, &ak, &err), EKEYREJECTED, &err, "ak-key",
		    "an even modulus");
	free(public);
}

/* Real keys of which each is wrong in one way. */
static void refuse_ak(const char *ek, const char *options, const char *code)
{
	struct erot_error err = { 0 };
	struct erot_ak ak;
	uint8_t *public;
	size_t len;

	test_must("tpm2_createak -Q -C %s -c bad.ctx %s -f tss -u bad.pub -n bad.name", ek,
		  options);
	test_flush();
	public = test_read("bad.pub", &len);
	tap_refused(erot_ak_check(public, len, &ak, &err), EKEYREJECTED, &err, code, options);
	free(public);
}

/* As tpm2_makecredential writes it. */
static void write_credential(const struct erot_credential *c)
{
	static const uint8_t magic[8] = { 0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1 };
	struct erot_buf b = { 0 };

	erot_buf_add(&b, magic, sizeof(magic));
	erot_buf_add(&b, c->blob, c->blob_len);
	erot_buf_add(&b, c->secret, c->secret_len);
	test_write("credential", b.data, b.len);
	erot_buf_free(&b);
}

/* Templates of small keys want the endorsement hierarchy's consent, those of large ones do not. */
static int activate(const char *ek, const char *ak, bool policy)
{
	int status;

	if (!policy) {
		status = test_run("tpm2_activatecredential -Q -c %s.ctx -C %s -i credential "
				  "-o opened", ak, ek);
		test_flush();
		return status;
	}
	test_must("tpm2_startauthsession -Q --policy-session -S session");
	test_must("tpm2_policysecret -Q -S session -c e");
	status = test_run("tpm2_activatecredential -Q -c %s.ctx -C %s -i credential -o opened "
			  "-P session:session", ak, ek);
	test_must("tpm2_flushcontext session");
	test_flush();
	return status;
}

static void test_activation(EVP_PKEY *key, const char *ek, const char *ak, bool policy,
			    const char *name)
{
	uint8_t secret[32], *opened, *public;
	struct erot_error err = { 0 };
	struct erot_credential c;
	struct erot_ak info;
	char file[32];
	size_t len;

	snprintf(file, sizeof(file), "%s.pub", ak);
	public = test_read(file, &len);
	if (erot_ak_check(public, len, &info, &err))
		test_die(err.text);
	free(public);
	erot_random(secret, sizeof(secret));
	tap_ok(!erot_credential_make(key, info.name, secret, sizeof(secret), &c, &err),
	       "%s: credential: %s", name, err.text);
	write_credential(&c);
	test_run("rm -f opened");
	if (!tap_ok(!activate(ek, ak, policy), "%s: the TPM opens it", name)) {
		test_show_log();
		return;
	}
	opened = test_read("opened", &len);
	tap_ok(len == sizeof(secret) && !memcmp(opened, secret, len), "%s: the same secret", name);
	free(opened);
	tap_ok(activate(ek, "rsa", policy), "%s: not with another attestation key", name);
	c.blob[c.blob_len - 1] ^= 1;
	write_credential(&c);
	tap_ok(activate(ek, ak, policy), "%s: not when altered", name);
	tap_refused(erot_credential_make(key, info.name, secret, 0, &c, &err), EINVAL, &err,
		    "credential-size", "an empty secret");
	tap_refused(erot_credential_make(key, info.name, secret, 33, &c, &err), EINVAL, &err,
		    "credential-size", "too long a secret");
}

static EVP_PKEY *read_key(const char *handle)
{
	uint8_t *pem;
	EVP_PKEY *key;
	size_t len;
	BIO *bio;

	test_must("tpm2_readpublic -Q -c %s -f pem -o key.pem", handle);
	test_flush();
	pem = test_read("key.pem", &len);
	bio = BIO_new_mem_buf(pem, (int)len);
	key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	if (!key)
		test_die("tpm2_readpublic");
	BIO_free(bio);
	free(pem);
	return key;
}

static EVP_PKEY *exponent_3(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_new();
	EVP_PKEY *key = NULL;

	BN_set_word(e, 3);
	if (EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) != 1 ||
	    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) != 1 ||
	    EVP_PKEY_generate(ctx, &key) != 1)
		test_die("key");
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void test_activations(void)
{
	struct erot_ek_roots *roots = roots_of("ca", true, true);
	uint64_t now = (uint64_t)time(NULL);
	struct erot_error err = { 0 };
	EVP_PKEY *rsa, *p384, *p256, *odd = EVP_EC_gen("P-521");
	struct erot_credential c;
	struct erot_ak ak;
	uint8_t *public;
	size_t len;

	public = test_read("ak.pub", &len);
	if (erot_ak_check(public, len, &ak, &err))
		test_die(err.text);
	free(public);
	if (verify_file("a/ek-rsa2048.crt", roots, now, &rsa, &err) ||
	    verify_file("a/ek-secp384r1.crt", roots, now, &p384, &err))
		test_die(err.text);
	test_activation(rsa, TEST_EK_RSA, "ak", true, "RSA-2048");
	test_activation(p384, TEST_EK_P384, "ak", false, "P-384");
	p256 = read_key("p256.ctx");
	test_activation(p256, "p256.ctx", "ak", true, "P-256");
	tap_refused(erot_credential_make(odd, ak.name, "x", 1, &c, &err), EKEYREJECTED, &err,
		    "ek-key", "P-521");
	EVP_PKEY_free(odd);
	odd = exponent_3();
	tap_refused(erot_credential_make(odd, ak.name, "x", 1, &c, &err), EKEYREJECTED, &err,
		    "ek-key", "exponent 3");
	EVP_PKEY_free(rsa);
	/* made for the other TPM: certificate and name are genuine, but not of the same TPM */
	if (verify_file("b/ek-rsa2048.crt", roots, now, &rsa, &err) ||
	    erot_credential_make(rsa, ak.name, "secret", 6, &c, &err))
		test_die(err.text);
	write_credential(&c);
	tap_ok(activate(TEST_EK_RSA, "ak", true), "what is made for another TPM stays closed");
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(odd);
	erot_ek_roots_free(roots);
}

int main(void)
{
	test_begin();
	test_authority("foreign");
	test_authority("ca");
	test_make_tpm("c", "foreign");
	test_make_tpm("b", "ca");
	test_make_tpm("a", "ca");
	test_must("tpm2_createek -Q -G ecc -c p256.ctx");
	test_flush();
	test_must("tpm2_createak -Q -C " TEST_EK_RSA " -c ak.ctx -G ecc -s ecdsa -g sha256 "
		  "-f tss -u ak.pub -n ak.name");
	test_flush();
	test_must("tpm2_createak -Q -C " TEST_EK_RSA " -c rsa.ctx -G rsa2048 -s rsassa -g sha256 "
		  "-f tss -u rsa.pub -n rsa.name");
	test_flush();
	test_certificates();
	test_recipes();
	test_ak();
	test_rsa_numbers();
	refuse_ak(TEST_EK_P384, "-G ecc -s ecdsa -g sha384", "ak-type");
	refuse_ak(TEST_EK_RSA, "-G ecc384 -s ecdsa -g sha256", "ak-type");
	refuse_ak(TEST_EK_RSA, "-G rsa2048 -s rsapss -g sha256", "ak-scheme");
	refuse_ak(TEST_EK_RSA, "-G rsa2048 -s rsassa -g sha384", "ak-scheme");
	refuse_ak(TEST_EK_RSA, "-G ecc -s ecschnorr -g sha256", "ak-scheme");
	refuse_ak(TEST_EK_RSA, "-G ecc -s ecdsa -g sha384", "ak-scheme");
	test_activations();
	return tap_done();
}
