// SPDX-License-Identifier: GPL-2.0-only
/*
 * The customer's key file, mode 0600:
 * {"version": 1, "contentKey": base64, "salt": base64, "imageBytes": n}
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "common/secret.h"
#include "tools/ewc/ewc.h"

#define KEY_FILE_MAX 4096

/**
 * ewc_key_write() - writes a key file
 * @path: replaced at once
 * @key: secret
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int ewc_key_write(const char *path, const struct ewc_key *key, struct erot_error *err)
{
	char *text = erot_secret_alloc(KEY_FILE_MAX, err);
	char *secret, *salt;
	int len, ret = 0;

	if (!text)
		return -ENOMEM;
	secret = erot_base64_encode(key->content_key, sizeof(key->content_key));
	salt = erot_base64_encode(key->salt, sizeof(key->salt));
	if (!secret || !salt)
		ret = erot_fail(err, ENOMEM, "no-memory", "key file");
	if (!ret) {
		len = snprintf(text, KEY_FILE_MAX,
			       "{\"version\": 1, \"contentKey\": \"%s\", \"salt\": \"%s\", "
			       "\"imageBytes\": %" PRIu64 "}\n", secret, salt, key->image_len);
		ret = erot_write_file(path, text, len, 0600, err);
	}
	erot_wipe_free(secret, secret ? strlen(secret) : 0);
	free(salt);
	erot_secret_free(text);
	return ret;
}

/**
 * ewc_key_read() - reads a key file
 * @path: of the file
 * @key: filled; secret
 * @err: "key-file"
 *
 * Return: 0 or a negative errno.
 */
int ewc_key_read(const char *path, struct ewc_key *key, struct erot_error *err)
{
	const char *secret, *salt;
	json_int_t image_len;
	json_t *json;
	uint8_t *data;
	int version;
	size_t len;
	int ret;

	ret = erot_read_file(path, KEY_FILE_MAX, &data, &len, err);
	if (ret)
		return ret;
	json = json_loadb((char *)data, len, JSON_REJECT_DUPLICATES, NULL);
	erot_wipe_free(data, len);
	if (!json || json_unpack_ex(json, NULL, JSON_STRICT, "{s:i,s:s,s:s,s:I}", "version",
				    &version, "contentKey", &secret, "salt", &salt, "imageBytes",
				    &image_len) || version != 1 || image_len <= 0)
		ret = erot_fail(err, EINVAL, "key-file", "%s: not a key file of version 1", path);
	if (!ret && (erot_base64_exact(secret, key->content_key, sizeof(key->content_key), NULL) ||
		     erot_base64_exact(salt, key->salt, sizeof(key->salt), NULL)))
		ret = erot_fail(err, EINVAL, "key-file", "%s: key or salt is damaged", path);
	if (!ret)
		key->image_len = image_len;
	json_decref(json);
	return ret;
}
