// SPDX-License-Identifier: GPL-2.0-only
/* What events say about themselves. For people only: most of it is covered by no digest. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "liberot/eventlog.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void text_string(const struct erot_tcg_event *e, char *out);
static void text_variable(const struct erot_tcg_event *e, char *out);
static void text_image(const struct erot_tcg_event *e, char *out);
static void text_blob(const struct erot_tcg_event *e, char *out);
static void text_tag(const struct erot_tcg_event *e, char *out);
static void text_separator(const struct erot_tcg_event *e, char *out);

/* TCG PC Client Platform Firmware Profile, 10.4.1; without @text there is only its length to say */
static const struct {
	uint32_t type;
	const char *name;
	void (*text)(const struct erot_tcg_event *e, char *out);
} types[] = {
	{ 0x00000000, "EV_PREBOOT_CERT", NULL },
	{ 0x00000001, "EV_POST_CODE", text_string },
	{ 0x00000003, "EV_NO_ACTION", text_string },
	{ 0x00000004, "EV_SEPARATOR", text_separator },
	{ 0x00000005, "EV_ACTION", text_string },
	{ 0x00000006, "EV_EVENT_TAG", text_tag },
	{ 0x00000007, "EV_S_CRTM_CONTENTS", text_string },
	{ 0x00000008, "EV_S_CRTM_VERSION", text_string },
	{ 0x00000009, "EV_CPU_MICROCODE", text_string },
	{ 0x0000000a, "EV_PLATFORM_CONFIG_FLAGS", text_string },
	{ 0x0000000b, "EV_TABLE_OF_DEVICES", text_string },
	{ 0x0000000c, "EV_COMPACT_HASH", text_string },
	{ 0x0000000d, "EV_IPL", text_string },
	{ 0x0000000e, "EV_IPL_PARTITION_DATA", NULL },
	{ 0x0000000f, "EV_NONHOST_CODE", text_string },
	{ 0x00000010, "EV_NONHOST_CONFIG", text_string },
	{ 0x00000011, "EV_NONHOST_INFO", text_string },
	{ 0x00000012, "EV_OMIT_BOOT_DEVICE_EVENTS", text_string },
	{ 0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG", text_variable },
	{ 0x80000002, "EV_EFI_VARIABLE_BOOT", text_variable },
	{ 0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION", text_image },
	{ 0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER", text_image },
	{ 0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER", text_image },
	{ 0x80000006, "EV_EFI_GPT_EVENT", NULL },
	{ 0x80000007, "EV_EFI_ACTION", text_string },
	{ 0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB", text_blob },
	{ 0x80000009, "EV_EFI_HANDOFF_TABLES", NULL },
	{ 0x8000000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2", text_string },
	{ 0x8000000b, "EV_EFI_HANDOFF_TABLES2", text_string },
	{ 0x8000000c, "EV_EFI_VARIABLE_BOOT2", text_variable },
	{ 0x80000010, "EV_EFI_HCRTM_EVENT", text_string },
	{ 0x800000e0, "EV_EFI_VARIABLE_AUTHORITY", text_variable },
	{ 0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB", NULL },
	{ 0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG", NULL },
};

const char *erot_tcg_event_type(uint32_t type, char out[16])
{
	size_t i;

	for (i = 0; i < COUNT(types); i++)
		if (types[i].type == type)
			return types[i].name;
	snprintf(out, 16, "EV_0x%x", type);
	return out;
}

static void append(char *out, const char *s)
{
	size_t used = strlen(out);

	snprintf(out + used, EROT_EVENT_TEXT_MAX - used, "%s", s);
}

/*
 * Bytes that are text, in ASCII or (@wide) in UTF-16 with characters of ASCII only. Nothing else
 * gets through, so that a log cannot write to a terminal. False: it is no text.
 */
static bool append_text(char *out, const uint8_t *p, size_t len, bool wide)
{
	size_t used = strlen(out), step = wide ? 2 : 1, i;
	char *start = out + used;

	while (len >= step && !p[len - step] && (!wide || !p[len - 1]))
		len -= step;	/* zeros at the end */
	if (!len || len % step)
		return false;
	for (i = 0; i < len; i += step) {
		uint8_t c = p[i] == '\t' || p[i] == '\n' || p[i] == '\r' ? ' ' : p[i];

		if (c < 0x20 || c > 0x7e || (wide && p[i + 1])) {
			*start = '\0';
			return false;
		}
		if (used + 1 < EROT_EVENT_TEXT_MAX)
			out[used++] = (char)c;
		out[used] = '\0';
	}
	return true;
}

static void text_length(const struct erot_tcg_event *e, char *out)
{
	snprintf(out, EROT_EVENT_TEXT_MAX, "%u bytes", e->data_len);
}

/* 10.4.1 leaves open whether it is ASCII or UTF-16, with a zero behind or a length before it. */
static void text_string(const struct erot_tcg_event *e, char *out)
{
	if (append_text(out, e->data, e->data_len, false) ||
	    append_text(out, e->data, e->data_len, true))
		return;
	if (e->data_len > 1 && e->data[0] < e->data_len &&
	    append_text(out, e->data + 1, e->data[0], false))
		return;
	text_length(e, out);
}

static void text_separator(const struct erot_tcg_event *e, char *out)
{
	static const uint8_t zeros[4], ones[4] = { 0xff, 0xff, 0xff, 0xff };

	if (e->data_len == 4 && (!memcmp(e->data, zeros, 4) || !memcmp(e->data, ones, 4)))
		append(out, "separator");
	else
		append(out, "separator after an error");
}

/* UEFI_VARIABLE_DATA: GUID, lengths of name (in characters) and data, name, data */
static void text_variable(const struct erot_tcg_event *e, char *out)
{
	struct erot_reader r;
	const uint8_t *name;
	uint64_t name_len, data_len;
	char size[40];

	erot_reader_init(&r, e->data, e->data_len);
	erot_read_bytes(&r, 16);
	name_len = erot_read_u64(&r);
	data_len = erot_read_u64(&r);
	name = name_len <= r.left / 2 ? erot_read_bytes(&r, 2 * name_len) : NULL;
	append(out, "variable ");
	if (!name || !append_text(out, name, 2 * name_len, true)) {
		*out = '\0';
		text_length(e, out);
		return;
	}
	snprintf(size, sizeof(size), ", %llu bytes", (unsigned long long)data_len);
	append(out, size);
}

/* Of a device path: the names of files, and of what QEMU hands to the firmware. */
static void append_path(char *out, struct erot_reader *r)
{
	while (r->left >= 4) {
		uint8_t type = erot_read_u8(r), sub = erot_read_u8(r);
		uint16_t len = erot_read_u16(r);
		const uint8_t *node;
		size_t used;

		if (len < 4)
			return;
		node = erot_read_bytes(r, len - 4);
		if (!node)
			return;
		used = strlen(out);
		append(out, " ");
		if (type != 4 || sub != 4 || !append_text(out, node, len - 4, true))
			out[used] = '\0';	/* media, file path: all others have no name */
	}
}

/* UEFI_IMAGE_LOAD_EVENT: address, length, address when linked, length of device path, path */
static void text_image(const struct erot_tcg_event *e, char *out)
{
	struct erot_reader r;
	uint64_t len;

	erot_reader_init(&r, e->data, e->data_len);
	erot_read_u64(&r);
	len = erot_read_u64(&r);
	erot_read_u64(&r);
	if (erot_read_u64(&r) != r.left || r.failed) {
		text_length(e, out);
		return;
	}
	snprintf(out, EROT_EVENT_TEXT_MAX, "image of %llu bytes", (unsigned long long)len);
	append_path(out, &r);
}

/* UEFI_PLATFORM_FIRMWARE_BLOB: address, length */
static void text_blob(const struct erot_tcg_event *e, char *out)
{
	struct erot_reader r;
	uint64_t base, len;

	erot_reader_init(&r, e->data, e->data_len);
	base = erot_read_u64(&r);
	len = erot_read_u64(&r);
	if (r.failed || r.left)
		text_string(e, out);
	else
		snprintf(out, EROT_EVENT_TEXT_MAX, "firmware, %llu bytes at 0x%llx",
			 (unsigned long long)len, (unsigned long long)base);
}

/* TCG_PCClientTaggedEvent: id, length, data. Linux measures command line and initrd with it. */
static void text_tag(const struct erot_tcg_event *e, char *out)
{
	struct erot_reader r;
	const uint8_t *data;
	uint32_t len;

	erot_reader_init(&r, e->data, e->data_len);
	erot_read_u32(&r);
	len = erot_read_u32(&r);
	data = erot_read_bytes(&r, len);
	if (!data || !(append_text(out, data, len, false) || append_text(out, data, len, true)))
		text_length(e, out);
}

char *erot_tcg_event_text(const struct erot_tcg_event *event, char out[EROT_EVENT_TEXT_MAX])
{
	size_t i;

	out[0] = '\0';
	for (i = 0; i < COUNT(types); i++) {
		if (types[i].type == event->type && types[i].text) {
			types[i].text(event, out);
			return out;
		}
	}
	text_length(event, out);
	return out;
}
