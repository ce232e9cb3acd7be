// SPDX-License-Identifier: GPL-2.0-only
/* erotctl doctor: every finding with the command or boot parameter that mends it. */
#define _GNU_SOURCE
#include <getopt.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cmd.h"
#include "common/io.h"
#include "common/secret.h"
#include "common/wire.h"

enum verdict { FINE, WARN, BAD };

/*
 * struct host - what the checks look at, read once; texts are NULL where the file is not there, and
 * @erotd's answer where there is none: then @silent says why
 */
struct host {
	bool module;
	struct erot_error why;
	struct erot_nl_host info;
	json_t *erotd;
	struct erot_error silent;
	char *lockdown;
	char *swaps;
	char *crash;
	char *kexec_off;
	char *cmdline;
	char *controllers;
	char *userns;
	char *keys;
	char *config;
	struct utsname uname;
};

/**
 * struct check - one row
 * @name: stable
 * @look: says how it is in @found (200 bytes)
 * @mend: what to do when it is not fine
 */
struct check {
	const char *name;
	enum verdict (*look)(const struct host *h, char *found);
	const char *mend;
};

#define FOUND(...) snprintf(found, 200, __VA_ARGS__)

static char *slurp(const char *path, size_t max)
{
	struct erot_error err;
	uint8_t *text;
	size_t len;

	/* one zero byte stands behind what is read */
	return erot_read_file(path, max, &text, &len, &err) ? NULL : (char *)text;
}

/* Needed for attested mode only: in open mode, or when no mode is known, a warning. */
static enum verdict attested_only(const struct host *h)
{
	return h->module && h->info.attested ? BAD : WARN;
}

static enum verdict look_module(const struct host *h, char *found)
{
	if (h->module)
		FOUND("version %s", h->info.version);
	else
		FOUND("%s", h->why.text);
	return h->module ? FINE : BAD;
}

static enum verdict look_mode(const struct host *h, char *found)
{
	if (!h->module) {
		FOUND("unknown: the module is not there");
		return BAD;
	}
	FOUND("%s", h->info.attested ? "attested" : "open: for development; receipts that ask for "
	      "an attested host are refused");
	return h->info.attested ? FINE : WARN;
}

static enum verdict look_lockdown(const struct host *h, char *found)
{
	bool on = h->lockdown && strstr(h->lockdown, "[confidentiality]");

	FOUND("%s", on ? "confidentiality" : h->lockdown ? "not confidentiality" :
	      "not in this kernel, or securityfs is not mounted");
	return on ? FINE : attested_only(h);
}

static enum verdict look_init_on_free(const struct host *h, char *found)
{
	bool on = h->module ? h->info.host_state & EROT_HOST_INIT_ON_FREE :
		  h->cmdline && strstr(h->cmdline, "init_on_free=1");

	FOUND("%s", on ? "on" : "off");
	return on ? FINE : attested_only(h);
}

static enum verdict look_swap(const struct host *h, char *found)
{
	const char *line = h->swaps ? strchr(h->swaps, '\n') : NULL;
	bool used = line && line[1];

	FOUND("%s", used ? "in use" : "none");
	return used ? attested_only(h) : FINE;
}

static enum verdict look_crash(const struct host *h, char *found)
{
	bool loaded = h->crash && h->crash[0] == '1';
	bool never = !h->kexec_off || h->kexec_off[0] == '1';

	if (loaded) {
		FOUND("loaded: it would save keys from a crash");
		return BAD;
	}
	FOUND("not loaded%s", never ? "" : ", but kexec is on: it may be at any time");
	return never ? FINE : attested_only(h);
}

static enum verdict look_cgroup(const struct host *h, char *found)
{
	static const char *const need[] = { "memory", "pids", "cpu" };
	struct statfs fs;

	if (statfs("/sys/fs/cgroup", &fs) || fs.f_type != CGROUP2_SUPER_MAGIC || !h->controllers) {
		FOUND("/sys/fs/cgroup is not cgroup2");
		return BAD;
	}
	for (size_t i = 0; i < 3; i++) {
		const char *at = strstr(h->controllers, need[i]);

		/* "cpu" is also the beginning of "cpuset" */
		while (at && at[strlen(need[i])] > ' ')
			at = strstr(at + 1, need[i]);
		if (!at) {
			FOUND("no %s controller", need[i]);
			return BAD;
		}
	}
	FOUND("cgroup2 with memory, pids, cpu");
	return FINE;
}

static enum verdict look_userns(const struct host *h, char *found)
{
	if (!h->userns || access("/proc/self/ns/user", F_OK)) {
		FOUND("not in this kernel");
		return BAD;
	}
	FOUND("at most %.*s", (int)strcspn(h->userns, "\n"), h->userns);
	return strtoll(h->userns, NULL, 10) > 0 ? FINE : BAD;
}

static enum verdict look_erofs(const struct host *h, char *found)
{
	unsigned int major = 0, minor = 0;
	const char *set = h->config ? strstr(h->config, "CONFIG_EROFS_FS_BACKED_BY_FILE=y") : NULL;

	if (sscanf(h->uname.release, "%u.%u", &major, &minor) != 2 || major < 6 ||
	    (major == 6 && minor < 12)) {
		FOUND("kernel %s cannot mount EROFS from a file", h->uname.release);
		return BAD;
	}
	if (h->config && !set) {
		FOUND("kernel %s was built without CONFIG_EROFS_FS_BACKED_BY_FILE",
		      h->uname.release);
		return BAD;
	}
	FOUND("kernel %s%s", h->uname.release,
	      set ? ", from a file" : "; its configuration is not here, so it was not checked");
	return FINE;
}

static enum verdict look_tpm(const struct host *h, char *found)
{
	bool there = !access("/dev/tpmrm0", F_OK);

	if (there && h->module && h->info.has_pcr)
		FOUND("boot key in PCR %u", h->info.pcr);
	else
		FOUND("%s", there ? "there, without the boot key in a PCR" : "none");
	return there && (!h->module || h->info.has_pcr) ? FINE : attested_only(h);
}

static enum verdict look_keyring(const struct host *h, char *found)
{
	const char *at = h->keys ? strstr(h->keys, " .erot: ") : NULL;

	if (!at) {
		FOUND("%s", h->module ? "not to be seen" : "the module is not there");
		return BAD;
	}
	at += strlen(" .erot: ");
	if (*at < '1' || *at > '9') {
		FOUND("empty: no receipt can be verified");
		return BAD;
	}
	FOUND("%d certificate(s)", (int)strtol(at, NULL, 10));
	return FINE;
}

static enum verdict look_hwkey(const struct host *h, char *found)
{
	char hex[2 * EROT_DIGEST_SIZE + 1];

	if (!h->module || !h->info.has_hwkey) {
		FOUND("not set: every receipt is refused");
		return BAD;
	}
	FOUND("SHA-256 %s", erot_hex(h->info.hwkey, EROT_DIGEST_SIZE, hex));
	return FINE;
}

static enum verdict look_erotd(const struct host *h, char *found)
{
	if (!h->erotd) {
		FOUND("%s", h->silent.text);
		return BAD;
	}
	FOUND("version %s", json_string_value(json_object_get(h->erotd, "version")) ?: "unknown");
	return FINE;
}

static enum verdict look_records(const struct host *h, char *found)
{
	json_int_t owed = json_integer_value(json_object_get(h->erotd, "owed"));
	json_int_t lost = json_integer_value(json_object_get(h->erotd, "unaccounted"));

	if (!h->erotd) {
		FOUND("unknown: erotd does not answer");
		return WARN;
	}
	if (!owed && !lost) {
		FOUND("every launch that ended has its destruction record");
		return FINE;
	}
	FOUND("%lld not taken by the provider yet, %lld without evidence in %.80s/unaccounted",
	      (long long)owed, (long long)lost,
	      json_string_value(json_object_get(h->erotd, "state_dir")) ?: "?");
	return WARN;
}

static const struct check checks[] = {
	{ "module", look_module, "modprobe erot, from the initrd for attested mode" },
	{ "mode", look_mode, "load erot.ko without open=1, before anything else in the initrd" },
	{ "lockdown", look_lockdown,
	  "echo confidentiality > /sys/kernel/security/lockdown, after erot.ko is loaded" },
	{ "init-on-free", look_init_on_free, "boot with init_on_free=1" },
	{ "swap", look_swap, "swapoff -a, and take swap out of /etc/fstab" },
	{ "crash-kernel", look_crash, "kexec -p -u, boot without crashkernel=; "
				      "sysctl kernel.kexec_load_disabled=1, in the initrd" },
	{ "cgroup", look_cgroup, "mount -t cgroup2 none /sys/fs/cgroup; boot with "
				 "systemd.unified_cgroup_hierarchy=1 and without cgroup_disable=" },
	{ "user-namespaces", look_userns, "sysctl user.max_user_namespaces=10000" },
	{ "erofs", look_erofs, "install a kernel of 6.12 or newer with EROFS_FS_BACKED_BY_FILE" },
	{ "tpm", look_tpm,
	  "enable the TPM in the firmware, load tpm_crb or tpm_tis before erot.ko" },
	{ "keyring", look_keyring, "keyctl padd asymmetric \"\" %keyring:.erot < cert.der" },
	{ "hardware-key", look_hwkey, "set hardware_key in /etc/erot/erotd.conf, restart erotd" },
	{ "erotd", look_erotd, "start erotd" },
	{ "records", look_records,
	  "see erotd's log; send the provider what is in unaccounted/, then remove it" },
};

#define COUNT (sizeof(checks) / sizeof(checks[0]))

static json_t *ask_erotd(const char *path, struct erot_error *err)
{
	int sock = connect_erotd(path, err), fds[EROTD_WIRE_FDS], ret;
	struct timeval limit = { .tv_sec = 5 };
	json_t *request, *answer = NULL;
	size_t n = 0;

	if (sock < 0)
		return NULL;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	request = json_pack("{s:s}", "op", "ping");
	ret = request ? erotd_wire_send(sock, request, NULL, 0, 0) : -ENOMEM;
	if (!ret)
		ret = erotd_wire_recv(sock, &answer, fds, &n, 0);
	json_decref(request);
	close(sock);
	if (ret)
		erot_fail(err, -ret, "erotd-gone", "%s: %s", path, strerror(-ret));
	else
		erotd_wire_close(fds, n);
	return answer;
}

static void read_host(struct host *h, const char *socket)
{
	struct erot_nl *nl = NULL;
	char path[128];

	uname(&h->uname);
	h->module = !erot_nl_open(&nl, &h->why) && !erot_nl_host(nl, NULL, &h->info, &h->why);
	erot_nl_close(nl);
	h->erotd = ask_erotd(socket, &h->silent);
	h->lockdown = slurp("/sys/kernel/security/lockdown", 4096);
	h->swaps = slurp("/proc/swaps", 65536);
	h->crash = slurp("/sys/kernel/kexec_crash_loaded", 64);
	h->kexec_off = slurp("/proc/sys/kernel/kexec_load_disabled", 64);
	h->cmdline = slurp("/proc/cmdline", 65536);
	h->controllers = slurp("/sys/fs/cgroup/cgroup.controllers", 4096);
	h->userns = slurp("/proc/sys/user/max_user_namespaces", 64);
	h->keys = slurp("/proc/keys", 1 << 20);
	snprintf(path, sizeof(path), "/boot/config-%.90s", h->uname.release);
	h->config = slurp(path, 1 << 20);
}

static void free_host(struct host *h)
{
	json_decref(h->erotd);
	free(h->lockdown);
	free(h->swaps);
	free(h->crash);
	free(h->kexec_off);
	free(h->cmdline);
	free(h->controllers);
	free(h->userns);
	free(h->keys);
	free(h->config);
}

static void print_check(const struct check *c, enum verdict v, const char *found)
{
	static const char *const words[] = { "ok", "warn", "BAD" };

	printf("%-4s  %-16s %s\n", words[v], c->name, found);
	if (v != FINE)
		printf("      %-16s -> %s\n", "", c->mend);
}

int cmd_doctor(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "socket", required_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	static const char *const words[] = { "ok", "warn", "bad" };
	const char *socket = EROTD_SOCKET;
	struct host h = { 0 };
	enum verdict v, worst = FINE;
	json_t *list = json_array();
	bool json = false;
	char found[200];
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (c == 'j') {
			json = true;
		} else if (c == 'S') {
			socket = optarg;
		} else {
			json_decref(list);
			return usage(cmd);
		}
	}
	if (optind != argc) {
		json_decref(list);
		return usage(cmd);
	}
	read_host(&h, socket);
	for (size_t i = 0; i < COUNT; i++) {
		v = checks[i].look(&h, found);
		worst = v > worst ? v : worst;
		if (!json)
			print_check(&checks[i], v, found);
		else
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s?}", "check",
					      checks[i].name, "verdict", words[v], "found", found,
					      "mend", v == FINE ? NULL : checks[i].mend));
	}
	free_host(&h);
	if (json)
		print_json(json_pack("{s:b, s:O}", "fit", worst != BAD, "checks", list));
	json_decref(list);
	return worst == BAD ? EXIT_HOST : EXIT_OK;
}
