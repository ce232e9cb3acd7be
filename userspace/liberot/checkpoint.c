// SPDX-License-Identifier: GPL-2.0-only
/* C2SP tlog-checkpoint and tlog-proof. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "liberot/note.h"

#define PROOF_HEAD	"c2sp.org/tlog-proof@v1\n"
#define HASH_BASE64	44	/* characters of a hash */

static int add_hash(struct erot_buf *out, const uint8_t hash[EROT_DIGEST_SIZE],
		    struct erot_error *err)
{
	char *text = erot_base64_encode(hash, EROT_DIGEST_SIZE);

	if (!text)
		return erot_fail(err, ENOMEM, "no-memory", "hash");
	erot_buf_add(out, text, strlen(text));
	erot_buf_add(out, "\n", 1);
	free(text);
	return 0;
}

static void add_number(struct erot_buf *out, uint64_t number)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)number);

	erot_buf_add(out, text, (size_t)n);
}

int erot_checkpoint_format(const struct erot_checkpoint *cp, struct erot_buf *out,
			   struct erot_error *err)
{
	int ret;

	erot_buf_add(out, cp->origin, strlen(cp->origin));
	erot_buf_add(out, "\n", 1);
	add_number(out, cp->size);
	ret = add_hash(out, cp->root, err);
	return ret ?: erot_buf_done(out, err);
}

/**
 * struct lines - text that is read by lines
 * @p:    next
 * @left: bytes behind it
 */
struct lines {
	const char *p;
	size_t left;
};

/* The next line without its newline, shorter than @size; 0 where there is none. */
static int take_line(struct lines *l, char *line, size_t size)
{
	const char *end = memchr(l->p, '\n', l->left);
	size_t n = end ? (size_t)(end - l->p) : 0;

	if (!end || n >= size || memchr(l->p, 0, n))
		return 0;
	memcpy(line, l->p, n);
	line[n] = '\0';
	l->p += n + 1;
	l->left -= n + 1;
	return 1;
}

/* In decimal, as it is written: no sign, no zero in front. */
static int take_number(const char *text, uint64_t *number)
{
	return (text[0] == '0' && text[1]) || erot_parse_u64(text, EROT_TLOG_SIZE_MAX, number);
}

int erot_checkpoint_parse(const void *text, size_t len, struct erot_checkpoint *cp,
			  struct erot_error *err)
{
	struct lines l = { text, len };
	char number[24], root[HASH_BASE64 + 1];
	struct erot_error inner;

	memset(cp, 0, sizeof(*cp));
	if (!take_line(&l, cp->origin, sizeof(cp->origin)) || !cp->origin[0] ||
	    !take_line(&l, number, sizeof(number)) || take_number(number, &cp->size) ||
	    !take_line(&l, root, sizeof(root)) ||
	    erot_base64_exact(root, cp->root, sizeof(cp->root), &inner))
		return erot_fail(err, EBADMSG, "checkpoint-format",
				 "not a checkpoint: origin, size, root");
	if (l.left)
		return erot_fail(err, EBADMSG, "checkpoint-format",
				 "the checkpoint has extension lines");
	return 0;
}

int erot_checkpoint_open(const void *note, size_t len, const struct erot_note_key *key,
			 struct erot_checkpoint *cp, struct erot_error *err)
{
	size_t text_len;
	int ret;

	ret = erot_note_check(note, len, key, &text_len, err);
	if (!ret)
		ret = erot_checkpoint_parse(note, text_len, cp, err);
	if (!ret && strcmp(cp->origin, key->name))
		ret = erot_fail(err, EKEYREJECTED, "checkpoint-origin",
				"a checkpoint of \"%s\", not of \"%s\"", cp->origin, key->name);
	return ret;
}

int erot_proof_format(uint64_t index, const struct erot_tlog_proof *proof, const void *note,
		      size_t len, struct erot_buf *out, struct erot_error *err)
{
	size_t i;
	int ret = 0;

	erot_buf_add(out, PROOF_HEAD "index ", strlen(PROOF_HEAD "index "));
	add_number(out, index);
	for (i = 0; i < proof->count && !ret; i++)
		ret = add_hash(out, proof->hash[i], err);
	erot_buf_add(out, "\n", 1);
	erot_buf_add(out, note, len);
	return ret ?: erot_buf_done(out, err);
}

static int bad_proof(struct erot_error *err, const char *why)
{
	return erot_fail(err, EBADMSG, "proof-format", "not a tlog-proof: %s", why);
}

int erot_proof_parse(const void *text, size_t len, uint64_t *index, struct erot_tlog_proof *proof,
		     const char **note, size_t *note_len, struct erot_error *err)
{
	struct lines l = { text, len };
	struct erot_error inner;
	char line[HASH_BASE64 + 1];

	proof->count = 0;
	if (len > EROT_NOTE_MAX || len < strlen(PROOF_HEAD) ||
	    memcmp(text, PROOF_HEAD, strlen(PROOF_HEAD)))
		return bad_proof(err, "first line");
	l.p += strlen(PROOF_HEAD);
	l.left -= strlen(PROOF_HEAD);
	if (!take_line(&l, line, sizeof(line)) || strncmp(line, "index ", 6) ||
	    take_number(line + 6, index))
		return bad_proof(err, "index");
	while (take_line(&l, line, sizeof(line))) {
		if (!line[0]) {
			*note = l.p;
			*note_len = l.left;
			return 0;
		}
		if (proof->count == EROT_TLOG_PROOF_MAX)
			return bad_proof(err, "too many hashes");
		if (erot_base64_exact(line, proof->hash[proof->count++], EROT_DIGEST_SIZE, &inner))
			return bad_proof(err, "a hash");
	}
	return bad_proof(err, "no empty line behind the hashes");
}

int erot_proof_open(const void *text, size_t len, const struct erot_note_key *key,
		    const uint8_t leaf[EROT_DIGEST_SIZE], uint64_t *index,
		    struct erot_checkpoint *cp, struct erot_error *err)
{
	struct erot_tlog_proof proof;
	const char *note;
	size_t note_len;
	int ret;

	ret = erot_proof_parse(text, len, index, &proof, &note, &note_len, err);
	if (!ret)
		ret = erot_checkpoint_open(note, note_len, key, cp, err);
	if (!ret)
		ret = erot_tlog_check_inclusion(*index, cp->size, leaf, &proof, cp->root, err);
	return ret;
}
