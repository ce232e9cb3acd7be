// SPDX-License-Identifier: GPL-2.0-only
/* Making a DERG. derg.conf is written when all that it names is there. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "dergd/authority.h"
#include "dergd/cert.h"
#include "dergd/derg_init.h"
#include "dergd/epoch.h"
#include "liberot/crypto.h"

#define TOKEN_LABEL	"erot"
#define PIN_BYTES	24
#define CERT_DAYS	3650

static int join(const char *dir, const char *name, char path[PATH_MAX], struct erot_error *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return erot_fail(err, ENAMETOOLONG, "path", "%s: path is too long", dir);
	return 0;
}

static int make_dir(const char *dir, struct erot_error *err)
{
	if (!mkdir(dir, 0700))
		return 0;
	if (errno != EEXIST)
		return erot_fail(err, errno, "io", "%s: %s", dir, strerror(errno));
	/* an existing directory will do when nothing is in it: rmdir() says so */
	if (rmdir(dir) || mkdir(dir, 0700))
		return erot_fail(err, EEXIST, "exists", "%s: exists and is not empty", dir);
	return 0;
}

/* RFC 3986 escaping of a path inside a query component. */
static int escape(const char *path, char *out, size_t size, struct erot_error *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~/";
	size_t used = 0;

	for (; *path; path++) {
		if (used + 4 > size)
			return erot_fail(err, ENAMETOOLONG, "path", "path is too long");
		if (strchr(plain, *path))
			out[used++] = *path;
		else
			used += snprintf(out + used, 4, "%%%02X", (unsigned char)*path);
	}
	out[used] = '\0';
	return 0;
}

static int write_pin(const char *dir, const char *name, char pin[2 * PIN_BYTES + 1],
		     struct erot_error *err)
{
	uint8_t random[PIN_BYTES];
	char path[PATH_MAX];
	int ret;

	ret = join(dir, name, path, err);
	if (ret)
		return ret;
	if (erot_random(random, sizeof(random)))
		return erot_fail(err, EIO, "crypto", "no random numbers");
	erot_hex(random, sizeof(random), pin);
	explicit_bzero(random, sizeof(random));
	return erot_create_file(path, pin, 2 * PIN_BYTES, 0600, err);
}

/* A token directory, its configuration and its PINs, all inside @dir. */
static int make_softhsm(const struct derg_init *in, struct derg_config *c,
			char so_pin[2 * PIN_BYTES + 1], struct erot_error *err)
{
	char path[PATH_MAX], text[PATH_MAX + 128], module[PATH_MAX], pin_path[PATH_MAX];
	char pin[2 * PIN_BYTES + 1] = "";
	int ret;

	ret = join(in->dir, "tokens", path, err);
	if (!ret && mkdir(path, 0700))
		ret = erot_fail(err, errno, "io", "%s: %s", path, strerror(errno));
	if (ret)
		return ret;
	snprintf(text, sizeof(text), "directories.tokendir = %s\nobjectstore.backend = file\n"
		 "log.level = ERROR\nslots.removable = false\n", path);
	ret = join(in->dir, "softhsm2.conf", c->softhsm_conf, err);
	if (!ret)
		ret = erot_create_file(c->softhsm_conf, text, strlen(text), 0600, err);
	if (!ret)
		ret = write_pin(in->dir, "pin", pin, err);
	if (!ret)
		ret = write_pin(in->dir, "so-pin", so_pin, err);
	explicit_bzero(pin, sizeof(pin));
	if (!ret)
		ret = join(in->dir, "pin", path, err);
	if (!ret)
		ret = escape(path, pin_path, sizeof(pin_path), err);
	if (!ret)
		ret = escape(in->module, module, sizeof(module), err);
	if (!ret && (size_t)snprintf(c->token, sizeof(c->token),
				     "pkcs11:token=" TOKEN_LABEL "?module-path=%s"
				     "&pin-source=file:%s", module, pin_path) >= sizeof(c->token))
		ret = erot_fail(err, ENAMETOOLONG, "path", "%s: path is too long", in->dir);
	return ret;
}

static int open_token(const struct derg_init *in, struct derg_config *c, struct hsm *h,
		      struct erot_error *err)
{
	char so_pin[2 * PIN_BYTES + 1] = "";
	int ret;

	if (in->uri) {
		if (strlen(in->uri) >= sizeof(c->token))
			return erot_fail(err, ENAMETOOLONG, "hsm-uri", "URI is too long");
		memcpy(c->token, in->uri, strlen(in->uri) + 1);
		ret = hsm_start(h, NULL, err);
	} else {
		ret = make_softhsm(in, c, so_pin, err);
		if (!ret)
			ret = hsm_start(h, c->softhsm_conf, err);
		if (!ret)
			ret = hsm_init(h, c->token, so_pin, strlen(so_pin), err);
	}
	explicit_bzero(so_pin, sizeof(so_pin));
	return ret ?: hsm_open(h, c->token, err);
}

static int write_cert(const struct derg_init *in, const char *name, X509 *cert,
		      struct erot_error *err)
{
	unsigned char *der = NULL;
	char path[PATH_MAX];
	int len, ret;

	len = i2d_X509(cert, &der);
	if (len <= 0)
		return erot_fail(err, EIO, "crypto", "cannot encode a certificate");
	ret = join(in->dir, name, path, err);
	if (!ret)
		ret = erot_create_file(path, der, len, 0644, err);
	OPENSSL_free(der);
	return ret;
}

static int make_log_cert(const struct derg_init *in, const struct derg_config *c, struct hsm *h,
			 X509 *issuer, struct erot_error *err)
{
	struct erot_note_key key;
	uint8_t pk[EROT_KEY_SIZE];
	X509 *cert = NULL;
	int ret;

	ret = hsm_new_ed25519(h, LOG_KEY, err);
	if (!ret)
		ret = hsm_ed25519_public(h, LOG_KEY, pk, err);
	if (!ret)
		ret = erot_note_key(c->log_name, pk, &key, err);
	if (!ret)
		ret = derg_cert_log(h, issuer, DERG_RECEIPT_KEY, &key, CERT_DAYS, &cert, err);
	if (!ret)
		ret = write_cert(in, DERG_LOG_CERT_FILE, cert, err);
	X509_free(cert);
	return ret;
}

static int make_keys(const struct derg_init *in, const struct derg_config *c, struct hsm *h,
		     struct erot_error *err)
{
	X509 *cert = NULL;
	int ret;

	ret = hsm_new_rsa(h, DERG_RECEIPT_KEY, err);
	if (!ret)
		ret = derg_cert_make(h, DERG_RECEIPT_KEY, in->name, CERT_DAYS, &cert, err);
	if (!ret)
		ret = write_cert(in, DERG_CERT_FILE, cert, err);
	if (!ret)
		ret = make_log_cert(in, c, h, cert, err);
	X509_free(cert);
	return ret;
}

static int copy_roots(const struct derg_init *in, struct derg_config *c, struct erot_error *err)
{
	struct erot_ek_roots *roots;
	uint8_t *pem;
	size_t len;
	int ret;

	if (!in->ek_roots)
		return 0;
	ret = erot_read_file(in->ek_roots, 4U << 20, &pem, &len, err);
	if (!ret)
		ret = erot_ek_roots_load(pem, len, &roots, err);
	if (ret)
		return ret;
	erot_ek_roots_free(roots);
	ret = join(in->dir, "ek-roots.pem", c->ek_roots, err);
	if (!ret)
		ret = erot_create_file(c->ek_roots, pem, len, 0644, err);
	free(pem);
	return ret;
}

/* Two logs must never have the same origin. */
static int random_name(struct derg_config *c, struct erot_error *err)
{
	char hex[17];
	uint8_t id[8];

	if (erot_random(id, sizeof(id)))
		return erot_fail(err, EIO, "crypto", "no random numbers");
	snprintf(c->log_name, sizeof(c->log_name), "erot/%s", erot_hex(id, sizeof(id), hex));
	return 0;
}

static int set_config(const struct derg_init *in, struct derg_config *c, struct erot_error *err)
{
	size_t len;

	derg_config_defaults(c);
	c->attested = in->attested;
	c->require_host = in->open_mode ? 0 : EROT_HOST_ATTESTED;
	if (in->database)
		len = snprintf(c->database, sizeof(c->database), "%s", in->database);
	else
		len = snprintf(c->database, sizeof(c->database), "sqlite:%s/derg.db", in->dir);
	if (len >= sizeof(c->database))
		return erot_fail(err, ENAMETOOLONG, "path", "%s: path is too long", in->dir);
	if (!in->log_name)
		return random_name(c, err);
	len = snprintf(c->log_name, sizeof(c->log_name), "%s", in->log_name);
	if (!len || len >= sizeof(c->log_name) || strpbrk(in->log_name, " \t+"))
		return erot_fail(err, EINVAL, "log-name", "a log's name has no blanks and no '+'");
	return 0;
}

static int first_epoch(const char *dir, struct erot_error *err)
{
	struct authority a;
	struct epoch e;
	struct derg d;
	int ret;

	ret = authority_open(&a, dir, err);
	if (ret)
		goto out;
	ret = derg_open(&d, &a, err);
	if (!ret)
		ret = epoch_new(&d, "default", 1, time(NULL), &e, err);
	derg_close(&d);
out:
	authority_close(&a);
	return ret;
}

int derg_init(const struct derg_init *in, struct erot_error *err)
{
	struct derg_config c;
	char path[PATH_MAX];
	struct hsm h;
	int ret;

	hsm_none(&h);
	ret = set_config(in, &c, err);
	if (!ret)
		ret = make_dir(in->dir, err);
	if (ret)
		return ret;
	ret = copy_roots(in, &c, err);
	if (!ret)
		ret = open_token(in, &c, &h, err);
	if (!ret)
		ret = make_keys(in, &c, &h, err);
	hsm_stop(&h);
	if (!ret)
		ret = join(in->dir, DERG_CONFIG_FILE, path, err);
	if (!ret)
		ret = derg_config_write(path, &c, err);
	if (!ret)
		ret = first_epoch(in->dir, err);
	if (ret)
		erot_error_prefix(err, "%s is unfinished, remove it before you try again", in->dir);
	return ret;
}
