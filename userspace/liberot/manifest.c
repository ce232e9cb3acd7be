// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>

#include "common/io.h"
#include "liberot/manifest.h"
#include "liberot/manifest_json.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define JSON_INT_MAX	((1ULL << 53) - 1)	/* I-JSON: exact in every implementation */
#define HASH_PREFIX	"sha256:"

static int mask_to_bit(uint32_t mask)
{
	return mask ? __builtin_ctz(mask) : -1;
}

static int isolation_bit(const char *name)
{
	return mask_to_bit(erot_isolation_bit(name));
}

static int host_bit(const char *name)
{
	return mask_to_bit(erot_host_bit(name));
}

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

static void get_rlimits(struct mjson *process, struct erot_manifest *m)
{
	static const char *const known[] = { "type", "soft", "hard", NULL };
	json_t *a = mjson_array(process, "rlimits", EROT_MANIFEST_RLIMITS_MAX);
	size_t i, j;

	for (i = 0; a && i < json_array_size(a) && !*process->ret; i++) {
		struct erot_rlimit *r = &m->rlimits[i];
		struct mjson o = { .json = json_array_get(a, i), .ret = process->ret,
				    .err = process->err };
		const char *name;

		snprintf(o.path, sizeof(o.path), "process.rlimits[%zu]", i);
		if (!json_is_object(o.json)) {
			mjson_fail(&o, "manifest-type", "", "must be an object");
			return;
		}
		name = mjson_string(&o, "type");
		if (!name || !mjson_uint(&o, "soft", 0, JSON_INT_MAX, &r->soft) ||
		    !mjson_uint(&o, "hard", 0, JSON_INT_MAX, &r->hard)) {
			mjson_fail(&o, "manifest-missing", "", "type, soft and hard are required");
			return;
		}
		if (r->soft > r->hard)
			mjson_fail(&o, "manifest-value", "soft", "is above hard");
		for (j = 0; j < COUNT(rlimit_names); j++)
			if (!strcmp(rlimit_names[j].name, name))
				break;
		if (j == COUNT(rlimit_names)) {
			mjson_fail(&o, "manifest-value", "type",
				   "unknown, or not the manifest's to set");
			return;
		}
		r->type = rlimit_names[j].type;
		for (j = 0; j < i; j++)
			if (m->rlimits[j].type == r->type)
				mjson_fail(&o, "manifest-value", "type", "stands twice");
		mjson_close(&o, known);
		m->n_rlimits = i + 1;
	}
}

static void get_process(struct mjson *top, struct erot_manifest *m)
{
	static const char *const known[] = { "args", "env", "cwd", "user", "capabilities",
					     "rlimits", "terminal", NULL };
	static const char *const known_user[] = { "uid", "gid", NULL };
	uint64_t uid = 0, gid = 0;
	struct mjson o, user;
	const char *cwd;
	size_t i;

	mjson_open(top, "process", &o);
	mjson_strings(&o, "args", &m->args, &m->n_args);
	if (!*o.ret && !m->n_args)
		mjson_fail(&o, "manifest-missing", "args", "required, and not empty");
	if (!*o.ret && m->args[0][0] != '/')
		mjson_fail(&o, "manifest-value", "args[0]", "must be an absolute path");
	mjson_strings(&o, "env", &m->env, &m->n_env);
	for (i = 0; !*o.ret && i < m->n_env; i++)
		if (!strchr(m->env[i], '=') || m->env[i][0] == '=')
			mjson_fail(&o, "manifest-value", "env", "members must be NAME=value");
	cwd = mjson_string(&o, "cwd");
	if (!cwd)
		cwd = "/";
	if (cwd[0] != '/')
		mjson_fail(&o, "manifest-value", "cwd", "must be an absolute path");
	m->cwd = mjson_copy(&o, cwd);
	mjson_open(&o, "user", &user);
	mjson_uint(&user, "uid", 0, 65535, &uid);
	mjson_uint(&user, "gid", 0, 65535, &gid);
	mjson_close(&user, known_user);
	m->uid = (uint32_t)uid;
	m->gid = (uint32_t)gid;
	mjson_bits(&o, "capabilities", capability_bit, &m->capabilities);
	get_rlimits(&o, m);
	mjson_bool(&o, "terminal", &m->terminal);
	mjson_close(&o, known);
}

static void get_resources(struct mjson *top, struct erot_manifest *m)
{
	static const char *const known_linux[] = { "resources", NULL };
	static const char *const known_res[] = { "memory", "pids", "cpu", NULL };
	static const char *const known_limit[] = { "limit", NULL };
	static const char *const known_cpu[] = { "quota", "period", NULL };
	struct mjson linux_, res, memory, pids, cpu;
	uint64_t n = 128;

	m->memory_limit = 256ULL << 20;
	m->cpu_period = 100000;
	mjson_open(top, "linux", &linux_);
	mjson_open(&linux_, "resources", &res);
	mjson_open(&res, "memory", &memory);
	mjson_uint(&memory, "limit", EROT_MANIFEST_MEMORY_MIN, JSON_INT_MAX, &m->memory_limit);
	mjson_close(&memory, known_limit);
	mjson_open(&res, "pids", &pids);
	mjson_uint(&pids, "limit", 1, 4194304, &n);
	mjson_close(&pids, known_limit);
	m->pids_limit = (uint32_t)n;
	mjson_open(&res, "cpu", &cpu);
	mjson_uint(&cpu, "quota", 0, 1000000000, &m->cpu_quota);
	/* limits of cpu.max in the kernel */
	mjson_uint(&cpu, "period", 1000, 1000000, &m->cpu_period);
	if (m->cpu_quota && m->cpu_quota < 1000)
		mjson_fail(&cpu, "manifest-value", "quota", "must be 0 or at least 1000");
	mjson_close(&cpu, known_cpu);
	mjson_close(&res, known_res);
	mjson_close(&linux_, known_linux);
}

static void get_hostname(struct mjson *top, struct erot_manifest *m)
{
	const char *s = mjson_string(top, "hostname");
	size_t len;

	if (!s)
		s = "erot";
	len = strlen(s);
	if (!len || len > EROT_MANIFEST_HOSTNAME_MAX || s[0] == '-' || s[0] == '.' ||
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != len)
		mjson_fail(top, "manifest-value", "hostname",
			   "1 to 63 letters, digits, '-' and '.'");
	m->hostname = mjson_copy(top, s);
}

static void get_erot(struct mjson *top, struct erot_manifest *m)
{
	static const char *const known[] = { "codeHash", "maxRuntime", "isolation", "requireHost",
					     NULL };
	uint64_t runtime = 3600, isolation = EROT_ISO_ALL, host = EROT_HOST_ALL;
	struct mjson o;
	const char *s;

	mjson_open(top, "erot", &o);
	s = mjson_string(&o, "codeHash");
	if (!s)
		mjson_fail(&o, "manifest-missing", "codeHash", "required");
	else if (strncmp(s, HASH_PREFIX, strlen(HASH_PREFIX)) ||
		 erot_unhex(s + strlen(HASH_PREFIX), m->code_hash, sizeof(m->code_hash)))
		mjson_fail(&o, "manifest-value", "codeHash",
			   "must be \"sha256:\" and 64 hex digits");
	mjson_uint(&o, "maxRuntime", 1, EROT_MANIFEST_RUNTIME_MAX, &runtime);
	mjson_bits(&o, "isolation", isolation_bit, &isolation);
	mjson_bits(&o, "requireHost", host_bit, &host);
	mjson_close(&o, known);
	m->max_runtime = (uint32_t)runtime;
	m->isolation = (uint32_t)isolation;
	m->require_host = (uint32_t)host;
}

static int load(const void *text, size_t len, json_t **json, struct erot_error *err)
{
	json_error_t why;

	if (!len || len > EROT_MANIFEST_MAX)
		return erot_fail(err, EFBIG, "manifest-size",
				 "manifest: %zu bytes, 1 to %d are allowed", len,
				 EROT_MANIFEST_MAX);
	*json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!*json)
		return erot_fail(err, EINVAL, "manifest-syntax",
				 "manifest: line %d, column %d: %.120s",
				 why.line, why.column, why.text);
	if (!json_is_object(*json)) {
		json_decref(*json);
		return erot_fail(err, EINVAL, "manifest-type", "manifest: must be an object");
	}
	return 0;
}

int erot_manifest_parse(const void *text, size_t len, struct erot_manifest *m,
			struct erot_error *err)
{
	static const char *const known[] = { "process", "root", "hostname", "linux", "erot", NULL };
	static const char *const known_root[] = { "readonly", NULL };
	struct mjson top = { .err = err }, root;
	json_t *json;
	int ret;

	memset(m, 0, sizeof(*m));
	ret = load(text, len, &json, err);
	if (ret)
		return ret;
	top.json = json;
	top.ret = &ret;
	get_process(&top, m);
	mjson_open(&top, "root", &root);
	mjson_bool(&root, "readonly", &m->readonly);
	mjson_close(&root, known_root);
	get_hostname(&top, m);
	get_resources(&top, m);
	get_erot(&top, m);
	mjson_close(&top, known);
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
	ret = load(tmpl, tmpl_len, &json, err);
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
