// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>

#include "common/io.h"
#include "liberot/manifest.h"
#include "liberot/object.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define KIND		"manifest"
#define HASH_PREFIX	"sha256:"

/*
 * Names of linux/capability.h as libcap knows them; here because the manifest has them in capitals.
 */
static const char *const cap_names[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
	"SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
	"IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE",
	"SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
	"SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
	"PERFMON", "BPF", "CHECKPOINT_RESTORE",
};

_Static_assert(COUNT(cap_names) == CAP_CHECKPOINT_RESTORE + 1, "capabilities are in order");

static int capability_bit(const char *name)
{
	size_t i;

	if (strncmp(name, "CAP_", 4))
		return -1;
	for (i = 0; i < COUNT(cap_names); i++)
		if (!strcmp(cap_names[i], name + 4))
			return (int)i;
	return -1;
}

static const struct {
	const char *name;
	int type;
} rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS }, { "RLIMIT_CPU", RLIMIT_CPU }, { "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE }, { "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK }, { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE }, { "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC }, { "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO }, { "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING }, { "RLIMIT_STACK", RLIMIT_STACK },
};

static void get_rlimits(struct erot_object *process, struct erot_manifest *m)
{
	static const char *const known[] = { "type", "soft", "hard", NULL };
	json_t *a = erot_object_array(process, "rlimits", EROT_MANIFEST_RLIMITS_MAX);
	size_t i, j;

	for (i = 0; a && i < json_array_size(a) && !*process->ret; i++) {
		struct erot_rlimit *r = &m->rlimits[i];
		struct erot_object o;
		const char *name;

		erot_object_item(process, "rlimits", a, i, &o);
		name = erot_object_string(&o, "type");
		if (!name || !erot_object_uint(&o, "soft", 0, EROT_JSON_INT_MAX, &r->soft) ||
		    !erot_object_uint(&o, "hard", 0, EROT_JSON_INT_MAX, &r->hard)) {
			erot_object_fail(&o, "missing", "", "type, soft and hard are required");
			return;
		}
		if (r->soft > r->hard)
			erot_object_fail(&o, "value", "soft", "is above hard");
		for (j = 0; j < COUNT(rlimit_names); j++)
			if (!strcmp(rlimit_names[j].name, name))
				break;
		if (j == COUNT(rlimit_names)) {
			erot_object_fail(&o, "value", "type",
					 "unknown, or not the manifest's to set");
			return;
		}
		r->type = rlimit_names[j].type;
		for (j = 0; j < i; j++)
			if (m->rlimits[j].type == r->type)
				erot_object_fail(&o, "value", "type", "stands twice");
		erot_object_close(&o, known);
		m->n_rlimits = i + 1;
	}
}

static void get_process(struct erot_object *top, struct erot_manifest *m)
{
	static const char *const known[] = { "args", "env", "cwd", "user", "capabilities",
					     "rlimits", "terminal", NULL };
	static const char *const known_user[] = { "uid", "gid", NULL };
	uint64_t uid = 0, gid = 0;
	struct erot_object o, user;
	const char *cwd;
	size_t i;

	erot_object_open(top, "process", &o);
	erot_object_strings(&o, "args", EROT_MANIFEST_STRINGS_MAX, &m->args, &m->n_args);
	if (!*o.ret && !m->n_args)
		erot_object_fail(&o, "missing", "args", "required, and not empty");
	if (!*o.ret && m->args[0][0] != '/')
		erot_object_fail(&o, "value", "args[0]", "must be an absolute path");
	erot_object_strings(&o, "env", EROT_MANIFEST_STRINGS_MAX, &m->env, &m->n_env);
	for (i = 0; !*o.ret && i < m->n_env; i++)
		if (!strchr(m->env[i], '=') || m->env[i][0] == '=')
			erot_object_fail(&o, "value", "env", "members must be NAME=value");
	cwd = erot_object_string(&o, "cwd");
	if (!cwd)
		cwd = "/";
	if (cwd[0] != '/')
		erot_object_fail(&o, "value", "cwd", "must be an absolute path");
	m->cwd = erot_object_copy(&o, cwd);
	erot_object_open(&o, "user", &user);
	erot_object_uint(&user, "uid", 0, 65535, &uid);
	erot_object_uint(&user, "gid", 0, 65535, &gid);
	erot_object_close(&user, known_user);
	m->uid = (uint32_t)uid;
	m->gid = (uint32_t)gid;
	erot_object_bits(&o, "capabilities", capability_bit, &m->capabilities);
	get_rlimits(&o, m);
	erot_object_bool(&o, "terminal", &m->terminal);
	erot_object_close(&o, known);
}

static void get_resources(struct erot_object *top, struct erot_manifest *m)
{
	static const char *const known_linux[] = { "resources", NULL };
	static const char *const known_res[] = { "memory", "pids", "cpu", NULL };
	static const char *const known_limit[] = { "limit", NULL };
	static const char *const known_cpu[] = { "quota", "period", NULL };
	struct erot_object linux_, res, memory, pids, cpu;
	uint64_t n = 128;

	m->memory_limit = 256ULL << 20;
	m->cpu_period = 100000;
	erot_object_open(top, "linux", &linux_);
	erot_object_open(&linux_, "resources", &res);
	erot_object_open(&res, "memory", &memory);
	erot_object_uint(&memory, "limit", EROT_MANIFEST_MEMORY_MIN, EROT_JSON_INT_MAX,
			 &m->memory_limit);
	erot_object_close(&memory, known_limit);
	erot_object_open(&res, "pids", &pids);
	erot_object_uint(&pids, "limit", 1, 4194304, &n);
	erot_object_close(&pids, known_limit);
	m->pids_limit = (uint32_t)n;
	erot_object_open(&res, "cpu", &cpu);
	erot_object_uint(&cpu, "quota", 0, 1000000000, &m->cpu_quota);
	/* limits of cpu.max in the kernel */
	erot_object_uint(&cpu, "period", 1000, 1000000, &m->cpu_period);
	if (m->cpu_quota && m->cpu_quota < 1000)
		erot_object_fail(&cpu, "value", "quota", "must be 0 or at least 1000");
	erot_object_close(&cpu, known_cpu);
	erot_object_close(&res, known_res);
	erot_object_close(&linux_, known_linux);
}

static void get_hostname(struct erot_object *top, struct erot_manifest *m)
{
	const char *s = erot_object_string(top, "hostname");
	size_t len;

	if (!s)
		s = "erot";
	len = strlen(s);
	if (!len || len > EROT_MANIFEST_HOSTNAME_MAX || s[0] == '-' || s[0] == '.' ||
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != len)
		erot_object_fail(top, "value", "hostname", "1 to 63 letters, digits, '-' and '.'");
	m->hostname = erot_object_copy(top, s);
}

static void get_erot(struct erot_object *top, struct erot_manifest *m)
{
	static const char *const known[] = { "codeHash", "maxRuntime", "isolation", "requireHost",
					     NULL };
	uint64_t runtime = 3600, isolation = EROT_ISO_ALL, host = EROT_HOST_ALL;
	struct erot_object o;
	const char *s;

	erot_object_open(top, "erot", &o);
	s = erot_object_string(&o, "codeHash");
	if (!s)
		erot_object_fail(&o, "missing", "codeHash", "required");
	else if (strncmp(s, HASH_PREFIX, strlen(HASH_PREFIX)) ||
		 erot_unhex(s + strlen(HASH_PREFIX), m->code_hash, sizeof(m->code_hash)))
		erot_object_fail(&o, "value", "codeHash", "must be \"sha256:\" and 64 hex digits");
	erot_object_uint(&o, "maxRuntime", 1, EROT_MANIFEST_RUNTIME_MAX, &runtime);
	erot_object_bits(&o, "isolation", erot_isolation_number, &isolation);
	erot_object_bits(&o, "requireHost", erot_host_number, &host);
	erot_object_close(&o, known);
	m->max_runtime = (uint32_t)runtime;
	m->isolation = (uint32_t)isolation;
	m->require_host = (uint32_t)host;
}

int erot_manifest_parse(const void *text, size_t len, struct erot_manifest *m,
			struct erot_error *err)
{
	static const char *const known[] = { "process", "root", "hostname", "linux", "erot", NULL };
	static const char *const known_root[] = { "readonly", NULL };
	struct erot_object top, root;
	json_t *json;
	int ret;

	memset(m, 0, sizeof(*m));
	ret = erot_object_load(KIND, text, len, EROT_MANIFEST_MAX, &json, err);
	if (ret)
		return ret;
	erot_object_top(&top, KIND, json, &ret, err);
	get_process(&top, m);
	erot_object_open(&top, "root", &root);
	erot_object_bool(&root, "readonly", &m->readonly);
	erot_object_close(&root, known_root);
	get_hostname(&top, m);
	get_resources(&top, m);
	get_erot(&top, m);
	erot_object_close(&top, known);
	json_decref(json);
	if (ret)
		erot_manifest_free(m);
	return ret;
}

static void free_strings(char **list)
{
	char **s;

	for (s = list; s && *s; s++)
		free(*s);
	free(list);
}

void erot_manifest_free(struct erot_manifest *m)
{
	free_strings(m->args);
	free_strings(m->env);
	free(m->cwd);
	free(m->hostname);
	memset(m, 0, sizeof(*m));
}

int erot_manifest_build(const void *tmpl, size_t tmpl_len,
			const uint8_t code_hash[EROT_DIGEST_SIZE], char **text, size_t *text_len,
			struct erot_error *err)
{
	char value[sizeof(HASH_PREFIX) + 2 * EROT_DIGEST_SIZE] = HASH_PREFIX;
	struct erot_manifest m;
	json_t *json, *part, *old;
	char *out = NULL;
	int ret;

	*text = NULL;
	*text_len = 0;
	ret = erot_object_load(KIND, tmpl, tmpl_len, EROT_MANIFEST_MAX, &json, err);
	if (ret)
		return ret;
	erot_hex(code_hash, EROT_DIGEST_SIZE, value + strlen(HASH_PREFIX));
	part = json_object_get(json, "erot");
	if (!part) {
		if (json_object_set_new(json, "erot", json_object()))
			goto no_memory;
		part = json_object_get(json, "erot");
	}
	if (!json_is_object(part)) {
		ret = erot_fail(err, EINVAL, "manifest-type", "manifest: erot: must be an object");
		goto out;
	}
	old = json_object_get(part, "codeHash");
	if (old && (!json_is_string(old) || strcmp(json_string_value(old), value))) {
		ret = erot_fail(err, EINVAL, "manifest-code-hash",
				"manifest: erot.codeHash: is not that of this image");
		goto out;
	}
	if (json_object_set_new(part, "codeHash", json_string(value)))
		goto no_memory;
	out = json_dumps(json, JSON_INDENT(2));
	if (!out)
		goto no_memory;
	ret = erot_manifest_parse(out, strlen(out), &m, err);
	if (ret)
		goto out;
	erot_manifest_free(&m);
	*text = out;
	*text_len = strlen(out);
	out = NULL;
	goto out;
no_memory:
	ret = erot_fail(err, ENOMEM, "no-memory", "manifest: out of memory");
out:
	free(out);
	json_decref(json);
	return ret;
}
