// SPDX-License-Identifier: GPL-2.0-only
/* The transparency log as its readers get it: entries, notes, checkpoints, proofs, paths, keys. */
#include "fuzz/fuzz.h"
#include "liberot/logentry.h"
#include "liberot/note.h"

static void texts(const char *text)
{
	char again[EROT_TLOG_PATH_MAX], vkey[EROT_VKEY_MAX];
	struct erot_tlog_tile tile;
	struct erot_note_key key;

	/* one way to write each */
	if (!erot_tlog_tile_parse(text, &tile, NULL)) {
		erot_tlog_tile_path(&tile, again);
		if (strcmp(again, text) || !tile.width || tile.width > 256)
			abort();
	}
	if (!erot_vkey_parse(text, &key, NULL) &&
	    (erot_vkey_format(&key, vkey, NULL) || strcmp(vkey, text)))
		abort();
}

static void notes(const uint8_t *data, size_t len)
{
	static const uint8_t leaf[EROT_DIGEST_SIZE];
	struct erot_note_key key = { .name = "log" };
	struct erot_tlog_proof proof;
	struct erot_checkpoint cp;
	struct erot_buf out = { 0 };
	const char *note;
	uint64_t index;
	size_t n;

	if (!erot_checkpoint_parse(data, len, &cp, NULL)) {
		if (erot_checkpoint_format(&cp, &out, NULL) || out.len != len ||
		    memcmp(out.data, data, len))
			abort();
		erot_buf_free(&out);
	}
	if (!erot_note_check(data, len, &key, &n, NULL) ||
	    !erot_checkpoint_open(data, len, &key, &cp, NULL))
		abort();		/* nobody has signed it */
	if (!erot_proof_parse(data, len, &index, &proof, &note, &n, NULL) &&
	    (proof.count > EROT_TLOG_PROOF_MAX || (const uint8_t *)note < data ||
	     (const uint8_t *)note + n != data + len))
		abort();
	if (!erot_proof_open(data, len, &key, leaf, &index, &cp, NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_log_entry_info info;
	char *text = malloc(len + 1);

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	texts(text);
	free(text);
	notes(data, len);
	erot_log_entry_parse(data, len, &info, NULL);
	return 0;
}
