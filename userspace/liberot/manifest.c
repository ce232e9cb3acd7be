// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <jansson.h>

#include "common/io.h"
#include "liberot/manifest.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define JSON_INT_MAX	((1ULL << 53) - 1)	/* I-JSON: exact in every implementation */
#define PATH_SIZE	80
#define HASH_PREFIX	"sha256:"

/*
 * A reader of one object: members are asked for by name, and whatever nobody asked for is an error.
 * The first failure is kept in ret and everything after it does nothing, so that callers check
 * once.
 */
struct object {
	json_t *json;		/* NULL: absent, all of its members take their defaults */
	char path[PATH_SIZE];	/* "" for the whole */
	size_t asked;
	int *ret;
	struct erot_error *err;
};

static void fail(struct object *o, const char *code, const char *member, const char *why)
{
	if (!*o->ret)
		*o->ret = erot_fail(o->err, EINVAL, code, "manifest: %s%s%s: %s", o->path,
				    *o->path && *member ? "." : "", member, why);
}

static json_t *member(struct object *o, const char *name)
{
	json_t *v;

	if (*o->ret || !o->json)
		return NULL;
	v = json_object_get(o->json, name);
	if (v)
		o->asked++;
	return v;
}

static void open_object(struct object *parent, const char *name, struct object *o)
{
	memset(o, 0, sizeof(*o));
	o->ret = parent->ret;
	o->err = parent->err;
	snprintf(o->path, sizeof(o->path), "%.60s%s%s", parent->path, *parent->path ? "." : "",
		 name);
	o->json = member(parent, name);
	if (o->json && !json_is_object(o->json)) {
		fail(parent, "manifest-type", name, "must be an object");
		o->json = NULL;
	}
}

/* Which of the members @known was not asked for? Names are short, so that a hostile one is cut. */
static void close_object(struct object *o, const char *const *known)
{
	const char *key;
	char shown[40];
	json_t *v;

	if (*o->ret || !o->json || json_object_size(o->json) == o->asked)
		return;
	json_object_foreach(o->json, key, v) {
		const char *const *k = known;

		while (*k && strcmp(*k, key))
			k++;
		if (!*k) {
			snprintf(shown, sizeof(shown), "%s", key);
			fail(o, "manifest-unknown", shown, "unknown member");
			return;
		}
	}
}

static bool get_uint(struct object *o, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
	json_t *v = member(o, name);
	char why[80];
	json_int_t n;

	if (!v)
		return false;
	if (!json_is_integer(v)) {
		fail(o, "manifest-type", name, "must be an integer");
		return false;
	}
	n = json_integer_value(v);
	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max) {
		snprintf(why, sizeof(why), "must be %" PRIu64 " to %" PRIu64, min, max);
		fail(o, "manifest-value", name, why);
		return false;
	}
	*out = (uint64_t)n;
	return true;
}

static void get_bool(struct object *o, const char *name, bool *out)
{
	json_t *v = member(o, name);

	if (v && !json_is_boolean(v))
		fail(o, "manifest-type", name, "must be true or false");
	else if (v)
		*out = json_is_true(v);
}

/* I-JSON, 2.1: no noncharacters. jansson has checked the UTF-8, surrogates and zero bytes. */
static bool has_noncharacter(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	for (; *p; p++) {
		if (p[0] == 0xef && p[1] == 0xb7 && p[2] >= 0x90 && p[2] <= 0xaf)
			return true;	/* U+FDD0 to U+FDEF */
		if (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
			return true;	/* U+FFFE, U+FFFF */
		if (p[0] >= 0xf0 && (p[1] & 0x0f) == 0x0f && p[2] == 0xbf && p[3] >= 0xbe)
			return true;	/* the last two of any other plane */
	}
	return false;
}

static const char *string_of(struct object *o, const char *name, json_t *v)
{
	const char *s;

	if (!json_is_string(v)) {
		fail(o, "manifest-type", name, "must be a string");
		return NULL;
	}
	s = json_string_value(v);
	if (has_noncharacter(s)) {
		fail(o, "manifest-value", name, "has a Unicode noncharacter");
		return NULL;
	}
	return s;
}

static const char *get_string(struct object *o, const char *name)
{
	json_t *v = member(o, name);

	return v ? string_of(o, name, v) : NULL;
}

static char *copy(struct object *o, const char *s)
{
	char *c = strdup(s);

	if (!c && !*o->ret)
		*o->ret = erot_fail(o->err, ENOMEM, "no-memory", "manifest: out of memory");
	return c;
}

static json_t *get_array(struct object *o, const char *name, size_t max)
{
	json_t *v = member(o, name);

	if (!v)
		return NULL;
	if (!json_is_array(v)) {
		fail(o, "manifest-type", name, "must be an array");
		return NULL;
	}
	if (json_array_size(v) > max) {
		fail(o, "manifest-value", name, "has too many members");
		return NULL;
	}
	return v;
}

static void get_strings(struct object *o, const char *name, char ***out, size_t *n)
{
	json_t *a = get_array(o, name, EROT_MANIFEST_STRINGS_MAX);
	size_t i, size = a ? json_array_size(a) : 0;
	char at[48];

	if (*o->ret)
		return;
	*out = calloc(size + 1, sizeof(char *));
	if (!*out) {
		*o->ret = erot_fail(o->err, ENOMEM, "no-memory", "manifest: out of memory");
		return;
	}
	for (i = 0; i < size && !*o->ret; i++) {
		const char *s;

		snprintf(at, sizeof(at), "%.8s[%zu]", name, i);
		s = string_of(o, at, json_array_get(a, i));
		if (s)
			(*out)[i] = copy(o, s);
		*n = i + 1;
	}
}

/* An array of names, each of which stands for a bit; none may stand twice. */
static void get_bits(struct object *o, const char *name, int (*bit)(const char *), uint64_t *out)
{
	json_t *a = get_array(o, name, 64);
	uint64_t bits = 0;
	char at[48], why[64];
	size_t i;

	if (!a)
		return;
	for (i = 0; i < json_array_size(a) && !*o->ret; i++) {
		const char *s;
		int b;

		snprintf(at, sizeof(at), "%.20s[%zu]", name, i);
		s = string_of(o, at, json_array_get(a, i));
		if (!s)
			return;
		b = bit(s);
		if (b < 0 || bits & 1ULL << b) {
			snprintf(why, sizeof(why), "%s name \"%.32s\"",
				 b < 0 ? "unknown" : "repeated",
				 s);
			fail(o, "manifest-value", at, why);
			return;
		}
		bits |= 1ULL << b;
	}
	*out = bits;
}

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

static void get_rlimits(struct object *process, struct erot_manifest *m)
{
	static const char *const known[] = { "type", "soft", "hard", NULL };
	json_t *a = get_array(process, "rlimits", EROT_MANIFEST_RLIMITS_MAX);
	size_t i, j;

	for (i = 0; a && i < json_array_size(a) && !*process->ret; i++) {
		struct erot_rlimit *r = &m->rlimits[i];
		struct object o = { .json = json_array_get(a, i), .ret = process->ret,
				    .err = process->err };
		const char *name;

		snprintf(o.path, sizeof(o.path), "process.rlimits[%zu]", i);
		if (!json_is_object(o.json)) {
			fail(&o, "manifest-type", "", "must be an object");
			return;
		}
		name = get_string(&o, "type");
		if (!name || !get_uint(&o, "soft", 0, JSON_INT_MAX, &r->soft) ||
		    !get_uint(&o, "hard", 0, JSON_INT_MAX, &r->hard)) {
			fail(&o, "manifest-missing", "", "type, soft and hard are required");
			return;
		}
		if (r->soft > r->hard)
			fail(&o, "manifest-value", "soft", "is above hard");
		for (j = 0; j < COUNT(rlimit_names); j++)
			if (!strcmp(rlimit_names[j].name, name))
				break;
		if (j == COUNT(rlimit_names)) {
			fail(&o, "manifest-value", "type", "unknown, or not the manifest's to set");
			return;
		}
		r->type = rlimit_names[j].type;
		for (j = 0; j < i; j++)
			if (m->rlimits[j].type == r->type)
				fail(&o, "manifest-value", "type", "stands twice");
		close_object(&o, known);
		m->n_rlimits = i + 1;
	}
}

static void get_process(struct object *top, struct erot_manifest *m)
{
	static const char *const known[] = { "args", "env", "cwd", "user", "capabilities",
					     "rlimits", "terminal", NULL };
	static const char *const known_user[] = { "uid", "gid", NULL };
	uint64_t uid = 0, gid = 0;
	struct object o, user;
	const char *cwd;
	size_t i;

	open_object(top, "process", &o);
	get_strings(&o, "args", &m->args, &m->n_args);
	if (!*o.ret && !m->n_args)
		fail(&o, "manifest-missing", "args", "required, and not empty");
	if (!*o.ret && m->args[0][0] != '/')
		fail(&o, "manifest-value", "args[0]", "must be an absolute path");
	get_strings(&o, "env", &m->env, &m->n_env);
	for (i = 0; !*o.ret && i < m->n_env; i++)
		if (!strchr(m->env[i], '=') || m->env[i][0] == '=')
			fail(&o, "manifest-value", "env", "members must be NAME=value");
	cwd = get_string(&o, "cwd");
	if (!cwd)
		cwd = "/";
	if (cwd[0] != '/')
		fail(&o, "manifest-value", "cwd", "must be an absolute path");
	m->cwd = copy(&o, cwd);
	open_object(&o, "user", &user);
	get_uint(&user, "uid", 0, 65535, &uid);
	get_uint(&user, "gid", 0, 65535, &gid);
	close_object(&user, known_user);
	m->uid = (uint32_t)uid;
	m->gid = (uint32_t)gid;
	get_bits(&o, "capabilities", capability_bit, &m->capabilities);
	get_rlimits(&o, m);
	get_bool(&o, "terminal", &m->terminal);
	close_object(&o, known);
}

static void get_resources(struct object *top, struct erot_manifest *m)
{
	static const char *const known_linux[] = { "resources", NULL };
	static const char *const known_res[] = { "memory", "pids", "cpu", NULL };
	static const char *const known_limit[] = { "limit", NULL };
	static const char *const known_cpu[] = { "quota", "period", NULL };
	struct object linux_, res, memory, pids, cpu;
	uint64_t n = 128;

	m->memory_limit = 256ULL << 20;
	m->cpu_period = 100000;
	open_object(top, "linux", &linux_);
	open_object(&linux_, "resources", &res);
	open_object(&res, "memory", &memory);
	get_uint(&memory, "limit", EROT_MANIFEST_MEMORY_MIN, JSON_INT_MAX, &m->memory_limit);
	close_object(&memory, known_limit);
	open_object(&res, "pids", &pids);
	get_uint(&pids, "limit", 1, 4194304, &n);
	close_object(&pids, known_limit);
	m->pids_limit = (uint32_t)n;
	open_object(&res, "cpu", &cpu);
	get_uint(&cpu, "quota", 0, 1000000000, &m->cpu_quota);
	/* limits of cpu.max in the kernel */
	get_uint(&cpu, "period", 1000, 1000000, &m->cpu_period);
	if (m->cpu_quota && m->cpu_quota < 1000)
		fail(&cpu, "manifest-value", "quota", "must be 0 or at least 1000");
	close_object(&cpu, known_cpu);
	close_object(&res, known_res);
	close_object(&linux_, known_linux);
}

static void get_hostname(struct object *top, struct erot_manifest *m)
{
	const char *s = get_string(top, "hostname");
	size_t len;

	if (!s)
		s = "erot";
	len = strlen(s);
	if (!len || len > EROT_MANIFEST_HOSTNAME_MAX || s[0] == '-' || s[0] == '.' ||
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != len)
		fail(top, "manifest-value", "hostname", "1 to 63 letters, digits, '-' and '.'");
	m->hostname = copy(top, s);
}

static void get_erot(struct object *top, struct erot_manifest *m)
{
	static const char *const known[] = { "codeHash", "maxRuntime", "isolation", "requireHost",
					     NULL };
	uint64_t runtime = 3600, isolation = EROT_ISO_ALL, host = EROT_HOST_ALL;
	struct object o;
	const char *s;

	open_object(top, "erot", &o);
	s = get_string(&o, "codeHash");
	if (!s)
		fail(&o, "manifest-missing", "codeHash", "required");
	else if (strncmp(s, HASH_PREFIX, strlen(HASH_PREFIX)) ||
		 erot_unhex(s + strlen(HASH_PREFIX), m->code_hash, sizeof(m->code_hash)))
		fail(&o, "manifest-value", "codeHash", "must be \"sha256:\" and 64 hex digits");
	get_uint(&o, "maxRuntime", 1, EROT_MANIFEST_RUNTIME_MAX, &runtime);
	get_bits(&o, "isolation", isolation_bit, &isolation);
	get_bits(&o, "requireHost", host_bit, &host);
	close_object(&o, known);
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
	struct object top = { .err = err }, root;
	json_t *json;
	int ret;

	memset(m, 0, sizeof(*m));
	ret = load(text, len, &json, err);
	if (ret)
		return ret;
	top.json = json;
	top.ret = &ret;
	get_process(&top, m);
	open_object(&top, "root", &root);
	get_bool(&root, "readonly", &m->readonly);
	close_object(&root, known_root);
	get_hostname(&top, m);
	get_resources(&top, m);
	get_erot(&top, m);
	close_object(&top, known);
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
