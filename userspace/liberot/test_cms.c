// SPDX-License-Identifier: GPL-2.0-only
/* CMS: the same bytes as OpenSSL's own signing, read by its command, and each way to be refused. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* mkdtemp() */
#endif
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <openssl/cms.h>
#include <openssl/pem.h>

#include <linux/erot.h>

#include "common/io.h"
#include "common/tap.h"
#include "liberot/cms.h"

extern char **environ;

static const char content[] = "what is signed\r\n\n, with line ends that MIME would change";
#define LEN (sizeof(content))

static EVP_PKEY *key, *other_key;
static X509 *cert, *other_cert;
static char dir[] = "/tmp/erot-cms-XXXXXX";

static void die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned int n;
	char *p = path[n++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static int run(char **argv)
{
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		die(argv[0]);
	return status;
}

/* OpenSSL's own: what others than erot_cms_sign_key() would make. */
static size_t sign_openssl(unsigned int flags, const EVP_MD *md, uint8_t **der)
{
	BIO *in = BIO_new_mem_buf(content, LEN);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, flags | CMS_PARTIAL);
	unsigned char *out = NULL;
	int n;

	if (!cms || !CMS_add1_signer(cms, cert, key, md, flags | CMS_PARTIAL) ||
	    !CMS_final(cms, in, NULL, flags))
		die("CMS_sign");
	n = i2d_CMS_ContentInfo(cms, &out);
	if (n <= 0)
		die("i2d");
	*der = malloc((size_t)n);
	memcpy(*der, out, (size_t)n);
	OPENSSL_free(out);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	return (size_t)n;
}

#define OURS (CMS_NOATTR | CMS_NOCERTS | CMS_USE_KEYID | CMS_BINARY)

static void refuse_form(unsigned int flags, const EVP_MD *md, const char *name)
{
	struct erot_error err = { 0 };
	uint8_t *der, *out;
	size_t len, n;

	len = sign_openssl(flags, md, &der);
	tap_refused(erot_cms_verify(der, len, cert, &out, &n, &err), EBADMSG, &err, "cms-form",
		    name);
	/* Not even to look at: two checks refuse it, and this is the first of them alone. */
	tap_refused(erot_cms_content(der, len, &out, &n, &err), EBADMSG, &err, "cms-form", name);
	free(der);
}

static void test_openssl_command(const uint8_t *der, size_t len)
{
	char *argv[] = { "openssl", "cms", "-verify", "-noverify", "-nointern", "-binary",
			 "-inform", "DER", "-in", (char *)in_dir("signed"), "-certfile",
			 (char *)in_dir("cert"),
			 "-out", (char *)in_dir("out"), NULL };
	struct erot_error err = { 0 };
	unsigned char *der_cert = NULL;
	uint8_t *out;
	size_t n;
	BIO *bio = BIO_new_file(in_dir("cert"), "w");
	X509 *again;
	int c;

	if (!bio || !PEM_write_bio_X509(bio, cert))
		die("writing the certificate");
	BIO_free(bio);
	if (erot_write_file(in_dir("signed"), der, len, 0600, &err))
		die(err.text);
	tap_ok(run(argv) == 0 && !erot_read_file(in_dir("out"), 1 << 20, &out, &n, &err) &&
	       n == LEN &&
	       !memcmp(out, content, LEN), "openssl cms -verify takes it");
	free(out);
	tap_ok(!erot_cert_read(in_dir("cert"), &again, &err) && !X509_cmp(again, cert),
	       "certificate in PEM");
	X509_free(again);
	c = i2d_X509(cert, &der_cert);
	tap_ok(!erot_cert_parse(der_cert, (size_t)c, &again, &err) && !X509_cmp(again, cert),
	       "certificate in DER");
	X509_free(again);
	tap_refused(erot_cert_parse("x", 1, &again, &err), EBADMSG, &err, "certificate", "garbage");
	OPENSSL_free(der_cert);
	unlink(in_dir("signed"));
	unlink(in_dir("cert"));
	unlink(in_dir("out"));
}

static void test_altered(uint8_t *der, size_t len)
{
	struct erot_error err = { 0 };
	size_t i, n, wrong = 0;
	uint8_t *out, *longer = malloc(len + 1);

	for (i = 0; i < len; i++) {
		der[i] ^= 1;
		if (!erot_cms_verify(der, len, cert, &out, &n, NULL)) {
			printf("# accepted with byte %zu altered\n", i);
			free(out);
			wrong++;
		}
		der[i] ^= 1;
	}
	tap_ok(!wrong, "every altered byte is refused");
	memcpy(longer, der, len);
	longer[len] = 0;
	tap_refused(erot_cms_verify(longer, len + 1, cert, &out, &n, &err), EBADMSG, &err,
		    "cms-trailing-bytes", "a byte behind it");
	tap_refused(erot_cms_verify(der, len - 1, cert, &out, &n, &err), EBADMSG, &err,
		    "cms-syntax", "cut");
	tap_refused(erot_cms_verify(der, 0, cert, &out, &n, &err), EMSGSIZE, &err, "cms-size",
		    "empty");
	tap_refused(erot_cms_verify(der, EROT_CMS_MAX + 1, cert, &out, &n, &err), EMSGSIZE, &err,
		    "cms-size", "too long");
	tap_refused(erot_cms_verify(der, len, other_cert, &out, &n, &err), ENOKEY, &err,
		    "cms-signer", "another certificate");
	der[len - 1] ^= 1;
	tap_refused(erot_cms_verify(der, len, cert, &out, &n, &err), EKEYREJECTED, &err,
		    "cms-signature", "another signature");
	tap_ok(!erot_cms_content(der, len, &out, &n, &err) && n == LEN &&
	       !memcmp(out, content, LEN),
	       "the content can be looked at");
	free(out);
	der[len - 1] ^= 1;
	free(longer);
}

static int sign_wrongly(void *ctx, const uint8_t info[EROT_DIGESTINFO_SIZE],
			uint8_t sig[EROT_RSA_SIZE], struct erot_error *err)
{
	(void)ctx;
	(void)info;
	(void)err;
	memset(sig, 1, EROT_RSA_SIZE);
	return 0;
}

static int sign_not(void *ctx, const uint8_t info[EROT_DIGESTINFO_SIZE],
		    uint8_t sig[EROT_RSA_SIZE], struct erot_error *err)
{
	(void)ctx;
	(void)info;
	(void)sig;
	return erot_fail(err, EIO, "token-gone", "no token");
}

/* The key of a certificate that is not decoded: of a whole one, and of nothing else. */
static void test_spki_digest(X509 *cert, const uint8_t digest[32])
{
	uint8_t found[32], *der = NULL;
	int len = i2d_X509(cert, &der), cut, wrong = 0;

	tap_ok(len > 0 && !erot_cert_spki_digest_in(der, (size_t)len, found) &&
	       !memcmp(found, digest, 32), "its digest, without decoding the certificate");
	for (cut = 0; cut < len; cut++)
		wrong += erot_cert_spki_digest_in(der, (size_t)cut, found) != -EBADMSG;
	tap_ok(!wrong, "a certificate that is cut short anywhere has none");
	der[13] = V_ASN1_OCTET_STRING;	/* of the serial number */
	tap_ok(erot_cert_spki_digest_in(der, (size_t)len, found) == -EBADMSG,
	       "another form has none");
	OPENSSL_free(der);
}

static void test_signers(void)
{
	struct erot_error err = { 0 };
	EVP_PKEY *small;
	X509 *small_cert;
	uint8_t *der, *spki, digest[32];
	char *pem;
	size_t len;
	long n;
	BIO *bio = BIO_new(BIO_s_mem());

	tap_refused(erot_cms_sign_with(cert, sign_wrongly, NULL, content, LEN, &der, &len, &err),
		    EKEYREJECTED, &err, "cms-signature", "a token that signs wrongly");
	tap_refused(erot_cms_sign_with(cert, sign_not, NULL, content, LEN, &der, &len, &err), EIO,
		    &err, "token-gone", "a token that fails");
	tap_refused(erot_cms_sign_key(other_key, cert, content, LEN, &der, &len, &err), ENOKEY,
		    &err, "cms-signer", "a key that is not the certificate's");
	tap_refused(erot_cms_sign_key(key, cert, content, 0, &der, &len, &err), EMSGSIZE, &err,
		    "cms-size", "no content");
	small = EVP_RSA_gen(2048);
	if (!small || erot_cert_self_signed(small, "small", 1, &small_cert, &err))
		die("small key");
	tap_refused(erot_cms_sign_key(small, small_cert, content, LEN, &der, &len, &err), ENOKEY,
		    &err, "cms-signer", "a key of 2048 bits");
	X509_free(small_cert);
	EVP_PKEY_free(small);
	if (!PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		die("PEM");
	n = BIO_get_mem_data(bio, &pem);
	tap_ok(!erot_cms_sign_pem(pem, (size_t)n, cert, content, LEN, &der, &len, &err),
	       "a key in PEM: %s", err.text);
	free(der);
	tap_refused(erot_cms_sign_pem("x", 1, cert, content, LEN, &der, &len, &err), EBADMSG, &err,
		    "private-key", "garbage for a key");
	BIO_free(bio);
	tap_ok(!erot_cert_spki(cert, &spki, &len, digest, &err) && len > 400 && spki[0] == 0x30,
	       "public key of a certificate");
	free(spki);
	test_spki_digest(cert, digest);
}

int main(void)
{
	struct erot_error err = { 0 };
	uint8_t *der, *theirs, *out;
	size_t len, n;

	if (erot_rsa_generate(&key, &err) || erot_rsa_generate(&other_key, &err) ||
	    erot_cert_self_signed(key, "signer", 1, &cert, &err) ||
	    erot_cert_self_signed(other_key, "other", 1, &other_cert, &err))
		die(err.text);
	if (!mkdtemp(dir))
		die("mkdtemp");
	if (erot_cms_sign_key(key, cert, content, LEN, &der, &len, &err))
		die(err.text);
	n = sign_openssl(OURS, EVP_sha256(), &theirs);
	tap_ok(n == len && !memcmp(der, theirs, n), "the same bytes as CMS_sign()");
	free(theirs);
	tap_ok(!erot_cms_verify(der, len, cert, &out, &n, &err) && n == LEN &&
	       !memcmp(out, content, LEN), "verifies: %s", err.text);
	free(out);
	test_openssl_command(der, len);
	test_altered(der, len);
	refuse_form(OURS & ~CMS_NOATTR, EVP_sha256(), "signed attributes");
	refuse_form(OURS & ~CMS_NOCERTS, EVP_sha256(), "certificates");
	refuse_form(OURS & ~CMS_USE_KEYID, EVP_sha256(), "signer by issuer and serial number");
	refuse_form(OURS | CMS_DETACHED, EVP_sha256(), "detached content");
	refuse_form(OURS, EVP_sha512(), "SHA-512");
	refuse_form(OURS, EVP_sha1(), "SHA-1");
	test_signers();
	free(der);
	rmdir(dir);
	return tap_done();
}
