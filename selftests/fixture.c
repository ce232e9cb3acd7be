// SPDX-License-Identifier: GPL-2.0-only
/* DERG, customer and machine in software: keys, signed contents, releases. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "liberot/cms.h"
#include "liberot/crypto.h"
#include "liberot/envelope.h"
#include "liberot/evidence.h"
#include "liberot/hpke.h"
#include "liberot/manifest.h"
#include "selftests/fixture.h"

struct fx_world fx;
struct erot_error fx_err;

static void give_up(const char *what, int ret)
{
	printf("TAP version 13\nBail out! fixture: %s: %s: %s\n", what, strerror(-ret),
	       fx_err.text);
	fflush(stdout);
	exit(1);
}

static void need(const char *what, int ret)
{
	if (ret)
		give_up(what, ret);
}

/* ---- what is kept for the boot */

static int load_or_make_key(const char *path, EVP_PKEY **key)
{
	FILE *f = fopen(path, "re");
	int fd, ret;

	if (f) {
		*key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		fclose(f);
		if (*key)
			return 0;
	}
	ret = erot_rsa_generate(key, &fx_err);
	if (ret)
		return ret;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return -errno;
	ret = PEM_write_PrivateKey(f, *key, NULL, NULL, 0, NULL, NULL) ? 0 : -EIO;
	return fclose(f) ? -EIO : ret;
}

static int load_or_make_cert(const char *path, EVP_PKEY *key, X509 **cert)
{
	uint8_t *der = NULL;
	int len, ret;

	if (!erot_cert_read(path, cert, &fx_err))
		return 0;
	ret = erot_cert_self_signed(key, "erot selftest", 30, cert, &fx_err);
	if (ret)
		return ret;
	len = i2d_X509(*cert, &der);
	if (len <= 0)
		return -EIO;
	ret = erot_write_file(path, der, (size_t)len, 0644, &fx_err);
	OPENSSL_free(der);
	return ret;
}

int32_t fx_keyring(const char *name)
{
	char line[256], want[64];
	unsigned int serial, found = 0;
	FILE *f = fopen("/proc/keys", "re");

	snprintf(want, sizeof(want), " keyring   %s:", name);
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, want) && sscanf(line, "%x", &serial) == 1)
			found = serial;
	if (f)
		fclose(f);
	return (int32_t)found;
}

static bool ring_has(int32_t ring, int32_t key)
{
	int32_t list[256];
	long n = syscall(SYS_keyctl, KEYCTL_READ, ring, list, sizeof(list)), i;

	for (i = 0; i < n / (long)sizeof(list[0]) && i < 256; i++)
		if (list[i] == key)
			return true;
	return false;
}

/* The certificate stays in the ring as long as the module; it is put there once. */
int fx_load_certificate(void)
{
	int32_t ring = fx_keyring(".erot"), *kept;
	uint8_t *data = NULL, *der = NULL;
	size_t len;
	int n;

	fx.key_serial = 0;
	if (!ring)
		return erot_fail(&fx_err, ENOKEY, "keyring", "there is no keyring .erot");
	if (!erot_read_file(FX_DIR "/serial", sizeof(*kept), &data, &len, &fx_err)) {
		kept = (int32_t *)data;
		if (len == sizeof(*kept) && ring_has(ring, *kept))
			fx.key_serial = *kept;
		free(data);
	}
	if (fx.key_serial)
		return 0;
	n = i2d_X509(fx.cert, &der);
	if (n <= 0)
		return -EIO;
	fx.key_serial = (int32_t)syscall(SYS_add_key, "asymmetric", "", der, (size_t)n, ring);
	n = errno;
	OPENSSL_free(der);
	if (fx.key_serial < 0)
		return erot_fail(&fx_err, n, "keyring", "add_key: %s", strerror(n));
	return erot_write_file(FX_DIR "/serial", &fx.key_serial, sizeof(fx.key_serial), 0600,
			       &fx_err);
}

static int make_machine(void)
{
	EVP_PKEY *key;
	uint8_t *der = NULL;
	int len, ret;

	if (!erot_read_file(FX_MACHINE, EROT_HWKEY_MAX, &fx.machine, &fx.machine_len, &fx_err))
		return 0;
	key = EVP_EC_gen("P-256");
	len = key ? i2d_PUBKEY(key, &der) : -1;
	EVP_PKEY_free(key);
	if (len <= 0)
		return -EIO;
	fx.machine = der;
	fx.machine_len = (size_t)len;
	ret = erot_write_file(FX_MACHINE, der, (size_t)len, 0644, &fx_err);
	return ret;
}

void fx_prepare(void)
{
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mkdir(FX_DIR, 0700) && errno != EEXIST)
		give_up(FX_DIR, -errno);
	need("key", load_or_make_key(FX_DIR "/key.pem", &fx.key));
	need("other key", load_or_make_key(FX_DIR "/other.pem", &fx.other_key));
	need("certificate", load_or_make_cert(FX_DIR "/cert.der", fx.key, &fx.cert));
	need("keyring", fx_load_certificate());
	need("machine", make_machine());
	need("image", fx_make_image());
	fd = fx_image_copy();
	if (fd < 0)
		give_up("image", -errno);
	need("payload", fx_payload_make("payload", fd, &fx.payload));
	close(fd);
}

int fx_begin(void)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	int ret = erot_nl_open(&fx.nl, &fx_err);

	return ret ?: erot_sha256(fx.machine, fx.machine_len, digest) ?:
	       erot_nl_host(fx.nl, digest, NULL, &fx_err);
}

/* ---- signed contents */

int fx_sign(bool other_signer, const void *content, size_t len, uint8_t **cms, size_t *cms_len)
{
	X509 *cert = NULL;
	int ret;

	if (!other_signer)
		return erot_cms_sign_key(fx.key, fx.cert, content, len, cms, cms_len, &fx_err);
	ret = erot_cert_self_signed(fx.other_key, "another", 30, &cert, &fx_err) ?:
	      erot_cms_sign_key(fx.other_key, cert, content, len, cms, cms_len, &fx_err);
	X509_free(cert);
	return ret;
}

static int make_manifest(const struct fx_knobs *k, const struct fx_payload *p,
			 struct erot_grant_info *g, char **text)
{
	static const char tmpl[] =
		"{\"process\":{\"args\":[\"/bin/agent\",\"serve\"]},\"root\":{\"readonly\":true},"
		"\"erot\":{\"requireHost\":[]}}";

	memcpy(g->code_hash, p->code_hash, sizeof(g->code_hash));
	if (k->other_code_hash)
		g->code_hash[7] ^= 1;
	return erot_manifest_build(tmpl, sizeof(tmpl) - 1, g->code_hash, text, &g->manifest_len,
				   &fx_err);
}

/* The content that is signed: the receipt, or what tries to pass for one. */
static int make_content(struct fx_session *s, const struct erot_receipt_info *r,
			const struct erot_order_info *o, uint8_t **content, size_t *len)
{
	struct erot_statement_info st = { .grant = r->grant };
	struct erot_destruction_info d = { .time = (uint64_t)time(NULL) };
	uint8_t key[EROT_KEY_SIZE] = { 1 };
	int ret;

	switch (s->knobs.as) {
	case FX_STATEMENT:
		return erot_statement_build(&st, content, len, &fx_err);
	case FX_ORDER:
		return erot_order_build(o, content, len, &fx_err);
	case FX_DESTRUCTION:
		erot_head_fill(&d.evidence.head, EROT_PURPOSE_EVIDENCE, sizeof(d.evidence));
		d.evidence.reason = htole32(EROT_END_EXIT);
		d.evidence.flags = htole32(EROT_EV_RELEASED);
		d.evidence.started_ns = d.evidence.ended_ns = d.evidence.released_ns = htole64(1);
		ret = erot_evidence_seal(&d.evidence, key);
		return ret ?: erot_destruction_build(&d, content, len, &fx_err);
	default:
		return erot_receipt_build(r, content, len, &fx_err);
	}
}

/* The manifest ends the content; the module reads no JSON, so any byte will do. */
static int alter_manifest(bool longer, uint8_t **content, size_t *len)
{
	struct erot_receipt *r;

	if (!longer) {
		(*content)[*len - 1] ^= 1;
		return 0;
	}
	r = realloc(*content, *len + 1);
	if (!r)
		return -ENOMEM;
	*content = (uint8_t *)r;
	(*content)[(*len)++] = '\n';
	r->grant.head.length = htole32((uint32_t)*len);
	r->grant.manifest_len = htole32(le32toh(r->grant.manifest_len) + 1);
	return 0;
}

static int make_receipt(struct fx_session *s, struct erot_receipt_info *r)
{
	const struct fx_knobs *k = &s->knobs;
	struct erot_statement_info st = { .grant = r->grant };
	struct erot_order_info o = { 0 };
	const struct fx_payload *p = k->payload ?: &fx.payload;
	uint8_t *content = NULL;
	size_t len;
	int ret;

	ret = erot_statement_build(&st, &content, &len, &fx_err) ?:
	      erot_sha256(content, len, r->statement);
	free(content);
	ret = ret ?: erot_envelope_build(&p->shape, false, r->grant.manifest, r->grant.manifest_len,
					 p->content_key, p->salt, r->grant.erot_pk, r->statement,
					 &s->env, &s->env_len, &fx_err);
	if (!ret && k->envelope)
		k->envelope(s->env, s->env_len);
	ret = ret ?: erot_sha256(s->env, s->env_len, r->ewc);
	if (k->other_envelope)
		r->ewc[31] ^= 0x80;
	memcpy(o.statement, r->statement, sizeof(o.statement));
	memcpy(o.ewc, r->ewc, sizeof(o.ewc));
	ret = ret ?: erot_order_build(&o, &content, &len, &fx_err) ?:
	      erot_sha256(content, len, r->order);
	if (!ret)
		free(content);
	ret = ret ?: make_content(s, r, &o, &content, &len);
	if (!ret && (k->other_manifest || k->longer_manifest))
		ret = alter_manifest(k->longer_manifest, &content, &len);
	if (ret)
		return ret;
	ret = erot_sha256(content, len, s->receipt) ?:
	      fx_sign(k->other_signer, content, len, &s->cms, &s->cms_len);
	free(content);
	return ret;
}

int fx_grant(struct fx_session *s, const struct fx_knobs *k)
{
	struct erot_receipt_info r = { 0 };
	uint64_t now = (uint64_t)time(NULL);
	uint8_t other[128];
	char *manifest = NULL;
	int ret;

	s->knobs = *k;
	ret = erot_hpke_keypair(s->sk, r.grant.erot_pk) ?:
	      erot_random(r.grant.id, sizeof(r.grant.id)) ?:
	      erot_random(r.grant.nonce, sizeof(r.grant.nonce)) ?:
	      make_manifest(k, k->payload ?: &fx.payload, &r.grant, &manifest);
	if (ret)
		return ret;
	r.grant.epoch = 1;
	r.grant.manifest = (uint8_t *)manifest;
	memcpy(other, fx.machine, fx.machine_len);
	other[fx.machine_len - 1] ^= k->other_machine;
	r.grant.hwkey = other;
	r.grant.hwkey_len = fx.machine_len;
	r.not_before = now + (uint64_t)(k->not_before || k->not_after ? k->not_before : -3600);
	r.not_after = now + (uint64_t)(k->not_after ?: 3600);
	r.memory_max = k->memory_max ?: 64 << 20;
	r.max_runtime = k->runtime ?: 600;
	r.pids_max = 64;
	r.isolation = k->no_isolation ? 0 : EROT_ISO_ALL;
	r.host = k->host;
	ret = make_receipt(s, &r);
	free(manifest);
	if (ret)
		return ret;
	s->env_fd = fx_temp_file(s->env, s->env_len);
	return s->env_fd < 0 ? -errno : 0;
}

int fx_release(struct fx_session *s)
{
	const struct fx_knobs *k = &s->knobs;
	struct erot_release_info in = {
		.derg_time = (uint64_t)time(NULL) + (uint64_t)k->derg_time,
		.valid_seconds = k->valid ?: 600,
		.max_runtime = k->release_runtime ?: k->runtime ?: 600,
	};
	uint8_t receipt[EROT_DIGEST_SIZE], session[EROT_KEY_SIZE], boot[EROT_KEY_SIZE];
	uint8_t sk[EROT_KEY_SIZE];
	int ret = 0;

	memcpy(in.sk, s->sk, sizeof(in.sk));
	memcpy(receipt, s->receipt, sizeof(receipt));
	memcpy(session, s->n.session_key, sizeof(session));
	memcpy(boot, s->n.boot_key, sizeof(boot));
	receipt[0] ^= k->other_receipt;
	if (k->other_session)
		ret = erot_hpke_keypair(sk, session);
	if (!ret && k->other_boot)
		ret = erot_hpke_keypair(sk, boot);
	if (!ret && k->other_sk)
		ret = erot_random(in.sk, sizeof(in.sk));
	return ret ?: erot_release_seal(&in, receipt, session, boot, &s->release, &fx_err);
}
