// SPDX-License-Identifier: GPL-2.0-only
/* The manifest parser: what it takes, its defaults, and each of its refusals with its code. */
#include <errno.h>
#include <sys/resource.h>
#include <linux/capability.h>

#include "common/tap.h"
#include "liberot/manifest.h"

#define HASH "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define P "\"process\":{\"args\":[\"/bin/true\"]}"
#define E "\"erot\":{\"codeHash\":\"" HASH "\"}"

static const struct {
	const char *text;
	const char *code;
	const char *says;	/* stands in the text: the path, mostly */
} refused[] = {
	{ "{", "manifest-syntax", "line" },
	{ "{" P "," E "}x", "manifest-syntax", "line" },
	{ "{" P "," E "," E "}", "manifest-syntax", "duplicate" },
	{ "{\"process\":{\"args\":[\"/a\"],\"args\":[\"/b\"]}," E "}", "manifest-syntax",
		"duplicate" },
	{ "[]", "manifest-type", "object" },
	{ "{" P "," E ",\"mounts\":[]}", "manifest-unknown", "mounts" },
	{ "{\"process\":{\"args\":[\"/a\"],\"oomScoreAdj\":1}," E "}", "manifest-unknown",
	  "process.oomScoreAdj" },
	{ "{" P "," E ",\"root\":{\"path\":\"x\"}}", "manifest-unknown", "root.path" },
	{ "{" P "," E ",\"linux\":{\"namespaces\":[]}}", "manifest-unknown", "linux.namespaces" },
	{ "{" P "," E ",\"linux\":{\"resources\":{\"memory\":{\"swap\":1}}}}", "manifest-unknown",
	  "linux.resources.memory.swap" },
	{ "{" P ",\"erot\":{\"codeHash\":\"" HASH "\",\"x\":1}}", "manifest-unknown", "erot.x" },
	{ "{" E "}", "manifest-missing", "process.args" },
	{ "{\"process\":{\"args\":[]}," E "}", "manifest-missing", "process.args" },
	{ "{" P "}", "manifest-missing", "erot.codeHash" },
	{ "{\"process\":[]," E "}", "manifest-type", "process" },
	{ "{\"process\":{\"args\":\"/a\"}," E "}", "manifest-type", "process.args" },
	{ "{\"process\":{\"args\":[1]}," E "}", "manifest-type", "process.args[0]" },
	{ "{\"process\":{\"args\":[\"true\"]}," E "}", "manifest-value", "process.args[0]" },
	{ "{\"process\":{\"args\":[\"/a\\u0000\"]}," E "}", "manifest-syntax", "line" },
	{ "{\"process\":{\"args\":[\"/a\\ufffe\"]}," E "}", "manifest-value", "process.args[0]" },
	{ "{\"process\":{\"args\":[\"/a\xff\"]}," E "}", "manifest-syntax", "line" },
	{ "{\"process\":{\"args\":[\"/a\"],\"env\":[\"A\"]}," E "}", "manifest-value",
		"process.env" },
	{ "{\"process\":{\"args\":[\"/a\"],\"cwd\":\"x\"}," E "}", "manifest-value",
		"process.cwd" },
	{ "{\"process\":{\"args\":[\"/a\"],\"terminal\":1}," E "}", "manifest-type",
	  "process.terminal" },
	{ "{\"process\":{\"args\":[\"/a\"],\"user\":{\"uid\":65536}}," E "}", "manifest-value",
	  "process.user.uid" },
	{ "{\"process\":{\"args\":[\"/a\"],\"user\":{\"gid\":-1}}," E "}", "manifest-value",
	  "process.user.gid" },
	{ "{\"process\":{\"args\":[\"/a\"],\"user\":{\"uid\":1.0}}," E "}", "manifest-type",
	  "process.user.uid" },
	{ "{\"process\":{\"args\":[\"/a\"],\"capabilities\":[\"CAP_ALL\"]}," E "}",
		"manifest-value",
	  "process.capabilities[0]" },
	{ "{\"process\":{\"args\":[\"/a\"],\"capabilities\":[\"CAP_KILL\",\"CAP_KILL\"]}," E "}",
	  "manifest-value", "process.capabilities[1]" },
	{ "{\"process\":{\"args\":[\"/a\"],\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,"
	  "\"hard\":1}]}," E "}", "manifest-value", "process.rlimits[0].type" },
	{ "{\"process\":{\"args\":[\"/a\"],\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":2,"
	  "\"hard\":1}]}," E "}", "manifest-value", "process.rlimits[0].soft" },
	{ "{\"process\":{\"args\":[\"/a\"],\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":1}]}," E
	  "}", "manifest-missing", "process.rlimits[0]" },
	{ "{" P "," E ",\"hostname\":\"a b\"}", "manifest-value", "hostname" },
	{ "{" P "," E ",\"hostname\":\"\"}", "manifest-value", "hostname" },
	{ "{" P "," E ",\"root\":{\"readonly\":\"yes\"}}", "manifest-type", "root.readonly" },
	{ "{" P "," E ",\"linux\":{\"resources\":{\"memory\":{\"limit\":1}}}}", "manifest-value",
	  "linux.resources.memory.limit" },
	{ "{" P "," E ",\"linux\":{\"resources\":{\"pids\":{\"limit\":0}}}}", "manifest-value",
	  "linux.resources.pids.limit" },
	{ "{" P "," E ",\"linux\":{\"resources\":{\"cpu\":{\"quota\":5}}}}", "manifest-value",
	  "linux.resources.cpu.quota" },
	{ "{" P "," E ",\"linux\":{\"resources\":{\"memory\":{\"limit\":9007199254740992}}}}",
	  "manifest-value", "linux.resources.memory.limit" },
	{ "{" P ",\"erot\":{\"codeHash\":\"sha256:00\"}}", "manifest-value", "erot.codeHash" },
	{ "{" P ",\"erot\":{\"codeHash\":\"" HASH "\",\"maxRuntime\":0}}", "manifest-value",
	  "erot.maxRuntime" },
	{ "{" P ",\"erot\":{\"codeHash\":\"" HASH "\",\"isolation\":[\"time-ns\"]}}",
	  "manifest-value", "erot.isolation[0]" },
	{ "{" P ",\"erot\":{\"codeHash\":\"" HASH "\",\"requireHost\":\"attested\"}}",
	  "manifest-type", "erot.requireHost" },
};

static const char full[] =
	"{\"process\":{\"args\":[\"/bin/sh\",\"-c\",\"true\"],\"env\":[\"A=b\",\"C=\"],"
	"\"cwd\":\"/tmp\",\"user\":{\"uid\":1000,\"gid\":100},"
	"\"capabilities\":[\"CAP_CHOWN\",\"CAP_CHECKPOINT_RESTORE\"],"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":64,\"hard\":128}],\"terminal\":true},"
	"\"root\":{\"readonly\":true},\"hostname\":\"app-1.x\",\"linux\":{\"resources\":"
	"{\"memory\":{\"limit\":1048576},\"pids\":{\"limit\":7},\"cpu\":{\"quota\":50000,"
	"\"period\":200000}}},\"erot\":{\"codeHash\":\"" HASH "\",\"maxRuntime\":60,"
	"\"isolation\":[\"user-ns\",\"seccomp\"],\"requireHost\":[]}}";

static void test_accepted(void)
{
	struct erot_error err = { 0 };
	struct erot_manifest m;

	tap_ok(!erot_manifest_parse(full, strlen(full), &m, &err), "a full manifest: %s", err.text);
	tap_ok(m.n_args == 3 && !strcmp(m.args[2], "true") && !m.args[3], "args");
	tap_ok(m.n_env == 2 && !strcmp(m.env[1], "C=") && !m.env[2], "env");
	tap_ok(!strcmp(m.cwd, "/tmp") && m.uid == 1000 && m.gid == 100 && m.terminal, "process");
	tap_ok(m.capabilities == (1ULL << CAP_CHOWN | 1ULL << CAP_CHECKPOINT_RESTORE),
	       "capabilities");
	tap_ok(m.n_rlimits == 1 && m.rlimits[0].type == RLIMIT_NOFILE && m.rlimits[0].soft == 64 &&
	       m.rlimits[0].hard == 128, "rlimits");
	tap_ok(m.readonly && !strcmp(m.hostname, "app-1.x"), "root and hostname");
	tap_ok(m.memory_limit == 1048576 && m.pids_limit == 7 && m.cpu_quota == 50000 &&
	       m.cpu_period == 200000, "resources");
	tap_ok(m.max_runtime == 60 && m.isolation == (EROT_ISO_USER_NS | EROT_ISO_SECCOMP) &&
	       !m.require_host && m.code_hash[31] == 0x1f, "erot");
	erot_manifest_free(&m);

	tap_ok(!erot_manifest_parse("{" P "," E "}", strlen("{" P "," E "}"), &m, &err),
	       "the least manifest: %s", err.text);
	tap_ok(!m.n_env && !strcmp(m.cwd, "/") && !m.uid && !m.gid && !m.terminal &&
	       !m.capabilities && !m.n_rlimits && !m.readonly && !strcmp(m.hostname, "erot") &&
	       m.memory_limit == 256 << 20 && m.pids_limit == 128 && !m.cpu_quota &&
	       m.max_runtime == 3600 && m.isolation == EROT_ISO_ALL &&
	       m.require_host == EROT_HOST_ALL, "defaults");
	erot_manifest_free(&m);
}

static void test_size(void)
{
	struct erot_error err = { 0 };
	struct erot_manifest m;
	char *big = malloc(EROT_MANIFEST_MAX + 1);
	size_t len = strlen(full);

	memset(big, ' ', EROT_MANIFEST_MAX + 1);
	memcpy(big, full, len);
	tap_ok(!erot_manifest_parse(big, EROT_MANIFEST_MAX, &m, &err), "the longest one: %s",
	       err.text);
	erot_manifest_free(&m);
	tap_refused(erot_manifest_parse(big, EROT_MANIFEST_MAX + 1, &m, &err), EFBIG, &err,
		    "manifest-size", "one byte too long");
	tap_refused(erot_manifest_parse(big, 0, &m, &err), EFBIG, &err, "manifest-size", "empty");
	/* Deep nesting must not exhaust the stack. */
	memset(big, '[', EROT_MANIFEST_MAX);
	tap_refused(erot_manifest_parse(big, EROT_MANIFEST_MAX, &m, &err), EINVAL, &err,
		    "manifest-syntax", "deeply nested");
	free(big);
}

static void test_build(void)
{
	static const char tmpl[] = "{" P "}", other[] = "{" P "," E "}";
	uint8_t hash[32] = { 1 };
	struct erot_error err = { 0 };
	struct erot_manifest m;
	char *text, *again;
	size_t len, len2;

	tap_ok(!erot_manifest_build(tmpl, strlen(tmpl), hash, &text, &len, &err) &&
	       !erot_manifest_parse(text, len, &m, &err) && !memcmp(m.code_hash, hash, 32),
	       "code hash put in: %s", err.text);
	erot_manifest_free(&m);
	tap_ok(!erot_manifest_build(text, len, hash, &again, &len2, &err) && len == len2 &&
	       !memcmp(text, again, len), "a finished manifest stays as it is");
	free(again);
	free(text);
	tap_refused(erot_manifest_build(other, strlen(other), hash, &text, &len, &err), EINVAL,
		    &err, "manifest-code-hash", "another code hash in the template");
	tap_refused(erot_manifest_build("{}", 2, hash, &text, &len, &err), EINVAL, &err,
		    "manifest-missing", "template without args");
}

int main(void)
{
	struct erot_error err = { 0 };
	struct erot_manifest m;
	size_t i;

	test_accepted();
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int ret = erot_manifest_parse(refused[i].text, strlen(refused[i].text), &m, &err);

		if (!tap_ok(ret == -EINVAL && !strcmp(err.code, refused[i].code) &&
			    strstr(err.text, refused[i].says), "%s: %s", refused[i].code,
			    refused[i].says))
			printf("# returned %d, code %s, text %s\n", ret, err.code, err.text);
		memset(&err, 0, sizeof(err));
	}
	test_size();
	test_build();
	return tap_done();
}
