/* SPDX-License-Identifier: GPL-2.0-only */
/* Envelopes: header, manifest, and the content key sealed to one ERoT. */
#ifndef EROT_LIBEROT_ENVELOPE_H
#define EROT_LIBEROT_ENVELOPE_H

#include <stdbool.h>

#include "common/error.h"
#include "liberot/payload.h"

/**
 * struct erot_envelope_info - a checked view of an envelope
 * @shape:        sizes of the payload
 * @payload_off:  0: the payload is a file of its own
 * @manifest:     points into the envelope
 * @manifest_len: bytes
 * @seal:         copied
 * @code_hash:    from the manifest
 * @digest:       EWC digest: SHA-256 of the envelope
 * @len:          bytes of the envelope
 * @aad:          header and manifest, points into the envelope
 * @aad_len:      bytes
 */
struct erot_envelope_info {
	struct erot_payload_shape shape;
	uint64_t payload_off;
	const uint8_t *manifest;
	size_t manifest_len;
	struct erot_ewc_seal seal;
	uint8_t code_hash[EROT_DIGEST_SIZE];
	uint8_t digest[EROT_DIGEST_SIZE];
	size_t len;
	const uint8_t *aad;
	size_t aad_len;
};

/* Where the payload begins in a file that holds both. */
uint64_t erot_envelope_payload_off(size_t manifest_len);

/**
 * erot_envelope_build() - a fresh envelope for a payload
 * @shape:       of the payload
 * @one_file:    the payload follows in the same file
 * @manifest:    with the payload's code hash
 * @manifest_len: bytes
 * @content_key: of the payload
 * @salt:        of the payload
 * @erot_pk:     from the key statement
 * @statement:   digest of the key statement
 * @env:         to be freed
 * @len:         bytes
 * @err:         as of erot_envelope_parse(); "crypto"
 *
 * Return: 0 or -errno.
 */
int erot_envelope_build(const struct erot_payload_shape *shape, bool one_file,
			const void *manifest, size_t manifest_len,
			const uint8_t content_key[EROT_KEY_SIZE],
			const uint8_t salt[EROT_SALT_SIZE], const uint8_t erot_pk[EROT_KEY_SIZE],
			const uint8_t statement[EROT_DIGEST_SIZE], uint8_t **env, size_t *len,
			struct erot_error *err);

/**
 * erot_envelope_parse() - check an envelope
 * @env: points into it stand in @out
 * @len: bytes, exactly
 * @out: filled on success
 * @err: "envelope-length", "envelope-magic", "envelope-version", "envelope-purpose",
 *       "envelope-reserved", "envelope-manifest", "envelope-shape" (sizes that do not fit
 *       together), "envelope-offset"
 *
 * Return: 0 or -EBADMSG.
 */
int erot_envelope_parse(const void *env, size_t len, struct erot_envelope_info *out,
			struct erot_error *err);

/* The envelope at the start of a file, bounded; not parsed. @env is to be freed. */
int erot_envelope_read(int fd, uint8_t **env, size_t *len, struct erot_error *err);

/**
 * erot_envelope_open() - unwrap the content key and check the commitment
 * @sk:          ERoT private key
 * @statement:   digest of the key statement
 * @content_key: zeroed on failure
 * @err:         "envelope-seal", "envelope-commitment"
 *
 * Return: 0, -EBADMSG or -EKEYREJECTED.
 */
int erot_envelope_open(const struct erot_envelope_info *e, const uint8_t sk[EROT_KEY_SIZE],
		       const uint8_t statement[EROT_DIGEST_SIZE],
		       uint8_t content_key[EROT_KEY_SIZE], struct erot_error *err);

#endif /* EROT_LIBEROT_ENVELOPE_H */
