/* SPDX-License-Identifier: GPL-2.0-only */
/* Which route a method and a path belong to. Pure code. */
#ifndef DERGD_ROUTE_H
#define DERGD_ROUTE_H

#include <stdio.h>

#include "dergd/api.h"

#define ROUTE_ALLOW_MAX 64	/* text of an Allow header */

/**
 * route_find() - the route, and the path's parameters
 * @routes: table; the first that matches counts
 * @n: of them
 * @method: as sent; HEAD finds GET
 * @path: as sent: percent-encoded, without the query
 * @params: filled; to be freed with route_params_free(), also after a failure
 * @allow: methods that the path has, for 405 and OPTIONS
 * @out: the route; NULL after a failure
 * @err: "path-syntax", "path-unknown", "method"
 *
 * Return: 0, -EINVAL, -ENOENT, -EOPNOTSUPP or -ENOMEM.
 */
int route_find(const struct api_route *routes, size_t n, const char *method, const char *path,
	       struct api_param params[API_PARAMS_MAX], char allow[ROUTE_ALLOW_MAX],
	       const struct api_route **out, struct erot_error *err);
void route_params_free(struct api_param *params, size_t n);

/**
 * route_query() - read a query string
 * @route: its names are the only ones
 * @query: "a=b&c=d" as sent; NULL: none
 * @out: filled; to be freed with route_params_free(), also after a failure
 * @err: "query"
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int route_query(const struct api_route *route, const char *query,
		struct api_param out[API_QUERY_MAX], struct erot_error *err);

/* "none", "machine", "customer", "admin" */
const char *route_role_name(enum api_role role);

/* One line each: method, path, role, bytes of a body; paths as OpenAPI writes them. */
void route_print(const struct api_route *routes, size_t n, FILE *out);

#endif
