/* SPDX-License-Identifier: GPL-2.0-only */
/* HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. */
#ifndef EROT_HPKE_H
#define EROT_HPKE_H

#include <linux/types.h>
#include <linux/erot_format.h>

int erot_hpke_keypair(u8 sk[EROT_KEY_SIZE], u8 pk[EROT_KEY_SIZE]);
int erot_hpke_public(const u8 sk[EROT_KEY_SIZE], u8 pk[EROT_KEY_SIZE]);
int erot_hpke_open(const u8 sk[EROT_KEY_SIZE], const u8 enc[EROT_KEY_SIZE],
		   const void *info, size_t info_len, const void *aad, size_t aad_len,
		   const u8 *ct, size_t ct_len, u8 *pt);

#endif /* EROT_HPKE_H */
