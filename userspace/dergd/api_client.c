// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handlers: clients of a tenant. Administrators of all tenants are made known by dergctl only, on
 * the DERG's own machine.
 */
#include <string.h>

#include "dergd/client.h"
#include "dergd/service.h"
#include "liberot/crypto.h"

#define CERT_MAX 8192

static json_t *client_json(const struct client *c)
{
	return json_pack("{s:o,s:s,s:s,s:I,s:b}", "client",
			 api_json_hex(c->fingerprint, sizeof(c->fingerprint)), "role",
			 c->admin ? "admin" : "customer", "label", c->label, "created",
			 (json_int_t)c->created, "orders", c->order_cert_len > 0);
}

static int list_one(void *ctx, const struct client *c)
{
	return json_array_append_new(ctx, client_json(c)) ? -ENOMEM : 0;
}

int api_client_list(struct api_call *call, struct erot_error *err)
{
	json_t *list = json_array();
	int ret;

	ret = client_each(service_derg(call), service_tenant(call), list_one, list, err);
	if (ret)
		json_decref(list);
	return ret ?: api_reply(call, 200, json_pack("{s:o}", "clients", list), err);
}

static int check_der(const struct api_bytes *der, const char *name, struct erot_error *err)
{
	const unsigned char *p = der->data;
	X509 *cert = der->len ? d2i_X509(NULL, &p, (long)der->len) : NULL;
	bool whole = cert && p == der->data + der->len;

	X509_free(cert);
	return whole ? 0 : erot_fail(err, EINVAL, "json-value", "body: %s must be one certificate "
				     "in DER", name);
}

static int add(struct api_call *call, const struct api_bytes *cert, const struct api_bytes *order,
	       struct client *c, struct erot_error *err)
{
	int ret;

	ret = check_der(cert, "certificate", err);
	if (!ret && order->data)
		ret = check_der(order, "orderCertificate", err);
	if (!ret && erot_sha256(cert->data, cert->len, c->fingerprint))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	if (ret)
		return ret;
	c->order_cert = order->data;
	c->order_cert_len = order->len;
	c->created = call->now;
	ret = client_add(service_derg(call), c, call->now, err);
	return ret ?: service_created(call, "clients", c->fingerprint, client_json(c), err);
}

int api_client_add(struct api_call *call, struct erot_error *err)
{
	const char *role, *label, *tenant = service_tenant(call);
	struct api_bytes cert, order;
	const struct api_member members[] = {
		{ "certificate", API_BASE64, CERT_MAX, &cert },
		{ "role", API_TEXT, 16, &role },
		{ "label", API_TEXT, CLIENT_LABEL_MAX, &label },
		{ "orderCertificate", API_BASE64, CERT_MAX, &order, true },
	};
	struct client c = { .admin = false };
	int ret;

	ret = api_read(call->body, "body", members, err);
	if (ret)
		return ret;
	c.admin = !strcmp(role, "admin");
	if (!c.admin && strcmp(role, "customer")) {
		ret = erot_fail(err, EINVAL, "json-value", "body: role must be admin or customer");
	} else if (strlen(tenant) >= sizeof(c.tenant)) {
		ret = erot_fail(err, EINVAL, "tenant", "the tenant's name is too long");
	} else {
		memcpy(c.tenant, tenant, strlen(tenant) + 1);
		memcpy(c.label, label, strlen(label) + 1);
		ret = add(call, &cert, &order, &c, err);
	}
	api_free(&cert);
	api_free(&order);
	return ret;
}

int api_client_remove(struct api_call *call, struct erot_error *err)
{
	uint8_t fingerprint[EROT_DIGEST_SIZE];
	int ret;

	ret = api_param_digest(call, "client", fingerprint, err);
	if (!ret)
		ret = client_remove(service_derg(call), service_tenant(call), fingerprint,
				    call->now, err);
	if (!ret)
		call->status = 204;
	return ret;
}
