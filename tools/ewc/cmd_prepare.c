// SPDX-License-Identifier: GPL-2.0-only
/* ewc prepare: image, tree and encryption, before there is a key statement. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/secret.h"
#include "liberot/manifest.h"
#include "tools/ewc/ewc.h"

/**
 * struct job - what the guarded child needs
 * @p: names
 * @unfinished: payload until it is whole
 */
struct job {
	const struct ewc_prepare *p;
	char unfinished[PATH_MAX];
};

static int encrypt(const struct job *job, int image, struct ewc_key *key,
		   uint8_t code_hash[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct erot_payload_shape shape;
	int fd, ret;

	if (erot_random(key->content_key, sizeof(key->content_key)) ||
	    erot_random(key->salt, sizeof(key->salt)))
		return erot_fail(err, EIO, "crypto", "no random numbers");
	fd = open(job->unfinished, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return erot_fail(err, errno, "io", "%s: %s", job->unfinished, strerror(errno));
	ret = erot_payload_encrypt(image, fd, 0, key->content_key, key->salt, ewc_progress,
				   "encrypting", &shape, code_hash, err);
	ewc_progress_end();
	if (!ret && fsync(fd))
		ret = erot_fail(err, errno, "io", "%s: %s", job->unfinished, strerror(errno));
	if (close(fd) && !ret)
		ret = erot_fail(err, errno, "io", "%s: %s", job->unfinished, strerror(errno));
	key->image_len = shape.image_len;
	return ret;
}

/* The key first: a payload without it is worth nothing, a key without payload does no harm. */
static int finish(const struct job *job, const struct ewc_key *key, const char *manifest,
		  size_t manifest_len, struct erot_error *err)
{
	const struct ewc_prepare *p = job->p;
	int ret;

	ret = ewc_key_write(p->key, key, err);
	if (!ret)
		ret = erot_write_file(p->finished, manifest, manifest_len, 0644, err);
	if (!ret && rename(job->unfinished, p->payload))
		ret = erot_fail(err, errno, "io", "%s: %s", p->payload, strerror(errno));
	return ret;
}

static int prepare(const struct job *job, const char *tmp, struct erot_error *err)
{
	struct ewc_key *key = erot_secret_alloc(sizeof(*key), err);
	uint8_t code_hash[EROT_DIGEST_SIZE] = { 0 }, *tmpl = NULL;
	size_t tmpl_len = 0, manifest_len;
	char *manifest = NULL;
	int image = -1, ret;

	if (!key)
		return -ENOMEM;
	ret = erot_read_file(job->p->manifest, EROT_MANIFEST_MAX, &tmpl, &tmpl_len, err);
	if (!ret)
		ret = ewc_image_make(job->p->source, tmp, &image, err);
	if (!ret)
		ret = encrypt(job, image, key, code_hash, err);
	if (!ret) {
		ret = erot_manifest_build(tmpl, tmpl_len, code_hash, &manifest,
					  &manifest_len, err);
		if (ret)
			erot_error_prefix(err, "%s", job->p->manifest);
	}
	if (!ret)
		ret = finish(job, key, manifest, manifest_len, err);
	if (image >= 0)
		close(image);
	free(manifest);
	free(tmpl);
	erot_secret_free(key);
	return ret;
}

static int work(void *ctx, const char *tmp)
{
	struct erot_error err = { "", "" };
	int ret = prepare(ctx, tmp, &err);

	return ret ? cli_fail(ret, &err) : CLI_OK;
}

/* A bad template is found before minutes go into an image; the hash stands in for the real one. */
static int check_template(const char *path)
{
	uint8_t none[EROT_DIGEST_SIZE] = { 0 }, *tmpl;
	struct erot_error err = { "", "" };
	char *manifest = NULL;
	size_t tmpl_len, len;
	int ret;

	ret = erot_read_file(path, EROT_MANIFEST_MAX, &tmpl, &tmpl_len, &err);
	if (ret)
		return cli_fail(ret, &err);
	ret = erot_manifest_build(tmpl, tmpl_len, none, &manifest, &len, &err);
	free(manifest);
	free(tmpl);
	if (ret && strcmp(err.code, "manifest-code-hash")) {
		erot_error_prefix(&err, "%s", path);
		return cli_fail(ret, &err);
	}
	return CLI_OK;
}

/**
 * ewc_prepare() - makes payload, key file and finished manifest
 * @p: names
 *
 * Return: exit code; after a failure the payload's file is as it was.
 */
int ewc_prepare(const struct ewc_prepare *p)
{
	struct job job = { .p = p };
	int ret;

	ret = check_template(p->manifest);
	if (ret)
		return ret;
	if (snprintf(job.unfinished, sizeof(job.unfinished), "%s.unfinished", p->payload) >=
	    (int)sizeof(job.unfinished))
		return cli_usage("-o: name is too long");
	return ewc_guard(work, &job, job.unfinished);
}

/* "app.payload" -> "app" + suffix */
static char *beside(const char *path, const char *suffix)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
	size_t len = strlen(path);
	char *out;

	if (dot && dot > (slash ? slash + 1 : path))
		len = dot - path;
	out = malloc(len + strlen(suffix) + 1);
	if (out) {
		memcpy(out, path, len);
		memcpy(out + len, suffix, strlen(suffix) + 1);
	}
	return out;
}

int cmd_prepare(int argc, char **argv)
{
	static const struct option options[] = {
		{ "manifest", required_argument, NULL, 'm' },
		{ "key", required_argument, NULL, 'k' },
		{ "finished", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	char *key = NULL, *finished = NULL;
	struct ewc_prepare p = { 0 };
	int c, ret;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'm':
			p.manifest = optarg;
			break;
		case 'k':
			p.key = optarg;
			break;
		case 'f':
			p.finished = optarg;
			break;
		case 'o':
			p.payload = optarg;
			break;
		default:
			return cli_bad_option();
		}
	}
	if (optind + 1 != argc || !p.manifest || !p.payload)
		return cli_usage("--manifest, -o and one directory or tar file are needed");
	p.source = argv[optind];
	key = beside(p.payload, ".key");
	finished = beside(p.payload, ".manifest");
	if (!key || !finished)
		return CLI_INTERNAL;
	if (!p.key)
		p.key = key;
	if (!p.finished)
		p.finished = finished;
	ret = ewc_prepare(&p);
	free(key);
	free(finished);
	return ret;
}
