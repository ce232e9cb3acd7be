// SPDX-License-Identifier: GPL-2.0-only
/* Handlers: the transparency log, as C2SP tlog-tiles has it. Anybody may read it. */
#include <stdio.h>

#include "dergd/service.h"

#define YEAR 31536000	/* a tile never changes */

int api_log_checkpoint(struct api_call *call, struct erot_error *err)
{
	struct erot_buf note = { 0 };
	int ret;

	ret = log_checkpoint(service_authority(call)->log, service_derg(call)->db, &note, err);
	if (!ret)
		ret = erot_buf_done(&note, err);
	if (!ret)
		ret = api_reply_raw(call, "text/plain; charset=utf-8", note.data, note.len, err);
	erot_buf_free(&note);
	return ret;
}

static int tile(struct api_call *call, const char *path, struct erot_error *err)
{
	struct erot_buf out = { 0 };
	int ret;

	ret = log_tile(service_derg(call)->db, path, &out, err);
	if (!ret)
		ret = erot_buf_done(&out, err);
	if (!ret) {
		call->max_age = YEAR;
		ret = api_reply_raw(call, "application/octet-stream", out.data, out.len, err);
	}
	erot_buf_free(&out);
	return ret;
}

int api_log_tile(struct api_call *call, struct erot_error *err)
{
	return tile(call, api_param(call, "tile"), err);
}

int api_log_entries(struct api_call *call, struct erot_error *err)
{
	char path[256];

	if (snprintf(path, sizeof(path), "entries/%s", api_param(call, "tile")) >=
	    (int)sizeof(path))
		return erot_fail(err, EINVAL, "log-path", "no tile has such a long name");
	return tile(call, path, err);
}
