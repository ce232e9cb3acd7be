// SPDX-License-Identifier: GPL-2.0-only
/* Names of tiles: C2SP tlog-tiles. One tile has one name; all other spellings are refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "liberot/tlog.h"

#define GROUPS_MAX	6	/* of three digits each; 18 digits are more than any index has */

static int bad(struct erot_error *err)
{
	return erot_fail(err, EINVAL, "log-path", "not the name of a tile");
}

void erot_tlog_tile_path(const struct erot_tlog_tile *tile, char path[EROT_TLOG_PATH_MAX])
{
	uint64_t limit = 1000;
	int n;

	if (tile->entries)
		n = snprintf(path, EROT_TLOG_PATH_MAX, "entries");
	else
		n = snprintf(path, EROT_TLOG_PATH_MAX, "%u", tile->level);
	while (tile->index >= limit)
		limit *= 1000;
	for (; limit > 1000; limit /= 1000)
		n += snprintf(path + n, EROT_TLOG_PATH_MAX - (size_t)n, "/x%03u",
			      (unsigned int)(tile->index / (limit / 1000) % 1000));
	n += snprintf(path + n, EROT_TLOG_PATH_MAX - (size_t)n, "/%03u",
		      (unsigned int)(tile->index % 1000));
	if (tile->width < EROT_TLOG_TILE_WIDTH)
		snprintf(path + n, EROT_TLOG_PATH_MAX - (size_t)n, ".p/%u", tile->width);
}

/* At most three digits; moves on. */
static int digits(const char **p, unsigned int *value)
{
	size_t n = strspn(*p, "0123456789"), i;

	if (!n || n > 3)
		return 0;
	for (*value = 0, i = 0; i < n; i++)
		*value = *value * 10 + (unsigned int)(*(*p)++ - '0');
	return 1;
}

int erot_tlog_tile_parse(const char *path, struct erot_tlog_tile *tile, struct erot_error *err)
{
	char again[EROT_TLOG_PATH_MAX];
	unsigned int value, groups = 0;
	const char *p = path;
	int more;

	memset(tile, 0, sizeof(*tile));
	tile->width = EROT_TLOG_TILE_WIDTH;
	if (!strncmp(p, "entries", 7)) {
		tile->entries = 1;
		p += 7;
	} else if (!digits(&p, &tile->level) || tile->level > 63) {
		return bad(err);
	}
	do {
		if (*p++ != '/')
			return bad(err);
		more = *p == 'x';
		p += more;
		if (++groups > GROUPS_MAX || !digits(&p, &value))
			return bad(err);
		tile->index = tile->index * 1000 + value;
	} while (more);
	if (!strncmp(p, ".p/", 3)) {
		p += 3;
		if (!digits(&p, &tile->width) || !tile->width ||
		    tile->width >= EROT_TLOG_TILE_WIDTH)
			return bad(err);
	}
	erot_tlog_tile_path(tile, again);
	return *p || strcmp(path, again) ? bad(err) : 0;
}
