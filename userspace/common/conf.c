// SPDX-License-Identifier: GPL-2.0-only
/* The parser of configuration files. */
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/io.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int erot_conf_text(char *out, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (!len || len >= size)
		return -EINVAL;
	memcpy(out, value, len + 1);
	return 0;
}

int erot_conf_path(char *out, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (value[0] != '/' || strstr(value, "/../") ||
	    (len >= 3 && !strcmp(value + len - 3, "/..")))
		return -EINVAL;
	return erot_conf_text(out, size, value);
}

int erot_conf_u64(const char *value, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n;

	if (erot_parse_u64(value, max, &n) || n < min)
		return -EINVAL;
	*out = n;
	return 0;
}

int erot_conf_uint(const char *value, unsigned int min, unsigned int max, unsigned int *out)
{
	uint64_t n;
	int ret = erot_conf_u64(value, min, max, &n);

	if (!ret)
		*out = (unsigned int)n;
	return ret;
}

/* What one pass over a file works on. */
struct parser {
	const char *name;
	unsigned int number;		/* of the line */
	const struct erot_conf_key *keys;
	size_t n;
	void *cfg;
	unsigned int *lines;
	struct erot_error *err;
};

static char *cut_blanks(char *text)
{
	char *end;

	while (is_blank(*text))
		text++;
	for (end = text + strlen(text); end > text && is_blank(end[-1]); end--)
		;
	*end = '\0';
	return text;
}

/* One line, without its end, in memory that may be written to. */
static int parse_line(struct parser *p, char *line)
{
	char *eq;
	size_t i;

	line = cut_blanks(line);
	if (!*line || *line == '#')
		return 0;
	eq = strchr(line, '=');
	if (!eq || eq == line)
		return erot_fail(p->err, EINVAL, "config-syntax", "%s:%u: not \"key = value\"",
				 p->name, p->number);
	*eq = '\0';
	cut_blanks(line);
	for (i = 0; i < p->n && strcmp(p->keys[i].name, line); i++)
		;
	if (i == p->n)
		return erot_fail(p->err, EINVAL, "config-unknown", "%s:%u: unknown key \"%.40s\"",
				 p->name, p->number, line);
	if (p->lines[i])
		return erot_fail(p->err, EINVAL, "config-twice",
				 "%s:%u: %s is set twice, first in line %u", p->name, p->number,
				 line, p->lines[i]);
	p->lines[i] = p->number;
	if (p->keys[i].apply(p->cfg, cut_blanks(eq + 1)))
		return erot_fail(p->err, EINVAL, "config-value", "%s:%u: %s must be %s", p->name,
				 p->number, line, p->keys[i].wants);
	return 0;
}

static int parse_lines(struct parser *p, const char *text, size_t len)
{
	const char *end;
	char *line;
	size_t n;
	int ret = 0;

	while (len && !ret) {
		end = memchr(text, '\n', len);
		n = end ? (size_t)(end - text) : len;
		p->number++;
		line = strndup(text, n);
		if (!line)
			return erot_fail(p->err, ENOMEM, "no-memory", "%s: no memory", p->name);
		ret = parse_line(p, line);
		free(line);
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	return ret;
}

int erot_conf_parse(const char *text, size_t len, const char *name,
		    const struct erot_conf_key *keys, size_t n, void *cfg, unsigned int *lines,
		    struct erot_error *err)
{
	struct parser p = { .name = name, .keys = keys, .n = n, .cfg = cfg, .err = err };
	size_t i;
	int ret;

	if (len > EROT_CONF_MAX)
		return erot_fail(err, EINVAL, "config-syntax", "%s: larger than %d bytes", name,
				 EROT_CONF_MAX);
	if (memchr(text, 0, len))
		return erot_fail(err, EINVAL, "config-syntax", "%s: has a zero byte", name);
	p.lines = calloc(n, sizeof(*p.lines));
	if (!p.lines)
		return erot_fail(err, ENOMEM, "no-memory", "%s: no memory", name);
	ret = parse_lines(&p, text, len);
	for (i = 0; i < n && !ret; i++)
		if (keys[i].required && !p.lines[i])
			ret = erot_fail(err, EINVAL, "config-missing", "%s: %s is not set", name,
					keys[i].name);
	if (!ret && lines)
		memcpy(lines, p.lines, n * sizeof(*lines));
	free(p.lines);
	return ret;
}
