/* SPDX-License-Identifier: GPL-2.0-only */
/* Known answers, asked at load: a kernel with broken primitives gets no module. */
#ifndef EROT_KAT_H
#define EROT_KAT_H

int erot_kat(void);

#endif /* EROT_KAT_H */
