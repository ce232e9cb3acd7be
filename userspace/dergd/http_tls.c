// SPDX-License-Identifier: GPL-2.0-only
/* The server's certificate, and who the client's belongs to. */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/io.h"
#include "common/secret.h"
#include "dergd/http_priv.h"

#define PEM_MAX		65536
#define HANDSHAKE_MAX	32768	/* bytes of one message: a client's chain, mostly */

static int read_pem(const char *path, gnutls_datum_t *out, const char *code,
		    struct erot_error *err)
{
	struct erot_error why;
	uint8_t *data;
	size_t len;
	int ret;

	ret = erot_read_file(path, PEM_MAX, &data, &len, &why);
	if (ret)
		return erot_fail(err, -ret, code, "%s", why.text);
	out->data = data;
	out->size = (unsigned int)len;
	return 0;
}

static int load_pair(struct http_tls *tls, const struct settings *settings,
		     struct erot_error *err)
{
	gnutls_datum_t cert = { NULL, 0 }, key = { NULL, 0 };
	int ret, tret;

	ret = read_pem(settings->certificate, &cert, "tls-certificate", err) ?:
	      read_pem(settings->key, &key, "tls-key", err);
	if (!ret) {
		/* checks that they belong together */
		tret = gnutls_certificate_set_x509_key_mem2(tls->credentials, &cert, &key,
							    GNUTLS_X509_FMT_PEM, NULL, 0);
		if (tret < 0)
			ret = erot_fail(err, EINVAL, "tls-certificate", "%s with %s: %s",
					settings->certificate, settings->key,
					gnutls_strerror(tret));
	}
	erot_wipe_free(key.data, key.size);
	free(cert.data);
	return ret;
}

static int load_clients(struct http_tls *tls, const struct settings *settings,
			struct erot_error *err)
{
	gnutls_datum_t ca;
	int ret, n;

	if (!settings->client_ca[0])
		return 0;
	ret = read_pem(settings->client_ca, &ca, "tls-ca", err);
	if (ret)
		return ret;
	n = gnutls_x509_trust_list_init(&tls->clients, 0);
	if (!n)
		n = gnutls_x509_trust_list_add_trust_mem(tls->clients, &ca, NULL,
							 GNUTLS_X509_FMT_PEM, 0, 0);
	/* clients choose their certificate by these names */
	if (n > 0)
		n = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca,
							  GNUTLS_X509_FMT_PEM);
	free(ca.data);
	if (n <= 0)
		return erot_fail(err, EINVAL, "tls-ca", "%s: %s", settings->client_ca,
				 n ? gnutls_strerror(n) : "no certificate in it");
	return 0;
}

static void tls_free(struct http_tls *tls)
{
	if (tls->clients)
		gnutls_x509_trust_list_deinit(tls->clients, 1);
	if (tls->credentials)
		gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

/**
 * http_tls_load() - read what stands in the files now
 * @out: with one user
 * @settings: paths
 * @err: "tls-certificate", "tls-key", "tls-ca", "no-memory"
 *
 * Return: 0 or a negative errno.
 */
int http_tls_load(struct http_tls **out, const struct settings *settings, struct erot_error *err)
{
	struct http_tls *tls = calloc(1, sizeof(*tls));
	int ret;

	if (!tls || gnutls_certificate_allocate_credentials(&tls->credentials)) {
		free(tls);
		return erot_fail(err, ENOMEM, "no-memory", "TLS");
	}
	atomic_init(&tls->users, 1);
	ret = load_pair(tls, settings, err) ?: load_clients(tls, settings, err);
	if (ret)
		tls_free(tls);
	else
		*out = tls;
	return ret;
}

void http_tls_put(struct http_tls *tls)
{
	if (tls && atomic_fetch_sub(&tls->users, 1) == 1)
		tls_free(tls);
}

/* Before the handshake: which certificate, and that the client may show one. */
void http_tls_session(struct http_tls *tls, gnutls_session_t session)
{
	static const gnutls_datum_t http1 = { (unsigned char *)"http/1.1", 8 };

	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
	gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
	gnutls_handshake_set_max_packet_length(session, HANDSHAKE_MAX);
	gnutls_alpn_set_protocols(session, &http1, 1, 0);
}

static int check_dates(gnutls_x509_crt_t cert, struct erot_error *err)
{
	time_t now = time(NULL);

	if (now < gnutls_x509_crt_get_activation_time(cert) ||
	    now > gnutls_x509_crt_get_expiration_time(cert))
		return erot_fail(err, EACCES, "client-expired",
				 "the client certificate is not valid now");
	return 0;
}

static int check_issuer(struct http_tls *tls, const gnutls_datum_t *chain, unsigned int n,
			struct erot_error *err)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	gnutls_x509_crt_t certs[8];
	unsigned int got = 0, status = ~0U;
	int tret = 0;

	for (; got < n && got < 8 && !tret; got++) {
		tret = gnutls_x509_crt_init(&certs[got]);
		if (tret)
			break;
		tret = gnutls_x509_crt_import(certs[got], &chain[got], GNUTLS_X509_FMT_DER);
	}
	if (!tret)
		tret = gnutls_x509_trust_list_verify_crt2(tls->clients, certs, got, &purpose, 1, 0,
							  &status, NULL);
	while (got)
		gnutls_x509_crt_deinit(certs[--got]);
	if (tret || status)
		return erot_fail(err, EACCES, "client-issuer",
				 "the client certificate is not from a CA that is trusted here");
	return 0;
}

/**
 * http_tls_peer() - the client's certificate, after the handshake has shown that it has the key
 * @tls: of the connection
 * @session: its TLS
 * @fingerprint: SHA-256 of the certificate
 * @err: "client-expired", "client-issuer", "client-certificate"
 *
 * Return: 0; -ENOENT: it showed none, @err untouched; -EACCES.
 */
int http_tls_peer(struct http_tls *tls, gnutls_session_t session,
		  uint8_t fingerprint[EROT_DIGEST_SIZE], struct erot_error *err)
{
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t cert;
	unsigned int n = 0;
	int ret;

	chain = gnutls_certificate_get_peers(session, &n);
	if (!chain || !n)
		return -ENOENT;
	if (gnutls_x509_crt_init(&cert))
		return erot_fail(err, ENOMEM, "no-memory", "certificate");
	if (gnutls_x509_crt_import(cert, &chain[0], GNUTLS_X509_FMT_DER) ||
	    gnutls_hash_fast(GNUTLS_DIG_SHA256, chain[0].data, chain[0].size, fingerprint))
		ret = erot_fail(err, EACCES, "client-certificate", "malformed certificate");
	else
		ret = check_dates(cert, err);
	gnutls_x509_crt_deinit(cert);
	if (!ret && tls->clients)
		ret = check_issuer(tls, chain, n, err);
	return ret;
}
