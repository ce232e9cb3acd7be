/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The DERG's side of its HSM helper. What is secret stays in the helper: none
 * of these returns a private key, a root or a PIN.
 */
#ifndef DERGD_HSM_H
#define DERGD_HSM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <linux/erot_format.h>

#include "common/error.h"

/**
 * struct hsm - a running helper
 * @sock: stream socket to it, close-on-exec; -1: none
 * @pid: of it
 * @sending: one request after the other, and @number; who has it may wait for the helper
 * @number: of the next request
 * @lock: over the rest
 * @asked: those whose answers are awaited, in the order of their requests
 * @broken: nobody knows any more where an answer begins
 */
struct hsm {
	int sock;
	pid_t pid;
	pthread_mutex_t sending;
	uint32_t number;
	pthread_mutex_t lock;
	STAILQ_HEAD(hsm_askers, hsm_asker) asked;
	bool broken;
};

/* No helper runs yet; hsm_stop() may follow. */
void hsm_none(struct hsm *h);

/**
 * struct hsm_release - what is to be released, and to whom
 * @pk: that the derivation must give
 * @receipt: digest of the receipt
 * @session_pk: of the session
 * @boot_pk: of the machine's boot
 * @derg_time: seconds since 1970
 * @valid_seconds: counted by the module from NEW
 * @max_runtime: seconds
 */
struct hsm_release {
	uint8_t pk[EROT_KEY_SIZE];
	uint8_t receipt[EROT_DIGEST_SIZE];
	uint8_t session_pk[EROT_KEY_SIZE];
	uint8_t boot_pk[EROT_KEY_SIZE];
	uint64_t derg_time;
	uint32_t valid_seconds;
	uint32_t max_runtime;
};

int hsm_start(struct hsm *h, const char *softhsm_conf, struct erot_error *err);
void hsm_stop(struct hsm *h);
int hsm_open(struct hsm *h, const char *uri, struct erot_error *err);
int hsm_init(struct hsm *h, const char *uri, const void *so_pin, size_t so_pin_len,
	     struct erot_error *err);
int hsm_derive(struct hsm *h, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
	       uint8_t pk[EROT_KEY_SIZE], struct erot_error *err);
int hsm_release(struct hsm *h, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
		const struct hsm_release *in, struct erot_release *out, struct erot_error *err);
int hsm_check(struct hsm *h, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
	      const uint8_t pk[EROT_KEY_SIZE], const uint8_t receipt[EROT_DIGEST_SIZE],
	      const struct erot_evidence *ev, struct erot_error *err);
int hsm_sign(struct hsm *h, const char *key, const void *info, size_t info_len, uint8_t *sig,
	     size_t sig_len, struct erot_error *err);
int hsm_modulus(struct hsm *h, const char *key, uint8_t *n, size_t *n_len,
		struct erot_error *err);
int hsm_new_root(struct hsm *h, const char *root, struct erot_error *err);
int hsm_new_rsa(struct hsm *h, const char *key, struct erot_error *err);
int hsm_new_ed25519(struct hsm *h, const char *key, struct erot_error *err);
int hsm_ed25519_public(struct hsm *h, const char *key, uint8_t pk[32], struct erot_error *err);
int hsm_ed25519_sign(struct hsm *h, const char *key, const void *msg, size_t len, uint8_t sig[64],
		     struct erot_error *err);
int hsm_destroy(struct hsm *h, const char *root, struct erot_error *err);
int hsm_list(struct hsm *h, int (*each)(void *ctx, const char *label), void *ctx,
	     struct erot_error *err);

#endif
