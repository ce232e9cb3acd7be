/* SPDX-License-Identifier: GPL-2.0-only */
/* HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. One message. */
#ifndef EROT_LIBEROT_HPKE_H
#define EROT_LIBEROT_HPKE_H

#include "liberot/crypto.h"

/**
 * erot_hpke_derive_keypair() - DeriveKeyPair, RFC 9180 section 7.1.3
 * @ikm:     input key material
 * @ikm_len: bytes, at least 32 (else -EINVAL)
 * @sk:      private key, as derived (not clamped)
 * @pk:      public key
 *
 * Return: 0, -EINVAL or -EIO; @sk is zeroed on failure.
 */
int erot_hpke_derive_keypair(const void *ikm, size_t ikm_len, uint8_t sk[EROT_KEY_SIZE],
			     uint8_t pk[EROT_KEY_SIZE]);

/* A fresh random pair. */
int erot_hpke_keypair(uint8_t sk[EROT_KEY_SIZE], uint8_t pk[EROT_KEY_SIZE]);

/**
 * erot_hpke_seal() - SealBase with sequence number 0, RFC 9180 section 6.1
 * @pk:       of the recipient
 * @info:     info
 * @info_len: bytes
 * @aad:      associated data
 * @aad_len:  bytes
 * @pt:       plaintext
 * @pt_len:   bytes
 * @enc:      gets the encapsulated key
 * @ct:       gets @pt_len + EROT_TAG_SIZE bytes
 *
 * Return: 0, -EKEYREJECTED for a public key that gives an all-zero secret, -EINVAL, -EIO.
 */
int erot_hpke_seal(const uint8_t pk[EROT_KEY_SIZE], const void *info, size_t info_len,
		   const void *aad, size_t aad_len, const void *pt, size_t pt_len,
		   uint8_t enc[EROT_KEY_SIZE], uint8_t *ct);

/**
 * erot_hpke_open() - OpenBase with sequence number 0
 * @sk:     of the recipient
 * @enc:    encapsulated key
 * @ct:     ciphertext and tag
 * @ct_len: bytes, at least EROT_TAG_SIZE
 * @pt:     gets @ct_len - EROT_TAG_SIZE bytes; zeroed on failure
 *
 * Return: 0, -EBADMSG when it was not sealed to this key with this info and aad, -EKEYREJECTED,
 * -EIO.
 */
int erot_hpke_open(const uint8_t sk[EROT_KEY_SIZE], const uint8_t enc[EROT_KEY_SIZE],
		   const void *info, size_t info_len, const void *aad, size_t aad_len,
		   const uint8_t *ct, size_t ct_len, uint8_t *pt);

/**
 * erot_hpke_seal_with() - for known-answer tests only: the ephemeral key is given
 * @sk_e: ephemeral private key; using one twice gives both plaintexts away
 */
int erot_hpke_seal_with(const uint8_t sk_e[EROT_KEY_SIZE], const uint8_t pk[EROT_KEY_SIZE],
			const void *info, size_t info_len, const void *aad, size_t aad_len,
			const void *pt, size_t pt_len, uint8_t enc[EROT_KEY_SIZE], uint8_t *ct);

#endif /* EROT_LIBEROT_HPKE_H */
