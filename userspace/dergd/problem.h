/* SPDX-License-Identifier: GPL-2.0-only */
/* Refusals as RFC 9457 problem details, and the status of each. Pure code. */
#ifndef DERGD_PROBLEM_H
#define DERGD_PROBLEM_H

#include <jansson.h>
#include <stdbool.h>

#include "common/error.h"

#define PROBLEM_TYPE "application/problem+json"

/**
 * problem_status() - the HTTP status of a refusal
 * @ret: negative errno that came with it
 * @code: its stable code
 *
 * By the code where the table has it, otherwise by the errno; 500 for what is nobody's request.
 */
unsigned int problem_status(int ret, const char *code);

/**
 * problem_is_ours() - did the service fail, whatever the request?
 * @ret: negative errno that came with it
 * @code: its stable code
 *
 * What has a status from 500 on says nothing about the request and what it is for: it is no
 * refusal, and the same request may be granted later.
 */
bool problem_is_ours(int ret, const char *code);

/**
 * problem_json() - {type, title, status, detail, code, expected?, actual?}
 * @status: from problem_status()
 * @err: as the check filled it
 *
 * A status of 500 says its code only: the text may tell of paths and peers of the service,
 * and stands in the log under the request's id.
 *
 * Return: an object, or NULL without memory.
 */
json_t *problem_json(unsigned int status, const struct erot_error *err);

#endif
