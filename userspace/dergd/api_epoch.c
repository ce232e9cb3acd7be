// SPDX-License-Identifier: GPL-2.0-only
/* Handlers: epochs of a tenant's derivation root. */
#include "dergd/epoch.h"
#include "dergd/service.h"

static json_t *epoch_json(const struct epoch *e)
{
	return json_pack("{s:I,s:s,s:I,s:I}", "epoch", (json_int_t)e->number, "state",
			 epoch_state_name(e->state), "created", (json_int_t)e->created, "lastUse",
			 (json_int_t)e->last_use);
}

static int list_one(void *ctx, const struct epoch *e)
{
	return json_array_append_new(ctx, epoch_json(e)) ? -ENOMEM : 0;
}

int api_epoch_list(struct api_call *call, struct erot_error *err)
{
	json_t *list = json_array();
	int ret;

	ret = epoch_each(service_derg(call), service_tenant(call), list_one, list, err);
	if (ret)
		json_decref(list);
	return ret ?: api_reply(call, 200, json_pack("{s:o}", "epochs", list), err);
}

int api_epoch_make(struct api_call *call, struct erot_error *err)
{
	uint32_t number = 0;
	const struct api_member members[] = { { "epoch", API_U32, 0, &number, true } };
	struct epoch e;
	int ret;

	ret = api_read(call->body, "body", members, err);
	if (!ret)
		ret = epoch_new(service_derg(call), service_tenant(call), number, call->now, &e,
				err);
	return ret ?: api_reply(call, 201, epoch_json(&e), err);
}

int api_epoch_drain(struct api_call *call, struct erot_error *err)
{
	uint64_t number = 0;
	struct epoch e;
	int ret;

	ret = api_param_u64(call, "epoch", UINT32_MAX, &number, err);
	if (!ret)
		ret = api_members(call->body, "body", NULL, 0, err);
	if (!ret)
		ret = epoch_drain(service_derg(call), service_tenant(call), (uint32_t)number,
				  call->now, &e, err);
	return ret ?: api_reply(call, 200, epoch_json(&e), err);
}

int api_epoch_destroy(struct api_call *call, struct erot_error *err)
{
	bool force = false;
	const struct api_member members[] = { { "force", API_BOOL, 0, &force, true } };
	uint64_t number = 0;
	struct epoch e;
	int ret;

	ret = api_param_u64(call, "epoch", UINT32_MAX, &number, err);
	if (!ret)
		ret = api_read(call->body, "body", members, err);
	if (!ret)
		ret = epoch_destroy(service_derg(call), service_tenant(call), (uint32_t)number,
				    force, call->now, &e, err);
	return ret ?: api_reply(call, 200, epoch_json(&e), err);
}
