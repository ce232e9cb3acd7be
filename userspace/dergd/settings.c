// SPDX-License-Identifier: GPL-2.0-only
/* The keys of dergd.conf. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/secret.h"
#include "dergd/settings.h"


/* A setter of one field, by what its values look like. */
#define SETTER(field, call)									\
static int set_##field(void *ctx, const char *value)						\
{												\
	struct settings *s = ctx;								\
												\
	return call;										\
}
#define PATH(field)	SETTER(field, erot_conf_path(s->field, sizeof(s->field), value))
#define NUMBER(field, min, max)	SETTER(field, erot_conf_uint(value, min, max, &s->field))

static int read_listen(char *out, size_t size, const char *value)
{
	const char *colon = strrchr(value, ':');
	unsigned int port;

	/* an IPv6 address without brackets: nobody could tell where its port begins */
	if (!colon || colon == value || (value[0] == '[') != (colon[-1] == ']') ||
	    (value[0] != '[' && memchr(value, ':', (size_t)(colon - value))))
		return -EINVAL;
	return erot_conf_uint(colon + 1, 0, 65535, &port) ?: erot_conf_text(out, size, value);
}

static int read_memory_lock(bool *out, const char *value)
{
	*out = !strcmp(value, "required");
	return *out || !strcmp(value, "optional") ? 0 : -EINVAL;
}

SETTER(listen, read_listen(s->listen, sizeof(s->listen), value))
PATH(certificate)
PATH(key)
PATH(client_ca)
PATH(directory)
SETTER(memory_lock, read_memory_lock(&s->memory_lock, value))
NUMBER(workers, 1, 64)
NUMBER(max_connections, 8, 65536)
NUMBER(max_per_address, 1, 65536)
NUMBER(max_header, 1024, 65536)
NUMBER(max_queue, 1, 65536)
NUMBER(max_body_memory, 1U << 20, 1U << 30)
NUMBER(header_timeout, 1, 3600)
NUMBER(body_timeout, 1, 3600)
NUMBER(send_timeout, 1, 3600)
NUMBER(idle_timeout, 1, 3600)
NUMBER(drain_timeout, 1, 3600)

#define KEY(name, required, wants) { #name, wants, required, set_##name }

static const struct erot_conf_key keys[] = {
	KEY(listen, true, "address:port or [address]:port"),
	KEY(certificate, true, "an absolute path"),
	KEY(key, true, "an absolute path"),
	KEY(client_ca, false, "an absolute path"),
	KEY(directory, true, "an absolute path"),
	KEY(memory_lock, false, "required or optional"),
	KEY(workers, false, "1 to 64"),
	KEY(max_connections, false, "8 to 65536"),
	KEY(max_per_address, false, "1 to 65536"),
	KEY(max_header, false, "bytes, 1024 to 65536"),
	KEY(max_queue, false, "1 to 65536"),
	KEY(max_body_memory, false, "bytes, 1048576 to 1073741824"),
	KEY(header_timeout, false, "seconds, 1 to 3600"),
	KEY(body_timeout, false, "seconds, 1 to 3600"),
	KEY(send_timeout, false, "seconds, 1 to 3600"),
	KEY(idle_timeout, false, "seconds, 1 to 3600"),
	KEY(drain_timeout, false, "seconds, 1 to 3600"),
};

#define KEYS (sizeof(keys) / sizeof(*keys))

static void defaults(struct settings *s)
{
	memset(s, 0, sizeof(*s));
	s->memory_lock = true;
	s->workers = 8;
	s->max_connections = 1024;
	s->max_per_address = 64;
	s->max_header = 8192;
	s->max_queue = 256;
	s->max_body_memory = 64U << 20;
	s->header_timeout = 10;
	s->body_timeout = 30;
	s->send_timeout = 60;
	s->idle_timeout = 60;
	s->drain_timeout = 20;
}

int settings_parse(const char *text, size_t len, const char *name, struct settings *out,
		   struct erot_error *err)
{
	unsigned int lines[KEYS];
	struct settings work;
	size_t i;
	int ret;

	defaults(&work);
	ret = erot_conf_parse(text, len, name, keys, KEYS, &work, lines, err);
	if (!ret && work.max_per_address > work.max_connections) {
		for (i = 0; strcmp(keys[i].name, "max_per_address"); i++)
			;
		ret = erot_fail(err, EINVAL, "config-value",
				"%s:%u: max_per_address must be at most max_connections", name,
				lines[i]);
	}
	if (!ret)
		*out = work;
	return ret;
}

int settings_read(const char *path, struct settings *out, struct erot_error *err)
{
	uint8_t *text;
	size_t len;
	int ret;

	ret = erot_read_file(path, EROT_CONF_MAX, &text, &len, err);
	if (ret)
		return ret;
	ret = settings_parse((char *)text, len, path, out, err);
	erot_wipe_free(text, len);
	return ret;
}

int settings_reloadable(const struct settings *old, const struct settings *new,
			struct erot_error *err)
{
	const char *key = NULL;

	if (strcmp(old->listen, new->listen))
		key = "listen";
	else if (strcmp(old->directory, new->directory))
		key = "directory";
	else if (old->memory_lock != new->memory_lock)
		key = "memory_lock";
	else if (old->workers != new->workers)
		key = "workers";
	else if (old->max_connections != new->max_connections)
		key = "max_connections";
	else if (old->max_header != new->max_header)
		key = "max_header";
	else if (old->max_queue != new->max_queue)
		key = "max_queue";
	if (key)
		return erot_fail(err, EBUSY, "config-restart",
				 "%s has changed: that needs a restart", key);
	return 0;
}
