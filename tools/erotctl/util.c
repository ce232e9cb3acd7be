// SPDX-License-Identifier: GPL-2.0-only
/* What the commands share. */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "cmd.h"
#include "common/io.h"
#include "common/wire.h"
#include "liberot/names.h"

int fail(const struct command *cmd, const struct erot_error *err, int status)
{
	fprintf(stderr, "erotctl: %s: %s: %s\n", cmd->name, err->code, err->text);
	return status;
}

int status_of(int ret, const struct erot_error *err)
{
	if (!strcmp(err->code, "no-module"))
		return EXIT_HOST;
	switch (-ret) {
	case ENOENT:
		return EXIT_NOT_FOUND;
	case EPERM:
	case EACCES:
		return EXIT_REFUSED;
	case EINVAL:
		return EXIT_USAGE;
	default:
		return EXIT_INTERNAL;
	}
}

int usage(const struct command *cmd)
{
	fprintf(stderr, "erotctl: %s: usage: erotctl %s %s\n", cmd->name, cmd->name, cmd->args);
	return EXIT_USAGE;
}

int only_json(const struct command *cmd, int argc, char **argv, bool *json)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (c == 'j') {
			*json = true;
		} else if (c == 'h') {
			printf("usage: erotctl %s %s\n%s\n", cmd->name, cmd->args, cmd->help);
			return EXIT_OK + 1;
		} else {
			return usage(cmd) + 1;
		}
	}
	return 0;
}

int begin(const struct command *cmd, int argc, char **argv, int operands, bool *json,
	  struct erot_nl **nl)
{
	struct erot_error err;
	bool other = false;
	int ret = only_json(cmd, argc, argv, json ?: &other);

	if (ret)
		return ret;
	if (optind + operands != argc || other)
		return usage(cmd) + 1;
	ret = erot_nl_open(nl, &err);
	return ret ? fail(cmd, &err, status_of(ret, &err)) + 1 : 0;
}

int print_json(json_t *value)
{
	int ret = value ? json_dumpf(value, stdout, JSON_INDENT(2)) : -1;

	json_decref(value);
	putchar('\n');
	return ret || fflush(stdout) ? EXIT_INTERNAL : EXIT_OK;
}

json_t *bits_json(uint32_t mask, const char *(*name)(unsigned int bit))
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < 32; i++)
		if (mask >> i & 1)
			json_array_append_new(list, json_string(name(i) ?: "unknown"));
	return list;
}

static json_t *evidence_json(const struct erot_evidence *e)
{
	uint32_t flags = le32toh(e->flags);

	return json_pack("{s:I, s:I, s:I, s:i, s:s, s:o, s:o, s:b, s:b, s:b, s:b}",
			 "startedNs", (json_int_t)le64toh(e->started_ns),
			 "endedNs", (json_int_t)le64toh(e->ended_ns),
			 "releasedNs", (json_int_t)le64toh(e->released_ns),
			 "exitStatus", (int)le32toh(e->exit_status),
			 "reason", erot_end_name(le32toh(e->reason)),
			 "host", bits_json(le32toh(e->host), erot_host_name),
			 "isolation", bits_json(le32toh(e->isolation), erot_isolation_name),
			 "released", !!(flags & EROT_EV_RELEASED),
			 "pinned", !!(flags & EROT_EV_PINNED),
			 "ran", !!(flags & EROT_EV_RAN),
			 "damaged", !!(flags & EROT_EV_DAMAGED));
}

json_t *session_json(const struct erot_nl_session *s)
{
	char id[2 * EROT_ID_SIZE + 1], receipt[2 * EROT_DIGEST_SIZE + 1];

	erot_hex(s->id, EROT_ID_SIZE, id);
	erot_hex(s->receipt, EROT_DIGEST_SIZE, receipt);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s?, s:o, s:o, s:o}", "id", id,
			 "state", erot_state_name(s->state), "end", erot_end_name(s->end),
			 "pid", (json_int_t)s->pid, "deadlineNs", (json_int_t)s->deadline,
			 "receipt", s->has_receipt ? receipt : NULL,
			 "host", bits_json(s->host_state, erot_host_name),
			 "isolation", bits_json(s->isolation, erot_isolation_name),
			 "evidence", s->has_evidence ? evidence_json(&s->evidence) : json_null());
}

struct search {
	const char *text;
	unsigned int hits;
	struct erot_nl_session found;
};

static int match(void *ctx, const struct erot_nl_session *s)
{
	struct search *search = ctx;
	char id[2 * EROT_ID_SIZE + 1];

	erot_hex(s->id, EROT_ID_SIZE, id);
	if (!strncasecmp(id, search->text, strlen(search->text))) {
		search->hits++;
		search->found = *s;
	}
	return 0;
}

int find_session(struct erot_nl *nl, const char *text, struct erot_nl_session *out,
		 struct erot_error *err)
{
	struct search search = { .text = text };
	int ret;

	if (!*text || strspn(text, "0123456789abcdefABCDEF") != strlen(text) ||
	    strlen(text) > 2 * EROT_ID_SIZE)
		return erot_fail(err, EINVAL, "usage", "\"%.40s\" is not a session id", text);
	ret = erot_nl_dump(nl, match, &search, err);
	if (ret)
		return ret;
	if (!search.hits)
		return erot_fail(err, ENOENT, "not-found", "no session %s", text);
	if (search.hits > 1)
		return erot_fail(err, EINVAL, "ambiguous", "%u sessions begin with %s", search.hits,
				 text);
	*out = search.found;
	return 0;
}

int connect_erotd(const char *path, struct erot_error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, num;

	if (strlen(path) >= sizeof(addr.sun_path))
		return erot_fail(err, ENAMETOOLONG, "erotd-gone", "%s: too long for a socket",
				 path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	num = errno;
	if (fd >= 0)
		close(fd);
	return erot_fail(err, num, "erotd-gone", "%s: %s%s", path, strerror(num),
			 num == ENOENT || num == ECONNREFUSED ? "; start erotd" : "");
}

int parse_signal(const char *text)
{
	uint64_t n;

	if (!erot_parse_u64(text, 64, &n))
		return n ? (int)n : -1;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (int i = 1; i < 32; i++) {
		const char *name = sigabbrev_np(i);

		if (name && !strcasecmp(name, text))
			return i;
	}
	return -1;
}
