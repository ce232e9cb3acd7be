/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * C2SP signed-note with Ed25519, tlog-checkpoint and tlog-proof: the texts by which a log speaks.
 */
#ifndef EROT_LIBEROT_NOTE_H
#define EROT_LIBEROT_NOTE_H

#include "common/buf.h"
#include "liberot/tlog.h"

#define EROT_NOTE_NAME_MAX	200
#define EROT_NOTE_MAX		(128 * 1024)	/* bytes of a note or proof that are read */
#define EROT_NOTE_SIGNATURES	16		/* lines that are looked at */
#define EROT_ED25519_SIZE	64		/* signature */
#define EROT_VKEY_MAX		(EROT_NOTE_NAME_MAX + 64)

/**
 * struct erot_note_key - who signs
 * @name: of the key; the origin of a log
 * @id:   first four bytes of SHA-256(name || 0x0A || 0x01 || pk)
 * @pk:   Ed25519, RFC 8032
 */
struct erot_note_key {
	char name[EROT_NOTE_NAME_MAX + 1];
	uint32_t id;
	uint8_t pk[EROT_KEY_SIZE];
};

/* -EINVAL, "note-key": no name, or one with blanks, plus or control characters in it. */
int erot_note_key(const char *name, const uint8_t pk[EROT_KEY_SIZE], struct erot_note_key *key,
		  struct erot_error *err);

/* The verifier key "name+id+key"; parse: -EINVAL, "note-key". */
int erot_vkey_format(const struct erot_note_key *key, char vkey[EROT_VKEY_MAX],
		     struct erot_error *err);
int erot_vkey_parse(const char *vkey, struct erot_note_key *key, struct erot_error *err);

/**
 * erot_note_format() - text, empty line, signature line
 * @out: appended to
 */
int erot_note_format(const void *text, size_t len, const struct erot_note_key *key,
		     const uint8_t sig[EROT_ED25519_SIZE], struct erot_buf *out,
		     struct erot_error *err);

/**
 * erot_note_check() - is it signed by @key?
 * @note:     whole, signatures of others are ignored
 * @len:      bytes
 * @key:      trusted
 * @text_len: filled: bytes of the text, which begins at @note and ends in a newline
 * @err:      "note-format"; "note-unsigned": no line of this key; "note-signature": a wrong one
 *
 * Return: 0, -EBADMSG, -ENOKEY, -EKEYREJECTED or -EIO.
 */
int erot_note_check(const void *note, size_t len, const struct erot_note_key *key,
		    size_t *text_len, struct erot_error *err);

/**
 * struct erot_checkpoint - head of a log's tree
 * @origin: name of the log
 * @size:   entries
 * @root:   hash of the tree
 */
struct erot_checkpoint {
	char origin[EROT_NOTE_NAME_MAX + 1];
	uint64_t size;
	uint8_t root[EROT_DIGEST_SIZE];
};

/* The text that is signed; no extension lines. */
int erot_checkpoint_format(const struct erot_checkpoint *cp, struct erot_buf *out,
			   struct erot_error *err);

/* Extension lines are refused: nobody could audit them. -EBADMSG, "checkpoint-format". */
int erot_checkpoint_parse(const void *text, size_t len, struct erot_checkpoint *cp,
			  struct erot_error *err);

/* erot_note_check() and erot_checkpoint_parse(); "checkpoint-origin" when it is not @key's name. */
int erot_checkpoint_open(const void *note, size_t len, const struct erot_note_key *key,
			 struct erot_checkpoint *cp, struct erot_error *err);

/**
 * erot_proof_format() - C2SP tlog-proof, without extra data
 * @index: of the leaf
 * @proof: of inclusion in @note's tree
 * @note:  signed checkpoint
 * @len:   bytes of it
 * @out:   appended to
 */
int erot_proof_format(uint64_t index, const struct erot_tlog_proof *proof, const void *note,
		      size_t len, struct erot_buf *out, struct erot_error *err);

/* Checks nothing but the form; @note points into @text. -EBADMSG, "proof-format". */
int erot_proof_parse(const void *text, size_t len, uint64_t *index, struct erot_tlog_proof *proof,
		     const char **note, size_t *note_len, struct erot_error *err);

/**
 * erot_proof_open() - is the leaf in the log?
 * @text: tlog-proof
 * @len:  bytes
 * @key:  of the log
 * @leaf: hash
 * @index: filled
 * @cp:   filled: the checkpoint that it is in
 * @err:  as erot_proof_parse(), erot_checkpoint_open(), erot_tlog_check_inclusion()
 *
 * Return: 0 or a negative errno.
 */
int erot_proof_open(const void *text, size_t len, const struct erot_note_key *key,
		    const uint8_t leaf[EROT_DIGEST_SIZE], uint64_t *index,
		    struct erot_checkpoint *cp, struct erot_error *err);

#endif /* EROT_LIBEROT_NOTE_H */
