/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A target is a parser that gets bytes from outside. libFuzzer looks for bytes that make it crash,
 * leak, read what is not its own, or call abort() because a promise did not hold.
 */
#ifndef EROT_FUZZ_H
#define EROT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif /* EROT_FUZZ_H */
