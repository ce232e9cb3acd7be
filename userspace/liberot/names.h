/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of bits and enums, as they stand in manifests, JSON and messages. */
#ifndef EROT_LIBEROT_NAMES_H
#define EROT_LIBEROT_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include <linux/erot_format.h>

/* Names of one bit; NULL for a bit that has none. "user-ns", "attested" */
const char *erot_isolation_name(unsigned int bit);
const char *erot_host_name(unsigned int bit);

/* The bit's mask, or 0 for an unknown name. */
uint32_t erot_isolation_bit(const char *name);
uint32_t erot_host_bit(const char *name);

/* The bit's number, or -1 for an unknown name. */
int erot_isolation_number(const char *name);
int erot_host_number(const char *name);

/* "user-ns,pid-ns" into @out; "none" for 0; unknown bits as hexadecimal. Returns @out. */
char *erot_isolation_format(uint32_t mask, char *out, size_t size);
char *erot_host_format(uint32_t mask, char *out, size_t size);

/* "exec-gate"; "unknown" for a value without a name. */
const char *erot_end_name(uint32_t end);
const char *erot_state_name(uint32_t state);
const char *erot_event_name(uint32_t event);

#endif /* EROT_LIBEROT_NAMES_H */
