// SPDX-License-Identifier: GPL-2.0-only
/* C2SP signed-note, Ed25519 signatures only. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "liberot/crypto.h"
#include "liberot/note.h"

#define ED25519		0x01		/* signature type */
#define DASH		"\xe2\x80\x94 "	/* em dash, blank: begins a signature line */
#define SIGNATURE_MAX	8192		/* bytes of anybody's signature */

/* A name that needs no second look: what signed-note forbids, and what nobody could type. */
static int name_ok(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++)
		if (name[i] <= ' ' || name[i] == '+' || (uint8_t)name[i] >= 0x7f)
			return 0;
	return i > 0 && i <= EROT_NOTE_NAME_MAX;
}

static int key_id(const char *name, const uint8_t pk[EROT_KEY_SIZE], uint32_t *id)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	struct erot_buf b = { 0 };
	int ret;

	erot_buf_add(&b, name, strlen(name));
	erot_buf_u8(&b, '\n');
	erot_buf_u8(&b, ED25519);
	erot_buf_add(&b, pk, EROT_KEY_SIZE);
	ret = erot_buf_done(&b, NULL);
	if (!ret)
		ret = erot_sha256(b.data, b.len, digest);
	erot_buf_free(&b);
	if (!ret)
		*id = (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 |
		      (uint32_t)digest[2] << 8 | digest[3];
	return ret;
}

int erot_note_key(const char *name, const uint8_t pk[EROT_KEY_SIZE], struct erot_note_key *key,
		  struct erot_error *err)
{
	int ret;

	memset(key, 0, sizeof(*key));
	if (!name_ok(name))
		return erot_fail(err, EINVAL, "note-key", "\"%s\" cannot name a key", name);
	ret = key_id(name, pk, &key->id);
	if (ret)
		return erot_fail(err, -ret, "crypto", "key id");
	memcpy(key->name, name, strlen(name));
	memcpy(key->pk, pk, EROT_KEY_SIZE);
	return 0;
}

int erot_vkey_format(const struct erot_note_key *key, char vkey[EROT_VKEY_MAX],
		     struct erot_error *err)
{
	uint8_t typed[1 + EROT_KEY_SIZE] = { ED25519 };
	char *text;

	memcpy(typed + 1, key->pk, EROT_KEY_SIZE);
	text = erot_base64_encode(typed, sizeof(typed));
	if (!text)
		return erot_fail(err, ENOMEM, "no-memory", "verifier key");
	snprintf(vkey, EROT_VKEY_MAX, "%s+%08x+%s", key->name, key->id, text);
	free(text);
	return 0;
}

int erot_vkey_parse(const char *vkey, struct erot_note_key *key, struct erot_error *err)
{
	uint8_t typed[1 + EROT_KEY_SIZE];
	char name[EROT_NOTE_NAME_MAX + 1], again[EROT_VKEY_MAX];
	const char *id = strchr(vkey, '+'), *text = id ? strchr(id + 1, '+') : NULL;
	struct erot_error inner;
	int ret;

	if (!text || (size_t)(id - vkey) >= sizeof(name) || strlen(vkey) >= EROT_VKEY_MAX)
		return erot_fail(err, EINVAL, "note-key", "a verifier key is name+id+key");
	memcpy(name, vkey, (size_t)(id - vkey));
	name[id - vkey] = '\0';
	if (erot_base64_exact(text + 1, typed, sizeof(typed), &inner))
		return erot_fail(err, EINVAL, "note-key", "the verifier key is not of Ed25519");
	ret = erot_note_key(name, typed + 1, key, err);
	if (!ret)
		ret = erot_vkey_format(key, again, err);
	if (!ret && strcmp(vkey, again))
		ret = erot_fail(err, EINVAL, "note-key",
				"the id is not that of an Ed25519 key of this name");
	return ret;
}

int erot_note_format(const void *text, size_t len, const struct erot_note_key *key,
		     const uint8_t sig[EROT_ED25519_SIZE], struct erot_buf *out,
		     struct erot_error *err)
{
	uint8_t id_sig[4 + EROT_ED25519_SIZE] = {
		(uint8_t)(key->id >> 24), (uint8_t)(key->id >> 16), (uint8_t)(key->id >> 8),
		(uint8_t)key->id,
	};
	char *b64;

	memcpy(id_sig + 4, sig, EROT_ED25519_SIZE);
	b64 = erot_base64_encode(id_sig, sizeof(id_sig));
	if (!b64)
		return erot_fail(err, ENOMEM, "no-memory", "signed note");
	erot_buf_add(out, text, len);
	erot_buf_add(out, "\n" DASH, 1 + strlen(DASH));
	erot_buf_add(out, key->name, strlen(key->name));
	erot_buf_add(out, " ", 1);
	erot_buf_add(out, b64, strlen(b64));
	erot_buf_add(out, "\n", 1);
	free(b64);
	return erot_buf_done(out, err);
}

/* ---- checking */

/* Length of the UTF-8 character at @p, RFC 3629; 0: none, or a control character but newline. */
static size_t character(const uint8_t *p, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n, i;
	uint32_t c;

	if (p[0] < 0x80)
		return p[0] >= ' ' || p[0] == '\n';
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc0 || p[0] > 0xf4 || left < n)
		return 0;
	c = p[0] & (0x7fU >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

static int note_text(const uint8_t *note, size_t len)
{
	size_t at = 0, n;

	while (at < len) {
		n = character(note + at, len - at);
		if (!n)
			return 0;
		at += n;
	}
	return 1;
}

static int verify(const struct erot_note_key *key, const void *text, size_t len,
		  const uint8_t sig[EROT_ED25519_SIZE])
{
	EVP_PKEY *pk = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->pk, EROT_KEY_SIZE);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int good;

	good = pk && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pk) == 1 &&
	       EVP_DigestVerify(ctx, sig, EROT_ED25519_SIZE, text, len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pk);
	return good;
}

static int malformed(struct erot_error *err, const char *why)
{
	return erot_fail(err, EBADMSG, "note-format", "signed note: %s", why);
}

/* One signature line, without its newline. 1: signed by @key; 0: by another. */
static int line(const char *text, size_t text_len, char *from, const struct erot_note_key *key,
		struct erot_error *err)
{
	struct erot_error inner;
	char *name, *b64;
	uint8_t *sig;
	uint32_t id;
	size_t len;
	int ret;

	/* first, for a line may be shorter than that */
	if (strncmp(from, DASH, strlen(DASH)))
		return malformed(err, "a line that is no signature");
	name = from + strlen(DASH);
	b64 = strchr(name, ' ');
	if (!b64 || b64 == name)
		return malformed(err, "a line that is no signature");
	*b64++ = '\0';
	ret = erot_base64_decode(b64, SIGNATURE_MAX, &sig, &len, &inner);
	if (ret == -ENOMEM)
		return erot_fail(err, ENOMEM, "no-memory", "signed note");
	if (ret || len < 5) {
		if (!ret)
			free(sig);
		return malformed(err, "a signature that is not in base64");
	}
	id = (uint32_t)sig[0] << 24 | (uint32_t)sig[1] << 16 | (uint32_t)sig[2] << 8 | sig[3];
	ret = id == key->id && !strcmp(name, key->name);
	/* name and id are known: so it must be right, whatever else has been signed */
	if (ret && (len != 4 + EROT_ED25519_SIZE || !verify(key, text, text_len, sig + 4)))
		ret = erot_fail(err, EKEYREJECTED, "note-signature",
				"the signature of %s is wrong", key->name);
	free(sig);
	return ret;
}

/* @lines: zero-terminated copy of what stands behind the empty line. */
static int signatures(const char *text, size_t text_len, char *lines,
		      const struct erot_note_key *key, struct erot_error *err)
{
	int found = 0, count = 0, ret;
	char *next;

	for (; *lines; lines = next) {
		next = strchr(lines, '\n');
		if (!next)
			return malformed(err, "it does not end in a newline");
		*next++ = '\0';
		if (++count > EROT_NOTE_SIGNATURES)
			return malformed(err, "too many signatures");
		ret = line(text, text_len, lines, key, err);
		if (ret < 0)
			return ret;
		found |= ret;
	}
	if (!count)
		return malformed(err, "no signature");
	if (!found)
		return erot_fail(err, ENOKEY, "note-unsigned", "signed note: not signed by %s",
				 key->name);
	return 0;
}

int erot_note_check(const void *note, size_t len, const struct erot_note_key *key,
		    size_t *text_len, struct erot_error *err)
{
	const char *text = note;
	char *lines;
	size_t end;
	int ret;

	*text_len = 0;
	if (!len || len > EROT_NOTE_MAX)
		return malformed(err, "of an impossible length");
	if (!note_text(note, len))
		return malformed(err, "not UTF-8, or with control characters");
	/* the last empty line; the newline before it belongs to the text */
	for (end = len - 1; end > 0 && !(text[end] == '\n' && text[end - 1] == '\n'); end--)
		;
	if (!end)
		return malformed(err, "no empty line before the signatures");
	lines = strndup(text + end + 1, len - end - 1);
	if (!lines)
		return erot_fail(err, ENOMEM, "no-memory", "signed note");
	ret = signatures(text, end, lines, key, err);
	free(lines);
	if (!ret)
		*text_len = end;
	return ret;
}
