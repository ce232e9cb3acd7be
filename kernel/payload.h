/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_PAYLOAD_H
#define EROT_PAYLOAD_H

struct erot_session;
struct file;

int erot_payload_init(void);
void erot_payload_exit(void);
struct file *erot_payload_create(struct erot_session *s);
bool erot_payload_is_file(const struct file *file);
int erot_payload_backing(const struct file *file, const char **why);

#endif
