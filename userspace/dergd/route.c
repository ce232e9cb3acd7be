// SPDX-License-Identifier: GPL-2.0-only
/* The table of routes, and what a path and a query string say. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <string.h>

#include "dergd/route.h"

#define SEGMENTS_MAX 16

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_utf8(const char *text)
{
	json_t *string = json_string(text);
	bool ok = string;

	json_decref(string);
	return ok;
}

/*
 * What stands between two delimiters, decoded. A slash or a zero byte in there would make a segment
 * mean something else to whoever splits or stores it again; a control character, to who reads logs.
 */
static int decode(const char *text, size_t len, char **out)
{
	char *start = malloc(len + 1), *to = start;
	int hi, lo, c;
	size_t i;

	if (!start)
		return -ENOMEM;
	for (i = 0; i < len; i++) {
		c = (unsigned char)text[i];
		if (c == '%') {
			hi = len - i > 2 ? hex_digit(text[i + 1]) : -1;
			lo = hi < 0 ? -1 : hex_digit(text[i + 2]);
			c = lo < 0 ? 0 : hi << 4 | lo;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || c == '/')
			goto bad;
		*to++ = (char)c;
	}
	*to = '\0';
	if (!is_utf8(start))
		goto bad;
	*out = start;
	return 0;
bad:
	free(start);
	return -EINVAL;
}

static int add_param(struct api_param *params, size_t max, const char *name, size_t name_len,
		     char *value)
{
	size_t i;

	for (i = 0; i < max && params[i].name; i++)
		;
	if (i < max)
		params[i].name = strndup(name, name_len);
	if (i == max || !params[i].name) {
		free(value);
		return -ENOMEM;
	}
	params[i].value = value;
	return 0;
}

void route_params_free(struct api_param *params, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(params[i].name);
		free(params[i].value);
		params[i].name = params[i].value = NULL;
	}
}

static char *rest_of(char *const segments[], size_t n)
{
	size_t len = 1, i;
	char *rest;

	for (i = 0; i < n; i++)
		len += strlen(segments[i]) + 1;
	rest = calloc(1, len);
	for (i = 0; rest && i < n; i++) {
		if (i)
			strncat(rest, "/", len - strlen(rest) - 1);
		strncat(rest, segments[i], len - strlen(rest) - 1);
	}
	return rest;
}

/* Return: 1: matches, 0: does not, or -ENOMEM. With @params NULL nothing is filled. */
static int match(const char *pattern, char *const segments[], size_t n, struct api_param *params)
{
	size_t len, i = 0;
	bool rest;
	char *value;

	for (; *pattern; pattern += len) {
		pattern++;		/* the slash */
		len = strcspn(pattern, "/");
		if (i == n)
			return 0;
		if (*pattern != '{') {
			if (strlen(segments[i]) != len || memcmp(segments[i], pattern, len))
				return 0;
			i++;
			continue;
		}
		rest = pattern[len - 2] == '*';
		if (!*segments[i])
			return 0;
		if (params) {
			value = rest ? rest_of(segments + i, n - i) : strdup(segments[i]);
			if (!value || add_param(params, API_PARAMS_MAX, pattern + 1,
						len - 2 - rest, value))
				return -ENOMEM;
		}
		i = rest ? n : i + 1;
	}
	return i == n;
}

static int split(const char *path, char *segments[], size_t *n)
{
	size_t len;
	int ret;

	*n = 0;
	if (*path != '/')
		return -EINVAL;
	while (*path) {
		path++;
		len = strcspn(path, "/");
		if (*n == SEGMENTS_MAX)
			return -EINVAL;
		ret = decode(path, len, &segments[*n]);
		if (ret)
			return ret;
		(*n)++;
		path += len;
	}
	return 0;
}

static void allow_add(char allow[ROUTE_ALLOW_MAX], const char *method)
{
	size_t len = strlen(allow);

	snprintf(allow + len, ROUTE_ALLOW_MAX - len, "%s%s%s", len ? ", " : "", method,
		 strcmp(method, "GET") ? "" : ", HEAD");
}

static int choose(const struct api_route *routes, size_t n, const char *method,
		  char *const segments[], size_t n_segments, struct api_param *params, char *allow,
		  const struct api_route **out, struct erot_error *err)
{
	const char *pattern = NULL;
	size_t i;

	if (!strcmp(method, "HEAD"))
		method = "GET";
	for (i = 0; i < n; i++) {
		/* the first pattern that matches is the path's, and its other methods count too */
		if (pattern ? strcmp(pattern, routes[i].path) :
			      match(routes[i].path, segments, n_segments, NULL) != 1)
			continue;
		pattern = routes[i].path;
		allow_add(allow, routes[i].method);
		if (!*out && !strcmp(routes[i].method, method))
			*out = &routes[i];
	}
	if (!pattern)
		return erot_fail(err, ENOENT, "path-unknown", "there is no such path");
	allow_add(allow, "OPTIONS");
	if (!*out)
		return erot_fail(err, EOPNOTSUPP, "method", "this path has %s", allow);
	if (match((*out)->path, segments, n_segments, params) != 1)
		return erot_fail(err, ENOMEM, "no-memory", "path");
	return 0;
}

int route_find(const struct api_route *routes, size_t n, const char *method, const char *path,
	       struct api_param params[API_PARAMS_MAX], char allow[ROUTE_ALLOW_MAX],
	       const struct api_route **out, struct erot_error *err)
{
	char *segments[SEGMENTS_MAX] = { NULL };
	size_t n_segments, i;
	int ret;

	*out = NULL;
	allow[0] = '\0';
	ret = split(path, segments, &n_segments);
	if (ret)
		erot_fail(err, -ret, ret == -ENOMEM ? "no-memory" : "path-syntax",
			  "path: at most %d segments, and no control character or slash in one",
			  SEGMENTS_MAX);
	else
		ret = choose(routes, n, method, segments, n_segments, params, allow, out, err);
	for (i = 0; i < SEGMENTS_MAX; i++)
		free(segments[i]);
	if (ret)
		*out = NULL;
	return ret;
}

static bool query_known(const struct api_route *route, const char *name, size_t len)
{
	const char *list = route->query ?: "";
	size_t n;

	for (; *list; list += n) {
		list += strspn(list, " ");
		n = strcspn(list, " ");
		if (n && n == len && !memcmp(list, name, len))
			return true;
	}
	return false;
}

static int query_pair(const struct api_route *route, const char *pair, size_t len,
		      struct api_param out[API_QUERY_MAX], struct erot_error *err)
{
	const char *eq = memchr(pair, '=', len);
	size_t name = eq ? (size_t)(eq - pair) : len, i;
	char *value;
	int ret;

	if (!eq || !query_known(route, pair, name))
		return erot_fail(err, EINVAL, "query", "query: no such parameter \"%.*s\"",
				 (int)(name > 40 ? 40 : name), pair);
	for (i = 0; i < API_QUERY_MAX && out[i].name; i++)
		if (strlen(out[i].name) == name && !memcmp(out[i].name, pair, name))
			return erot_fail(err, EINVAL, "query", "query: \"%s\" is there twice",
					 out[i].name);
	ret = decode(eq + 1, len - name - 1, &value);
	if (!ret)
		ret = add_param(out, API_QUERY_MAX, pair, name, value);
	return ret ? erot_fail(err, -ret, ret == -ENOMEM ? "no-memory" : "query",
			       "query: malformed value") : 0;
}

int route_query(const struct api_route *route, const char *query,
		struct api_param out[API_QUERY_MAX], struct erot_error *err)
{
	size_t len;
	int ret = 0;

	while (query && *query && !ret) {
		len = strcspn(query, "&");
		ret = query_pair(route, query, len, out, err);
		query += len;
		query += *query == '&';
	}
	return ret;
}

const char *route_role_name(enum api_role role)
{
	static const char *const names[] = { "none", "machine", "customer", "admin" };

	return names[role];
}

void route_print(const struct api_route *routes, size_t n, FILE *out)
{
	const char *p;
	size_t i;

	for (i = 0; i < n; i++) {
		fprintf(out, "%s ", routes[i].method);
		for (p = routes[i].path; *p; p++)
			if (*p != '*')
				fputc(*p, out);
		fprintf(out, " %s %zu\n", route_role_name(routes[i].role), routes[i].body_max);
	}
}
