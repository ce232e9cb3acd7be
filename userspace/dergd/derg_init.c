// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making a DERG. derg.json is written last: a directory without it is no DERG,
 * and one with it is whole.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "dergd/authority.h"
#include "dergd/cert.h"
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

static int make_receipt_key(const struct derg_init *in, struct hsm *h, struct erot_error *err)
{
	unsigned char *der = NULL;
	char path[PATH_MAX];
	X509 *cert = NULL;
	int len, ret;

	ret = hsm_new_rsa(h, DERG_RECEIPT_KEY, err);
	if (!ret)
		ret = derg_cert_make(h, DERG_RECEIPT_KEY, in->name, CERT_DAYS, &cert, err);
	if (ret)
		return ret;
	len = i2d_X509(cert, &der);
	X509_free(cert);
	if (len <= 0)
		return erot_fail(err, EIO, "crypto", "cannot encode the certificate");
	ret = join(in->dir, "receipt-cert.der", path, err);
	if (!ret)
		ret = erot_create_file(path, der, len, 0644, err);
	OPENSSL_free(der);
	return ret;
}

static int make_ledger(const struct derg_init *in, struct hsm *h, struct erot_error *err)
{
	struct ledger ledger;
	char path[PATH_MAX];
	struct epoch e;
	int ret;

	ret = join(in->dir, "ledger", path, err);
	if (!ret)
		ret = ledger_create(path, err);
	if (!ret)
		ret = ledger_open(&ledger, path, err);
	if (ret)
		return ret;
	ret = ledger_lock(&ledger, err);
	if (!ret)
		ret = epoch_new(&ledger, h, "default", 1, time(NULL), &e, err);
	ledger_close(&ledger);
	return ret;
}

/**
 * derg_init() - makes a DERG: token, receipt key and certificate, first epoch, ledger
 * @in: how
 * @err: "exists" where the directory is not empty
 *
 * After a failure the directory stays as it is, to be looked at and removed.
 *
 * Return: 0 or a negative errno.
 */
int derg_init(const struct derg_init *in, struct erot_error *err)
{
	struct derg_config c = {
		.require_host = in->open_mode ? 0 : EROT_HOST_ATTESTED,
		.grace_seconds = 86400,
		.valid_seconds = 300,
	};
	struct hsm h = { .sock = -1, .pid = -1 };
	char path[PATH_MAX];
	int ret;

	ret = make_dir(in->dir, err);
	if (ret)
		return ret;
	ret = open_token(in, &c, &h, err);
	if (!ret)
		ret = make_receipt_key(in, &h, err);
	if (!ret)
		ret = make_ledger(in, &h, err);
	if (!ret)
		ret = join(in->dir, "derg.json", path, err);
	if (!ret)
		ret = derg_config_write(path, &c, err);
	hsm_stop(&h);
	return ret;
}
