/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_CUTOFF_H
#define EROT_CUTOFF_H

#include <linux/types.h>

struct inode;
struct super_block;

int erot_cutoff_init(void);
void erot_cutoff_exit(void);

bool erot_cutoff_drain(unsigned int seconds);
void erot_cutoff_inode(struct inode *inode);
void erot_cutoff_panic(bool (*is_sandbox)(const void *cgroup));
void erot_cutoff_panic_inode(struct inode *inode);
void erot_cutoff_super(const struct super_block *sb);

#endif
