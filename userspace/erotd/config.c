// SPDX-License-Identifier: GPL-2.0-only
/* The parser of erotd.conf. */
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "erotd/config.h"
#include "common/wire.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A path in the file system: absolute, and without a way back up. */
static bool path_ok(const char *v)
{
	return v[0] == '/' && !strstr(v, "/../") &&
	       (strlen(v) < 3 || strcmp(v + strlen(v) - 3, "/.."));
}

static int set_text(char *out, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (!len || len >= size)
		return -EINVAL;
	memcpy(out, value, len + 1);
	return 0;
}

static int set_path(char *out, size_t size, const char *value)
{
	return path_ok(value) ? set_text(out, size, value) : -EINVAL;
}

static int set_number(const char *value, uint64_t min, uint64_t max, uint64_t *out)
{
	if (erot_parse_u64(value, max, out) || *out < min)
		return -EINVAL;
	return 0;
}

static int set_provider(struct erotd_config *cfg, const char *value)
{
	char *save = NULL, *word;
	size_t n = 0;

	if (set_path(cfg->provider_text, sizeof(cfg->provider_text), value))
		return -EINVAL;
	for (word = strtok_r(cfg->provider_text, " \t", &save); word;
	     word = strtok_r(NULL, " \t", &save)) {
		if (n == EROTD_PROVIDER_ARGS - 1)	/* one more is appended at the call */
			return -EINVAL;
		cfg->provider[n++] = word;
	}
	cfg->provider[n] = NULL;
	return 0;
}

enum key {
	K_PROVIDER, K_PROVIDER_TIMEOUT, K_SOCKET, K_SOCKET_GROUP, K_STATE_DIR, K_CGROUP_PARENT,
	K_SUBID_BASE, K_MAX_SESSIONS, K_HARDWARE_KEY, K_COUNT
};

static const struct {
	const char *name;
	const char *wants;
} keys[K_COUNT] = {
	[K_PROVIDER]	= { "provider", "an absolute path and at most 14 arguments" },
	[K_PROVIDER_TIMEOUT] = { "provider_timeout", "seconds, 1 to 3600" },
	[K_SOCKET]	= { "socket", "an absolute path of at most 107 bytes" },
	[K_SOCKET_GROUP] = { "socket_group", "the name of a group" },
	[K_STATE_DIR]	= { "state_dir", "an absolute path" },
	[K_CGROUP_PARENT] = { "cgroup_parent", "an absolute path" },
	[K_SUBID_BASE]	= { "subid_base", "a multiple of 65536, not 0, with room for all ranges" },
	[K_MAX_SESSIONS] = { "max_sessions", "1 to 1024" },
	[K_HARDWARE_KEY] = { "hardware_key", "an absolute path" },
};

static int apply(struct erotd_config *cfg, enum key key, const char *value)
{
	uint64_t n = 0;
	int err;

	switch (key) {
	case K_PROVIDER:
		return set_provider(cfg, value);
	case K_PROVIDER_TIMEOUT:
		err = set_number(value, 1, 3600, &n);
		cfg->provider_timeout = (unsigned int)n;
		return err;
	case K_SOCKET:
		return set_path(cfg->socket, sizeof(cfg->socket), value);
	case K_SOCKET_GROUP:
		return set_text(cfg->socket_group, sizeof(cfg->socket_group), value);
	case K_STATE_DIR:
		return set_path(cfg->state_dir, sizeof(cfg->state_dir), value);
	case K_CGROUP_PARENT:
		return set_path(cfg->cgroup_parent, sizeof(cfg->cgroup_parent), value);
	case K_SUBID_BASE:
		err = set_number(value, EROTD_ID_RANGE, UINT32_MAX, &n);
		cfg->subid_base = (uint32_t)n;
		return err ?: n % EROTD_ID_RANGE ? -EINVAL : 0;
	case K_MAX_SESSIONS:
		err = set_number(value, 1, EROTD_SESSIONS_MAX, &n);
		cfg->max_sessions = (unsigned int)n;
		return err;
	case K_HARDWARE_KEY:
		return set_path(cfg->hardware_key, sizeof(cfg->hardware_key), value);
	case K_COUNT:
		break;
	}
	return -EINVAL;
}

static enum key find_key(const char *name)
{
	int i;

	for (i = 0; i < K_COUNT; i++)
		if (!strcmp(keys[i].name, name))
			break;
	return (enum key)i;
}

static void defaults(struct erotd_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->provider_timeout = 30;
	cfg->subid_base = 0x40000000;	/* above what useradd and containers hand out */
	cfg->max_sessions = 256;
	memcpy(cfg->socket, EROTD_SOCKET, sizeof(EROTD_SOCKET));
	memcpy(cfg->state_dir, "/var/lib/erot", sizeof("/var/lib/erot"));
	memcpy(cfg->cgroup_parent, "/sys/fs/cgroup/erot", sizeof("/sys/fs/cgroup/erot"));
}

/* One line, without its end, in memory that may be written to. */
static int parse_line(struct erotd_config *cfg, char *line, bool seen[K_COUNT], const char *name,
		      unsigned int number, struct erot_error *err)
{
	char *eq, *value, *end;
	enum key key;

	while (is_blank(*line))
		line++;
	if (!*line || *line == '#')
		return 0;
	eq = strchr(line, '=');
	if (!eq || eq == line)
		return erot_fail(err, EINVAL, "config-syntax", "%s:%u: not \"key = value\"", name,
				 number);
	for (end = eq; end > line && is_blank(end[-1]); end--)
		;
	*end = '\0';
	for (value = eq + 1; is_blank(*value); value++)
		;
	for (end = value + strlen(value); end > value && is_blank(end[-1]); end--)
		;
	*end = '\0';

	key = find_key(line);
	if (key == K_COUNT)
		return erot_fail(err, EINVAL, "config-unknown", "%s:%u: unknown key \"%.40s\"",
				 name, number, line);
	if (seen[key])
		return erot_fail(err, EINVAL, "config-twice", "%s:%u: %s is set twice", name,
				 number, keys[key].name);
	seen[key] = true;
	if (apply(cfg, key, value))
		return erot_fail(err, EINVAL, "config-value", "%s:%u: %s must be %s", name, number,
				 keys[key].name, keys[key].wants);
	return 0;
}

int erotd_config_parse(const char *text, size_t len, const char *name, struct erotd_config *cfg,
		       struct erot_error *err)
{
	struct erotd_config work;
	bool seen[K_COUNT] = { false };
	unsigned int number = 0;
	const char *end;
	int ret = 0;

	if (len > EROTD_CONFIG_MAX)
		return erot_fail(err, EINVAL, "config-syntax", "%s: larger than %d bytes", name,
				 EROTD_CONFIG_MAX);
	if (memchr(text, 0, len))
		return erot_fail(err, EINVAL, "config-syntax", "%s: has a zero byte", name);
	defaults(&work);
	while (len && !ret) {
		size_t n;
		char *line;

		end = memchr(text, '\n', len);
		n = end ? (size_t)(end - text) : len;
		number++;
		line = strndup(text, n);
		if (!line)
			return erot_fail(err, ENOMEM, "no-memory", "%s: no memory", name);
		ret = parse_line(&work, line, seen, name, number, err);
		free(line);
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	if (ret)
		return ret;
	if (!seen[K_PROVIDER])
		return erot_fail(err, EINVAL, "config-missing", "%s: provider is not set", name);
	if ((uint64_t)work.subid_base + (uint64_t)work.max_sessions * EROTD_ID_RANGE > UINT32_MAX)
		return erot_fail(err, EINVAL, "config-value", "%s: subid_base must be %s", name,
				 keys[K_SUBID_BASE].wants);
	*cfg = work;
	/* The words point into the text: follow it to its new place. */
	for (size_t i = 0; work.provider[i]; i++)
		cfg->provider[i] = cfg->provider_text + (work.provider[i] - work.provider_text);
	return 0;
}
