/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The workload description: JSON under the names of the OCI runtime specification. This is the one
 * parser of it. I-JSON (RFC 7493): duplicate and unknown members are errors, numbers are integers.
 *
 *	{
 *	  "process": {
 *	    "args": ["/bin/app", "x"],		required; [0] is an absolute path
 *	    "env": ["A=b"],			default none
 *	    "cwd": "/",				default "/", absolute
 *	    "user": {"uid": 0, "gid": 0},	default 0, at most 65535 (ids inside the sandbox)
 *	    "capabilities": ["CAP_CHOWN"],	default none
 *	    "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}],
 *	    "terminal": false
 *	  },
 *	  "root": {"readonly": false},
 *	  "hostname": "app",			default "erot"
 *	  "linux": {"resources": {
 *	    "memory": {"limit": 268435456},	bytes; default 256 MiB
 *	    "pids": {"limit": 128},		default 128
 *	    "cpu": {"quota": 0, "period": 100000}	microseconds; quota 0 or absent: no limit
 *	  }},
 *	  "erot": {
 *	    "codeHash": "sha256:64 hex digits",	required
 *	    "maxRuntime": 3600,			seconds, 1 to 30 days; default 3600
 *	    "isolation": ["user-ns", ...],	default everything
 *	    "requireHost": ["attested", ...]	default everything; [] asks nothing of the host
 *	  }
 *	}
 */
#ifndef EROT_LIBEROT_MANIFEST_H
#define EROT_LIBEROT_MANIFEST_H

#include <stdbool.h>

#include "common/error.h"
#include "liberot/names.h"

#define EROT_MANIFEST_STRINGS_MAX	256	/* members of args, and of env */
#define EROT_MANIFEST_RLIMITS_MAX	16
#define EROT_MANIFEST_HOSTNAME_MAX	63
#define EROT_MANIFEST_RUNTIME_MAX	(30U * 24 * 3600)
#define EROT_MANIFEST_MEMORY_MIN	(1ULL << 20)	/* bytes */

/**
 * struct erot_rlimit - one of process.rlimits
 * @type: RLIMIT_*, never RLIMIT_CORE: that one is the sandbox's business
 * @soft: at most @hard
 * @hard: as for setrlimit(2)
 */
struct erot_rlimit {
	int type;
	uint64_t soft;
	uint64_t hard;
};

/**
 * struct erot_manifest - a checked manifest, with its defaults filled in
 * @args:         NULL-terminated, at least one
 * @n_args:       without the NULL
 * @env:          NULL-terminated
 * @n_env:        without the NULL
 * @cwd:          absolute
 * @hostname:     letters, digits, '-' and '.'
 * @uid:          inside the sandbox
 * @gid:          inside the sandbox
 * @terminal:     wants a terminal
 * @readonly:     root file system without an overlay
 * @capabilities: bit n is capability n of linux/capability.h
 * @rlimits:      no type twice
 * @n_rlimits:    of them
 * @memory_limit: bytes
 * @pids_limit:   tasks
 * @cpu_quota:    microseconds in each @cpu_period; 0: no limit
 * @cpu_period:   microseconds
 * @max_runtime:  seconds
 * @isolation:    EROT_ISO_*
 * @require_host: EROT_HOST_*
 * @code_hash:    fs-verity digest of the image
 */
struct erot_manifest {
	char **args;
	size_t n_args;
	char **env;
	size_t n_env;
	char *cwd;
	char *hostname;
	uint32_t uid;
	uint32_t gid;
	bool terminal;
	bool readonly;
	uint64_t capabilities;
	struct erot_rlimit rlimits[EROT_MANIFEST_RLIMITS_MAX];
	size_t n_rlimits;
	uint64_t memory_limit;
	uint32_t pids_limit;
	uint64_t cpu_quota;
	uint64_t cpu_period;
	uint32_t max_runtime;
	uint32_t isolation;
	uint32_t require_host;
	uint8_t code_hash[EROT_DIGEST_SIZE];
};

/**
 * erot_manifest_parse() - check a manifest and read it
 * @text: not necessarily zero-terminated
 * @len:  1 to EROT_MANIFEST_MAX bytes
 * @m:    filled on success; to be freed with erot_manifest_free(). All zeros on failure
 * @err:  codes "manifest-size", "manifest-syntax" (duplicates too), "manifest-unknown" (member),
 *        "manifest-missing", "manifest-type", "manifest-value"; the text has the path of the member
 *
 * Return: 0, -EINVAL, -EFBIG (size) or -ENOMEM.
 */
int erot_manifest_parse(const void *text, size_t len, struct erot_manifest *m,
			struct erot_error *err);

void erot_manifest_free(struct erot_manifest *m);

/**
 * erot_manifest_build() - put the code hash into a customer's manifest
 * @tmpl:      manifest in which erot.codeHash may be missing; one that is there must be equal
 * @tmpl_len:  bytes
 * @code_hash: of the image
 * @text:      finished manifest, which erot_manifest_parse() accepts; to be freed
 * @text_len:  bytes
 * @err:       as above; "manifest-code-hash" for another hash in @tmpl
 *
 * Return: 0, -EINVAL, -EFBIG or -ENOMEM.
 */
int erot_manifest_build(const void *tmpl, size_t tmpl_len,
			const uint8_t code_hash[EROT_DIGEST_SIZE], char **text, size_t *text_len,
			struct erot_error *err);

#endif /* EROT_LIBEROT_MANIFEST_H */
