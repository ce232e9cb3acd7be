// SPDX-License-Identifier: GPL-2.0-only
/* Opening what the commands are given. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "liberot/audit.h"
#include "liberot/cms.h"
#include "liberot/object.h"
#include "tools/ewc/ewc.h"

static int open_file(const char *path, int *fd, struct erot_error *err)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*fd < 0)
		return erot_fail(err, errno, errno == ENOENT ? "not-found" : "io", "%s: %s", path,
				 strerror(errno));
	return 0;
}

/**
 * ewc_open_envelope() - reads and checks the envelope of a file
 * @path: EWC
 * @fd: open file, or NULL
 * @env: to be freed; @info points into it
 * @info: filled
 * @err: "envelope-..."
 *
 * Return: 0 or a negative errno.
 */
int ewc_open_envelope(const char *path, int *fd, uint8_t **env, struct erot_envelope_info *info,
		      struct erot_error *err)
{
	int file = -1, ret;
	size_t len;

	*env = NULL;
	ret = open_file(path, &file, err);
	if (ret)
		return ret;
	ret = erot_envelope_read(file, env, &len, err);
	if (!ret)
		ret = erot_envelope_parse(*env, len, info, err);
	if (ret) {
		erot_error_prefix(err, "%s", path);
		free(*env);
		*env = NULL;
	}
	if (ret || !fd)
		close(file);
	else
		*fd = file;
	return ret;
}

/**
 * ewc_open_payload() - opens a payload, alone or behind its envelope
 * @path: file
 * @fd: open
 * @off: where the payload begins
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int ewc_open_payload(const char *path, int *fd, uint64_t *off, struct erot_error *err)
{
	struct erot_envelope_info info;
	uint8_t magic[EROT_MAGIC_SIZE], *env;
	int ret;

	ret = open_file(path, fd, err);
	if (ret)
		return ret;
	*off = 0;
	if (erot_pread_full(*fd, magic, sizeof(magic), 0) ||
	    memcmp(magic, EROT_MAGIC, sizeof(magic)))
		return 0;
	close(*fd);
	ret = ewc_open_envelope(path, fd, &env, &info, err);
	if (ret)
		return ret;
	*off = info.payload_off;
	free(env);
	if (!*off) {
		close(*fd);
		return erot_fail(err, EINVAL, "payload", "%s: envelope without its payload", path);
	}
	return 0;
}

/**
 * ewc_read_signed() - content of something signed
 * @path: CMS
 * @cert: of the signer, or NULL: not checked
 * @content: to be freed
 * @len: bytes
 * @err: "cms-..."
 *
 * Return: 0 or a negative errno.
 */
int ewc_read_signed(const char *path, X509 *cert, uint8_t **content, size_t *len,
		    struct erot_error *err)
{
	uint8_t *data;
	size_t size;
	int ret;

	*content = NULL;
	ret = cli_read(path, &data, &size, err);
	if (ret)
		return ret;
	ret = cert ? erot_cms_verify(data, size, cert, content, len, err)
		   : erot_cms_content(data, size, content, len, err);
	if (ret)
		erot_error_prefix(err, "%s", path);
	free(data);
	return ret;
}

/**
 * ewc_read_receipt() - which launch a receipt is about
 * @path: CMS; nothing of it is checked
 * @digest: SHA-256 of its content
 * @err: "cms-...", "receipt-..."
 *
 * Return: 0 or a negative errno.
 */
int ewc_read_receipt(const char *path, uint8_t digest[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct erot_receipt_info r;
	uint8_t *content;
	size_t len;
	int ret;

	ret = ewc_read_signed(path, NULL, &content, &len, err);
	if (ret)
		return ret;
	ret = erot_receipt_parse(content, len, &r, err);
	if (ret)
		erot_error_prefix(err, "%s", path);
	else
		memcpy(digest, r.digest, EROT_DIGEST_SIZE);
	free(content);
	return ret;
}

/**
 * ewc_read_checkpoint() - a checkpoint of the log that was seen before
 * @path: bundle of an earlier audit, or a checkpoint by itself
 * @note: to be freed; nothing of it was checked
 * @len: bytes
 * @err: "bundle-..."
 *
 * Return: 0 or a negative errno.
 */
int ewc_read_checkpoint(const char *path, char **note, size_t *len, struct erot_error *err)
{
	const char *text;
	uint8_t *data;
	json_t *json;
	int ret;

	*note = NULL;
	ret = erot_read_file(path, EROT_BUNDLE_MAX, &data, len, err);
	if (ret)
		return ret;
	if (!*len || data[0] != '{') {
		*note = (char *)data;
		return 0;
	}
	ret = erot_object_load("bundle", data, *len, EROT_BUNDLE_MAX, &json, err);
	free(data);
	if (ret) {
		erot_error_prefix(err, "%s", path);
		return ret;
	}
	text = json_string_value(json_object_get(json, "checkpoint"));
	*note = text ? strdup(text) : NULL;
	*len = text ? strlen(text) : 0;
	if (!text)
		ret = erot_fail(err, EBADMSG, "bundle-missing", "%s: no checkpoint in it", path);
	else if (!*note)
		ret = erot_fail(err, ENOMEM, "no-memory", "%s", path);
	json_decref(json);
	return ret;
}
