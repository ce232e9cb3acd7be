/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_SANDBOX_H
#define EROT_SANDBOX_H

#include <linux/types.h>

struct erot_session;
struct task_struct;

int erot_sandbox_init(void);
void erot_sandbox_exit(void);
int erot_sandbox_bind(struct erot_session *s, u32 *isolation, const char **why);
bool erot_sandbox_is_inside(const struct erot_session *s, struct task_struct *task);

#endif
