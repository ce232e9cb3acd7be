// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows anything this project signs, seals or stores, as JSON or as lines made
 * of that JSON. What a signature was not checked for is said to be so.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/io.h"
#include "liberot/cms.h"
#include "liberot/envelope.h"
#include "liberot/evidence.h"
#include "liberot/grant.h"
#include "liberot/names.h"
#include "liberot/show.h"

static json_t *hex(const void *data, size_t len)
{
	char text[2 * 64 + 1];

	return len > 64 ? json_null() : json_string(erot_hex(data, len, text));
}

static json_t *when(uint64_t t)
{
	char text[32];

	cli_time_text(t, text);
	return json_string(text);
}

static json_t *names(uint32_t mask, const char *(*name)(unsigned int bit))
{
	json_t *list = json_array();
	unsigned int bit;

	for (bit = 0; bit < 32; bit++)
		if (mask & (1U << bit))
			json_array_append_new(list, json_string(name(bit) ?: "unknown"));
	return list;
}

static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static void set_manifest(json_t *o, const void *manifest, size_t len)
{
	json_t *m = json_loadb(manifest, len, JSON_REJECT_DUPLICATES, NULL);

	set(o, "manifest", m ?: json_null());
}

static void set_grant(json_t *o, const struct erot_grant_info *g)
{
	uint8_t digest[EROT_DIGEST_SIZE];

	set(o, "id", hex(g->id, sizeof(g->id)));
	set(o, "tenant", hex(g->tenant, sizeof(g->tenant)));
	set(o, "epoch", json_integer(g->epoch));
	set(o, "nonce", hex(g->nonce, sizeof(g->nonce)));
	set(o, "erotKey", hex(g->erot_pk, sizeof(g->erot_pk)));
	set(o, "policy", hex(g->policy, sizeof(g->policy)));
	set(o, "enrolment", hex(g->enrolment, sizeof(g->enrolment)));
	set(o, "codeHash", hex(g->code_hash, sizeof(g->code_hash)));
	if (!erot_sha256(g->hwkey, g->hwkey_len, digest))
		set(o, "hardwareKey", hex(digest, sizeof(digest)));
}

static int show_statement(const void *data, size_t len, json_t *o, struct erot_error *err)
{
	struct erot_statement_info s;
	int ret;

	ret = erot_statement_parse(data, len, &s, err);
	if (ret)
		return ret;
	set(o, "type", json_string("statement"));
	set(o, "digest", hex(s.digest, sizeof(s.digest)));
	set_grant(o, &s.grant);
	set_manifest(o, s.grant.manifest, s.grant.manifest_len);
	return 0;
}

static int show_receipt(const void *data, size_t len, json_t *o, struct erot_error *err)
{
	struct erot_receipt_info r;
	int ret;

	ret = erot_receipt_parse(data, len, &r, err);
	if (ret)
		return ret;
	set(o, "type", json_string("receipt"));
	set(o, "digest", hex(r.digest, sizeof(r.digest)));
	set_grant(o, &r.grant);
	set(o, "statement", hex(r.statement, sizeof(r.statement)));
	set(o, "ewc", hex(r.ewc, sizeof(r.ewc)));
	set(o, "order", hex(r.order, sizeof(r.order)));
	set(o, "notBefore", when(r.not_before));
	set(o, "notAfter", when(r.not_after));
	set(o, "memoryMax", json_integer(r.memory_max));
	set(o, "maxRuntime", json_integer(r.max_runtime));
	set(o, "pidsMax", json_integer(r.pids_max));
	set(o, "isolation", names(r.isolation, erot_isolation_name));
	set(o, "requireHost", names(r.host, erot_host_name));
	set_manifest(o, r.grant.manifest, r.grant.manifest_len);
	return 0;
}

static int show_order(const void *data, size_t len, json_t *o, struct erot_error *err)
{
	struct erot_order_info order;
	int ret;

	ret = erot_order_parse(data, len, &order, err);
	if (ret)
		return ret;
	set(o, "type", json_string("order"));
	set(o, "digest", hex(order.digest, sizeof(order.digest)));
	set(o, "statement", hex(order.statement, sizeof(order.statement)));
	set(o, "ewc", hex(order.ewc, sizeof(order.ewc)));
	set(o, "customer", hex(order.customer, sizeof(order.customer)));
	return 0;
}

static int show_envelope(const void *data, size_t len, json_t *o, struct erot_error *err)
{
	struct erot_envelope_info e;
	struct erot_head head;
	int ret;

	memcpy(&head, data, sizeof(head));
	if (le32toh(head.length) < len)	/* the payload may follow */
		len = le32toh(head.length);
	ret = erot_envelope_parse(data, len, &e, err);
	if (ret)
		return ret;
	set(o, "type", json_string("ewc"));
	set(o, "digest", hex(e.digest, sizeof(e.digest)));
	set(o, "codeHash", hex(e.code_hash, sizeof(e.code_hash)));
	set(o, "imageBytes", json_integer(e.shape.image_len));
	set(o, "treeBytes", json_integer(e.shape.tree_len));
	set(o, "chunks", json_integer(e.shape.chunk_count));
	set(o, "payloadOffset", json_integer(e.payload_off));
	set(o, "payloadBytes", json_integer(e.shape.payload_len));
	set(o, "commitment", hex(e.seal.commitment, sizeof(e.seal.commitment)));
	set_manifest(o, e.manifest, e.manifest_len);
	return 0;
}

static void set_evidence(json_t *o, const struct erot_evidence *ev)
{
	uint32_t flags = le32toh(ev->flags), status = le32toh(ev->exit_status);
	json_t *list = json_array();

	set(o, "receipt", hex(ev->receipt, sizeof(ev->receipt)));
	set(o, "session", hex(ev->session, sizeof(ev->session)));
	set(o, "startedNs", json_integer(le64toh(ev->started_ns)));
	set(o, "endedNs", json_integer(le64toh(ev->ended_ns)));
	set(o, "releasedNs", json_integer(le64toh(ev->released_ns)));
	set(o, "exitStatus", json_integer(status));
	set(o, "reason", json_string(erot_end_name(le32toh(ev->reason))));
	set(o, "host", names(le32toh(ev->host), erot_host_name));
	set(o, "isolation", names(le32toh(ev->isolation), erot_isolation_name));
	if (flags & EROT_EV_RELEASED)
		json_array_append_new(list, json_string("released"));
	if (flags & EROT_EV_PINNED)
		json_array_append_new(list, json_string("pinned"));
	if (flags & EROT_EV_RAN)
		json_array_append_new(list, json_string("ran"));
	if (flags & EROT_EV_DAMAGED)
		json_array_append_new(list, json_string("damaged"));
	set(o, "flags", list);
}

static int show_evidence(const void *data, size_t len, json_t *o, struct erot_error *err)
{
	struct erot_evidence ev;
	int ret;

	ret = erot_evidence_check_form(data, len, err);
	if (ret)
		return ret;
	memcpy(&ev, data, sizeof(ev));
	set(o, "type", json_string("evidence"));
	set_evidence(o, &ev);
	set(o, "mac", json_string("not checked"));
	return 0;
}

static int show_destruction(const void *data, size_t len, json_t *o, struct erot_error *err)
{
	struct erot_destruction_info d;
	json_t *ev = json_object();
	int ret;

	ret = erot_destruction_parse(data, len, &d, err);
	if (ret) {
		json_decref(ev);
		return ret;
	}
	set(o, "type", json_string("destruction"));
	set(o, "digest", hex(d.digest, sizeof(d.digest)));
	set(o, "time", when(d.time));
	set_evidence(ev, &d.evidence);
	set(o, "evidence", ev);
	set(o, "quoteBytes", json_integer(d.quote_len));
	return 0;
}

static int show_content(const void *data, size_t len, json_t *o, struct erot_error *err)
{
	struct erot_head head;

	if (len < sizeof(head) || memcmp(data, EROT_MAGIC, EROT_MAGIC_SIZE))
		return erot_fail(err, EBADMSG, "unknown-file", "nothing that this project makes");
	memcpy(&head, data, sizeof(head));
	switch (le16toh(head.purpose)) {
	case EROT_PURPOSE_STATEMENT:
		return show_statement(data, len, o, err);
	case EROT_PURPOSE_RECEIPT:
		return show_receipt(data, len, o, err);
	case EROT_PURPOSE_ORDER:
		return show_order(data, len, o, err);
	case EROT_PURPOSE_EWC:
		return show_envelope(data, len, o, err);
	case EROT_PURPOSE_EVIDENCE:
		return show_evidence(data, len, o, err);
	case EROT_PURPOSE_DESTRUCTION:
		return show_destruction(data, len, o, err);
	}
	return erot_fail(err, EBADMSG, "unknown-file", "purpose %u cannot be shown",
			 le16toh(head.purpose));
}

/* Only what is sealed or MACed may come by itself: anything else was signed once, or never. */
static int wants_signature(const json_t *o)
{
	const char *type = json_string_value(json_object_get(o, "type"));

	return strcmp(type, "ewc") && strcmp(type, "evidence");
}

/**
 * erot_describe() - a file as a JSON object
 * @data: CMS, or content without a signature
 * @len: bytes
 * @signer: certificate to check the signature with, or NULL
 * @out: to be freed with json_decref()
 * @err: "unknown-file", or as the parser of what it is says
 *
 * Member "signature" is "good" or "not checked", "none" where there should be one, and missing
 * where none is to be expected.
 *
 * Return: 0 or a negative errno.
 */
int erot_describe(const void *data, size_t len, X509 *signer, json_t **out, struct erot_error *err)
{
	json_t *o = json_object();
	uint8_t *content = NULL;
	size_t content_len;
	int ret;

	*out = NULL;
	if (!o)
		return erot_fail(err, ENOMEM, "no-memory", "show");
	if (len >= EROT_MAGIC_SIZE && !memcmp(data, EROT_MAGIC, EROT_MAGIC_SIZE)) {
		ret = signer ? erot_fail(err, EBADMSG, "unsigned", "this file carries no signature")
			     : show_content(data, len, o, err);
		if (!ret && wants_signature(o))
			set(o, "signature", json_string("none"));
	} else {
		ret = signer ? erot_cms_verify(data, len, signer, &content, &content_len, err)
			     : erot_cms_content(data, len, &content, &content_len, err);
		if (!ret)
			ret = show_content(content, content_len, o, err);
		if (!ret)
			set(o, "signature", json_string(signer ? "good" : "not checked"));
		free(content);
	}
	if (ret)
		json_decref(o);
	else
		*out = o;
	return ret;
}

/* Manifests are somebody else's text: no escape sequence reaches a terminal. */
static void print_value(const json_t *v)
{
	const char *s = json_string_value(v);
	char *text = s ? strdup(s) : json_dumps(v, JSON_ENCODE_ANY);

	if (text)
		erot_printable(text);
	printf(" %s", text ?: "?");
	free(text);
}

static void print_lines(const json_t *o, int indent)
{
	const json_t *value, *item;
	const char *key;
	size_t i;

	json_object_foreach((json_t *)o, key, value) {
		printf("%*s%s:", indent, "", key);
		if (json_is_object(value)) {
			putchar('\n');
			print_lines(value, indent + 2);
			continue;
		}
		if (json_is_array(value)) {
			json_array_foreach(value, i, item)
				print_value(item);
		} else {
			print_value(value);
		}
		putchar('\n');
	}
}

/**
 * erot_show_object() - prints what erot_describe() has made
 * @o: object
 * @json: one JSON object instead of lines
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int erot_show_object(const json_t *o, int json, struct erot_error *err)
{
	if (json) {
		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_lines(o, 0);
	}
	if (fflush(stdout))
		return erot_fail(err, errno, "io", "standard output: %s", strerror(errno));
	return 0;
}

/**
 * erot_show() - prints a file
 * @data: as for erot_describe()
 * @len: bytes
 * @signer: or NULL
 * @json: one JSON object instead of lines
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int erot_show(const void *data, size_t len, X509 *signer, int json, struct erot_error *err)
{
	json_t *o;
	int ret;

	ret = erot_describe(data, len, signer, &o, err);
	if (ret)
		return ret;
	ret = erot_show_object(o, json, err);
	json_decref(o);
	return ret;
}
