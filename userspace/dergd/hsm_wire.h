/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the DERG and its HSM helper, over common/msg.h on descriptor
 * HSM_FD. Little-endian, lp() as in derivations:
 *
 *	request: u32 number, u32 operation, then what stands beside it
 *	answer:  u32 number, u32 0, then what stands beside it
 *	         u32 number, u32 positive errno, lp(code), lp(text)
 *
 * Each request has exactly one answer, which repeats its number. Requests may come before the
 * answers of those before them are read; the answers come in the order of the requests.
 */
#ifndef DERGD_HSM_WIRE_H
#define DERGD_HSM_WIRE_H

#include <linux/erot_format.h>

#define HSM_FD		3
#define HSM_MSG_MAX	65536
#define HSM_URI_MAX	1024
#define HSM_LABEL_MAX	191
#define HSM_SO_PIN_MAX	64
#define HSM_RSA_MAX	512
#define HSM_NOTE_MAX	4096

enum hsm_op {
	HSM_OPEN = 1,	/* lp(URI) -> nothing */
	HSM_INIT,	/* lp(URI), lp(security officer's PIN) -> nothing; then HSM_OPEN */
	HSM_DERIVE,	/* lp(root), seed -> public key */
	HSM_RELEASE,	/* lp(root), seed, then as below -> struct erot_release */
	HSM_CHECK,	/* lp(root), seed, public key, receipt digest, evidence -> nothing */
	HSM_SIGN,	/* lp(key), DigestInfo -> lp(signature) */
	HSM_MODULUS,	/* lp(key) -> lp(modulus) */
	HSM_NEW_ROOT,	/* lp(root) -> nothing */
	HSM_NEW_RSA,	/* lp(key) -> nothing */
	HSM_DESTROY,	/* lp(root) -> nothing */
	HSM_LIST,	/* nothing -> u32 count, lp(label) of each secret key */
	HSM_NEW_ED25519, /* lp(key) -> nothing */
	HSM_ED25519_PUBLIC, /* lp(key) -> public key */
	HSM_ED25519_SIGN, /* lp(key), lp(message) -> signature, 64 bytes */
};

/* Fields of HSM_RELEASE in wire order: pk, receipt, session_pk, boot_pk (32 bytes each),
 * u64 derg_time, u32 valid_seconds, u32 max_runtime.
 */

#endif
