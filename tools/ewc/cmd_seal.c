// SPDX-License-Identifier: GPL-2.0-only
/* ewc seal and renew: the envelope, a few KiB, for one key statement. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/secret.h"
#include "liberot/cms.h"
#include "liberot/manifest.h"
#include "tools/ewc/ewc.h"

#define COPY_BLOCK (1 << 20)

/**
 * struct parts - what an envelope is made of
 * @statement: content; @info points into it
 * @payload: descriptor
 * @off: where the payload begins in it
 * @manifest: finished
 */
struct parts {
	uint8_t *statement;
	struct erot_statement_info info;
	int payload;
	uint64_t off;
	uint8_t *manifest;
	size_t manifest_len;
	struct ewc_key *key;
	struct erot_payload_shape shape;
};

static int read_statement(const struct ewc_seal *s, struct parts *p, struct erot_error *err)
{
	X509 *cert = NULL;
	size_t len;
	int ret = 0;

	if (s->cert)
		ret = erot_cert_read(s->cert, &cert, err);
	else
		fprintf(stderr, "ewc: warning: nobody checked who signed %s; give --cert\n",
			s->statement);
	if (!ret)
		ret = ewc_read_signed(s->statement, cert, &p->statement, &len, err);
	if (!ret)
		ret = erot_statement_parse(p->statement, len, &p->info, err);
	X509_free(cert);
	return ret;
}

/* Whoever asked for one machine does not seal for another, whatever the provider answered. */
static int check_machine(const struct ewc_seal *s, const struct parts *p, struct erot_error *err)
{
	const struct erot_grant_info *g = &p->info.grant;
	uint8_t want[EROT_DIGEST_SIZE], got[EROT_DIGEST_SIZE];

	if (!s->machine)
		return 0;
	if (strlen(s->machine) != 2 * sizeof(want) || erot_unhex(s->machine, want, sizeof(want)))
		return erot_fail(err, EINVAL, "usage", "a machine's id is 64 hexadecimal digits");
	if (erot_sha256(g->hwkey, g->hwkey_len, got))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	return memcmp(want, got, sizeof(want)) ?
	       erot_fail_digests(err, EKEYREJECTED, "statement-machine", want, got,
				 "%s: key statement is for another machine", s->statement) : 0;
}

static int check_payload(const struct ewc_seal *s, struct parts *p, struct erot_error *err)
{
	struct stat st;
	int ret;

	ret = erot_payload_shape(p->key->image_len, &p->shape, err);
	if (ret)
		return ret;
	ret = ewc_open_payload(s->payload, &p->payload, &p->off, err);
	if (ret) {
		p->payload = -1;
		return ret;
	}
	if (fstat(p->payload, &st) || (uint64_t)st.st_size != p->off + p->shape.payload_len)
		return erot_fail(err, EINVAL, "payload-length",
				 "%s: not the payload of this key file", s->payload);
	return 0;
}

static int gather(const struct ewc_seal *s, struct parts *p, struct erot_error *err)
{
	int ret;

	p->key = erot_secret_alloc(sizeof(*p->key), err);
	if (!p->key)
		return -ENOMEM;
	ret = read_statement(s, p, err) ?: check_machine(s, p, err);
	if (!ret)
		ret = erot_read_file(s->manifest, EROT_MANIFEST_MAX, &p->manifest,
				     &p->manifest_len, err);
	if (!ret && (p->manifest_len != p->info.grant.manifest_len ||
		     memcmp(p->manifest, p->info.grant.manifest, p->manifest_len)))
		ret = erot_fail(err, EKEYREJECTED, "statement-manifest",
				"%s: key statement is for another manifest", s->statement);
	if (!ret)
		ret = ewc_key_read(s->key, p->key, err);
	if (!ret)
		ret = check_payload(s, p, err);
	return ret;
}

static int copy_payload(const struct parts *p, int out, uint64_t to, struct erot_error *err)
{
	uint64_t done = 0, total = p->shape.payload_len;
	uint8_t *block = malloc(COPY_BLOCK);
	int ret = block ? 0 : erot_fail(err, ENOMEM, "no-memory", "payload");
	size_t n;

	while (!ret && done < total) {
		n = total - done < COPY_BLOCK ? total - done : COPY_BLOCK;
		ret = erot_pread_full(p->payload, block, n, p->off + done);
		if (!ret)
			ret = erot_pwrite_full(out, block, n, to + done);
		if (ret)
			ret = erot_fail(err, -ret, "io", "copying the payload: %s", strerror(-ret));
		done += n;
		ewc_progress("copying", done, total);
	}
	ewc_progress_end();
	free(block);
	return ret;
}

static int write_one_file(const struct ewc_seal *s, const struct parts *p, const uint8_t *env,
			  size_t len, struct erot_error *err)
{
	char unfinished[PATH_MAX];
	int fd, ret;

	if (snprintf(unfinished, sizeof(unfinished), "%s.unfinished", s->out) >=
	    (int)sizeof(unfinished))
		return erot_fail(err, ENAMETOOLONG, "io", "%s: name is too long", s->out);
	fd = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return erot_fail(err, errno, "io", "%s: %s", unfinished, strerror(errno));
	ret = erot_pwrite_full(fd, env, len, 0);
	if (ret)
		ret = erot_fail(err, -ret, "io", "%s: %s", unfinished, strerror(-ret));
	if (!ret)
		ret = copy_payload(p, fd, erot_envelope_payload_off(p->manifest_len), err);
	if (!ret && fsync(fd))
		ret = erot_fail(err, errno, "io", "%s: %s", unfinished, strerror(errno));
	if (close(fd) && !ret)
		ret = erot_fail(err, errno, "io", "%s: %s", unfinished, strerror(errno));
	if (!ret && rename(unfinished, s->out))
		ret = erot_fail(err, errno, "io", "%s: %s", s->out, strerror(errno));
	if (ret)
		unlink(unfinished);
	return ret;
}

/**
 * ewc_seal() - makes an envelope
 * @s: of what
 *
 * Return: exit code.
 */
int ewc_seal(const struct ewc_seal *s)
{
	struct parts p = { .payload = -1 };
	struct erot_error err = { "", "" };
	uint8_t *env = NULL;
	size_t len;
	int ret;

	ret = gather(s, &p, &err);
	if (!ret)
		ret = erot_envelope_build(&p.shape, s->one_file, p.manifest, p.manifest_len,
					  p.key->content_key, p.key->salt, p.info.grant.erot_pk,
					  p.info.digest, &env, &len, &err);
	if (!ret)
		ret = s->one_file ? write_one_file(s, &p, env, len, &err)
				  : erot_write_file(s->out, env, len, 0644, &err);
	if (p.payload >= 0)
		close(p.payload);
	free(env);
	free(p.statement);
	erot_wipe_free(p.manifest, p.manifest_len);
	erot_secret_free(p.key);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}

int cmd_seal(int argc, char **argv)
{
	static const struct option options[] = {
		{ "statement", required_argument, NULL, 's' },
		{ "cert", required_argument, NULL, 'c' },
		{ "payload", required_argument, NULL, 'p' },
		{ "key", required_argument, NULL, 'k' },
		{ "manifest", required_argument, NULL, 'm' },
		{ "machine", required_argument, NULL, 'M' },
		{ "one-file", no_argument, NULL, '1' },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	struct ewc_seal s = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 's':
			s.statement = optarg;
			break;
		case 'c':
			s.cert = optarg;
			break;
		case 'p':
			s.payload = optarg;
			break;
		case 'k':
			s.key = optarg;
			break;
		case 'm':
			s.manifest = optarg;
			break;
		case 'M':
			s.machine = optarg;
			break;
		case '1':
			s.one_file = 1;
			break;
		case 'o':
			s.out = optarg;
			break;
		default:
			return cli_bad_option();
		}
	}
	if (optind != argc || !s.statement || !s.payload || !s.key || !s.manifest || !s.out)
		return cli_usage("--statement, --payload, --key, --manifest and -o are needed");
	return ewc_seal(&s);
}
