// SPDX-License-Identifier: GPL-2.0-only
#include "common/tap.h"
#include "dergd/certs.h"
#include "liberot/cms.h"

#include <errno.h>
#include <pthread.h>

#define MANY	200	/* more than are kept */

static uint8_t *der[MANY];
static size_t len[MANY];

static void __attribute__((noreturn)) die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

static void make(void)
{
	struct erot_error err = { 0 };
	EVP_PKEY *key;
	X509 *cert;
	int i, n;

	if (erot_rsa_generate(&key, &err))
		die("key");
	for (i = 0; i < MANY; i++) {
		if (erot_cert_self_signed(key, "customer", 1, &cert, &err))
			die("certificate");
		n = i2d_X509(cert, &der[i]);
		if (n <= 0)
			die("DER");
		len[i] = (size_t)n;
		X509_free(cert);
	}
	EVP_PKEY_free(key);
}

/* Is what is got what was asked for? */
static int right(struct certs *c, int i)
{
	uint8_t *again = NULL;
	X509 *cert;
	int n, ret;

	if (certs_get(c, der[i], len[i], &cert, NULL))
		return 0;
	n = i2d_X509(cert, &again);
	ret = n > 0 && (size_t)n == len[i] && !memcmp(again, der[i], len[i]);
	OPENSSL_free(again);
	X509_free(cert);
	return ret;
}

static void *all_of_them(void *ctx)
{
	int i, wrong = 0;

	for (i = 0; i < 2 * MANY; i++)
		wrong += !right(ctx, i % MANY);
	return (void *)(long)wrong;
}

/* Its key is too short; one that could not be decoded for want of memory looks the same. */
static void test_cannot_sign(struct certs *c)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	struct erot_error err = { 0 };
	X509 *cert, *one, *again;
	uint8_t *bytes = NULL;
	int n;

	if (!key || erot_cert_self_signed(key, "short", 1, &cert, &err))
		die("short key");
	n = i2d_X509(cert, &bytes);
	if (n <= 0 || certs_get(c, bytes, (size_t)n, &one, &err) ||
	    certs_get(c, bytes, (size_t)n, &again, &err))
		die("short certificate");
	tap_ok(one != again, "one that cannot sign an order is not kept");
	OPENSSL_free(bytes);
	X509_free(cert);
	X509_free(one);
	X509_free(again);
	EVP_PKEY_free(key);
}

int main(void)
{
	X509 *one, *again, *other, *new;
	struct erot_error err = { 0 };
	struct certs *c = certs_new();
	pthread_t threads[4];
	uint8_t altered[4096];
	long wrong = 0;
	void *said;
	int i;

	make();
	if (!c || certs_get(c, der[0], len[0], &one, &err) ||
	    certs_get(c, der[0], len[0], &again, &err) ||
	    certs_get(c, der[1], len[1], &other, &err))
		die("certificates");
	tap_ok(one == again, "a certificate is decoded once");
	tap_ok(one != other && right(c, 1), "another one is another one");
	memcpy(altered, der[0], len[0]);
	altered[len[0] - 1] ^= 1;
	tap_ok(!certs_get(c, altered, len[0], &new, &err) && new != one,
	       "of one bit that differs, too");
	X509_free(new);
	tap_refused(certs_get(c, der[0], len[0] - 1, &new, &err), EBADMSG, &err, "certificate",
		    "one that is cut short");
	tap_refused(certs_get(c, "", 0, &new, &err), EBADMSG, &err, "certificate", "nothing");
	for (i = 0; i < MANY; i++) {
		wrong += !right(c, i);
		wrong += !right(c, 1);
	}
	tap_ok(!wrong, "each of many is the right one");
	tap_ok(!certs_get(c, der[1], len[1], &new, &err) && new == other, "what is used stays");
	X509_free(new);
	tap_ok(!certs_get(c, der[0], len[0], &new, &err) && new != one, "what is not used goes");
	X509_free(new);
	for (i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, all_of_them, c))
			die("thread");
	for (wrong = 0, i = 0; i < 4; i++) {
		pthread_join(threads[i], &said);
		wrong += (long)said;
	}
	tap_ok(!wrong, "by several threads at once");
	test_cannot_sign(c);
	certs_free(c);
	tap_ok(X509_get0_pubkey(one) && X509_get0_pubkey(other), "they outlive what kept them");
	X509_free(one);
	X509_free(again);
	X509_free(other);
	for (i = 0; i < MANY; i++)
		OPENSSL_free(der[i]);
	return tap_done();
}
