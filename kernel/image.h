/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An attached image: ciphertext file, chunk key, and the readers that turn one
 * into the other. Knows nothing of sessions; borrows the lock that guards keys.
 */
#ifndef EROT_IMAGE_H
#define EROT_IMAGE_H

#include <linux/types.h>
#include <linux/erot_format.h>

struct erot_image;
struct erot_receipt_facts;
struct file;
struct inode;
struct iov_iter;
struct rw_semaphore;
struct super_block;

int erot_image_batch_init(void);
void erot_image_batch_exit(void);

struct erot_image *erot_image_alloc(struct rw_semaphore *keys);
void erot_image_retire(struct erot_image *img);
void erot_image_free(struct erot_image *img);

int erot_image_load(struct erot_image *img, struct file *envelope, struct file *payload,
		    const struct erot_receipt_facts *facts, const char **why);
int erot_image_unlock(struct erot_image *img, const struct erot_receipt_facts *facts,
		      const u8 sk[EROT_KEY_SIZE], const char **why);
void erot_image_wipe(struct erot_image *img);
void erot_image_panic(struct erot_image *img);
void erot_image_panic_cipher(struct erot_image *img, bool late);

u64 erot_image_size(const struct erot_image *img);
int erot_image_read(struct erot_image *img, u64 pos, struct iov_iter *to, u64 *bad);

bool erot_image_claim_super(struct erot_image *img, struct super_block *sb);
bool erot_image_is_super(const struct erot_image *img, const struct super_block *sb);
void erot_image_drop_super(struct erot_image *img);
void erot_image_set_inode(struct erot_image *img, struct inode *inode);
void erot_image_cut_off(struct erot_image *img);

#endif
