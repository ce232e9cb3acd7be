// SPDX-License-Identifier: GPL-2.0-only
/* dergctl: the DERG's work at the command line. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "liberot/show.h"
#include "tools/dergctl/dergctl.h"

char dergctl_dir[PATH_MAX] = "/var/lib/derg";

static const struct cli_command commands[] = {
	{ "init", cmd_init, "[--uri PKCS11-URI | --module FILE] [--database URL] [--ek-roots PEM] "
	  "[--name NAME] [--log-name NAME] [--no-attestation] [--open-mode]",
	  "Make a DERG in --dir: token, keys, receipt certificate, database, first epoch" },
	{ "derive", cmd_derive,
	  "[--tenant T] [--epoch N] --machine SPKI.der|ID --manifest M -o STATEMENT",
	  "Derive a fresh ERoT and sign a key statement" },
	{ "receipt", cmd_receipt,
	  "--statement S --order O --customer-cert C --ewc E [--not-before TIME] "
	  "[--not-after TIME] -o RECEIPT",
	  "Authorise one launch; TIME is RFC 3339, or +seconds or -seconds from now" },
	{ "provider", cmd_provider, "release|terminate",
	  "Answer erotd: one JSON object on standard input, one on standard output" },
	{ "epoch", cmd_epoch, "new|list|drain|destroy [--tenant T] [--epoch N] [--force] [--json]",
	  "Manage derivation roots; destroy waits for the last launch and grace" },
	{ "client", cmd_client, "add|list|remove [--tenant T] [--admin] [--label NAME] "
	  "[--order-cert C] [--json] [CERT | FINGERPRINT]",
	  "Manage who may use the service, by TLS client certificate" },
	{ "machine", cmd_machine, "list|revoke [--tenant T] [--reason TEXT] [--json] [ID]",
	  "List machines; revoke one for good" },
	{ "show", erot_show_command, "FILE [--json] [--cert CERT]",
	  "Print anything signed, and check its signature where a certificate is given" },
	{ "check-evidence", cmd_check_evidence, "--receipt R --evidence E [--record OUT]",
	  "Check evidence; with --record sign a destruction record" },
	{ "policy", cmd_policy,
	  "learn [--pcrs LIST] [--boot-pcr N] [--host-state NAMES] [--event-log-optional] "
	  "[--software-key] [--max-unaccounted N] -o POLICY STATE... | "
	  "test|explain --policy POLICY [--software-key] [--json] STATE | "
	  "put [--tenant T] POLICY | show [--tenant T]",
	  "Make a PCR policy of known-good machines' state, try it, explain a mismatch; put one "
	  "in force for a tenant" },
	{ NULL, NULL, NULL, NULL },
};

/**
 * dergctl_try() - opens the DERG in --dir
 * @d: filled; dergctl_close() it also after a failure
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int dergctl_try(struct derg *d, struct erot_error *err)
{
	static struct authority authority;	/* one a process */
	int ret;

	d->a = &authority;
	d->db = NULL;
	ret = authority_open(&authority, dergctl_dir, err);
	return ret ?: derg_open(d, &authority, err);
}

/* The same for commands, with the message and the exit code. */
int dergctl_open(struct derg *d)
{
	struct erot_error err = { "", "", "", "" };
	int ret = dergctl_try(d, &err);

	if (ret == -ENOENT && !strcmp(err.code, "not-found")) {
		fprintf(stderr, "dergctl: %s: no DERG here; dergctl --dir DIR init makes one "
			"(%s)\n", dergctl_dir, err.code);
		return CLI_NOT_FOUND;
	}
	return ret ? cli_fail(ret, &err) : CLI_OK;
}

void dergctl_close(struct derg *d)
{
	derg_close(d);
	authority_close(d->a);
}

static int set_dir(const char *dir)
{
	char cwd[PATH_MAX / 2] = "";
	size_t len;

	if (dir[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return cli_usage("--dir: %s", strerror(errno));
	len = snprintf(dergctl_dir, sizeof(dergctl_dir), "%s%s%s", cwd, cwd[0] ? "/" : "", dir);
	if (len >= sizeof(dergctl_dir))
		return cli_usage("--dir: path is too long");
	while (len > 1 && dergctl_dir[len - 1] == '/')
		dergctl_dir[--len] = '\0';
	return CLI_OK;
}

/* --dir may stand before or behind the command: it is taken out wherever it is. */
static int take_dir(int *argc, char **argv)
{
	int i, out = 1, ret = CLI_OK;

	for (i = 1; i < *argc && !ret; i++) {
		if (!strncmp(argv[i], "--dir=", 6)) {
			ret = set_dir(argv[i] + 6);
		} else if (!strcmp(argv[i], "--dir")) {
			if (i + 1 == *argc)
				return cli_usage("--dir needs a directory");
			ret = set_dir(argv[++i]);
		} else {
			argv[out++] = argv[i];
		}
	}
	*argc = out;
	argv[out] = NULL;
	return ret;
}

int main(int argc, char **argv)
{
	int ret;

	signal(SIGPIPE, SIG_IGN);
	ret = take_dir(&argc, argv);
	if (ret)
		return ret;
	return cli_main("dergctl", commands, "[--dir DIR] ", argc - 1, argv + 1);
}
