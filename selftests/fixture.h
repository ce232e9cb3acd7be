/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the module share. The test plays DERG and customer in
 * software: liberot and OpenSSL, with keys made at run time. Key pair,
 * certificate and image are kept in FX_DIR for the boot, since the module
 * keeps its half (keyring, hardware key) as long.
 *
 * Functions return 0 or a negative errno and leave the text in fx_err, as
 * liberot's do; a test asserts both (REFUSED()).
 */
#ifndef SELFTESTS_FIXTURE_H
#define SELFTESTS_FIXTURE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <linux/erot_format.h>
#include <linux/erot_ioctl.h>

#include "common/error.h"
#include "liberot/grant.h"
#include "liberot/netlink.h"
#include "liberot/payload.h"
#include "liberot/release.h"
#include "selftests/agent.h"

#define FX_DIR		"/var/tmp/erot-fixture"
#define FX_MACHINE	"/root/machine.spki"	/* the shell tests use the same */
#define FX_AGENT	"/bin/agent"		/* in the sandbox */
#define FX_BIG		"/data/big"
#define FX_MANY		"/many"			/* empty files 000 to 255 */
#define FX_BIG_SIZE	(40 * 65536 + 4097)	/* more than 128 chunks */

/**
 * struct fx_payload - an encrypted image
 * @path: of the file
 * @fd:   of the file, read and write
 */
struct fx_payload {
	char path[96];
	int fd;
	uint8_t content_key[EROT_KEY_SIZE];
	uint8_t salt[EROT_SALT_SIZE];
	struct erot_payload_shape shape;
	uint8_t code_hash[EROT_DIGEST_SIZE];
};

/* enum fx_as - which signed content stands in the receipt's place */
enum fx_as { FX_RECEIPT, FX_STATEMENT, FX_ORDER, FX_DESTRUCTION };

/**
 * struct fx_knobs - what is wrong with a launch; all zeros: nothing
 * @not_before:  seconds from now; with @not_after 0: -3600
 * @not_after:   seconds from now; 0: 3600
 * @derg_time:   seconds from now, of the release
 * @valid:       valid_seconds of the release; 0: 600
 * @runtime:     of receipt and release; 0: 600
 * @release_runtime: of the release, if it is another
 * @memory_max:  of the receipt; 0: 64 MiB
 * @host:        EROT_HOST_* that the receipt requires
 * @as:          what is signed
 * @other_machine, @other_signer, @other_code_hash: the receipt has another one
 * @other_session, @other_boot: the release is sealed to another key
 * @other_receipt: the release is for another receipt
 * @other_sk:    the release has another private key
 * @other_envelope: the receipt names another envelope
 * @other_manifest: the receipt has another manifest, as long as the envelope's
 * @longer_manifest: the receipt has another manifest, longer than the envelope's
 * @no_isolation: the receipt asks for none
 * @payload:     NULL: fx.payload
 * @envelope:    changes the envelope before the receipt names it
 */
struct fx_knobs {
	int64_t not_before;
	int64_t not_after;
	int64_t derg_time;
	uint32_t valid;
	uint32_t runtime;
	uint32_t release_runtime;
	uint64_t memory_max;
	uint32_t host;
	enum fx_as as;
	bool other_machine;
	bool other_signer;
	bool other_code_hash;
	bool other_session;
	bool other_boot;
	bool other_receipt;
	bool other_sk;
	bool other_envelope;
	bool other_manifest;
	bool longer_manifest;
	bool no_isolation;
	const struct fx_payload *payload;
	void (*envelope)(uint8_t *env, size_t len);
};

/**
 * struct fx_session - one launch, from the grant to the sandbox
 * @knobs:    with which it was made
 * @sk:       ERoT private key
 * @env:      envelope
 * @env_fd:   file with it
 * @cms:      signed receipt
 * @receipt:  digest of its content
 * @release:  after fx_release()
 * @n:        answer to NEW; @n.fd is -1 when there is none
 * @image_fd: after ATTACH
 * @mount_fd: detached mount of the image
 * @pid:      first process of the sandbox, until it was waited for
 * @pidfd:    of it
 * @sock:     to it; after exec to the agent
 * @cgroup:   path, or ""
 * @isolation: observed at BIND
 * @fault_came: the one that BIND was to meet
 */
struct fx_session {
	struct fx_knobs knobs;
	uint8_t sk[EROT_KEY_SIZE];
	uint8_t *env;
	size_t env_len;
	int env_fd;
	uint8_t *cms;
	size_t cms_len;
	uint8_t receipt[EROT_DIGEST_SIZE];
	struct erot_release release;
	struct erot_nl_new n;
	int image_fd;
	int mount_fd;
	pid_t pid;
	int pidfd;
	int sock;
	char cgroup[96];
	uint32_t isolation;
	bool fault_came;
};

/**
 * struct fx_box - how the sandbox is made; all zeros: as it should be
 * @drop:        CLONE_NEW* that is left out
 * @nested_user: user namespace inside a user namespace
 * @memory_max:  NULL: "64M"
 * @swap_max:    NULL: "0"
 * @company:     another process is in the pid namespace at BIND
 * @by_second:   BIND is called by the first process's child
 * @thread:      BIND is called by one of two threads
 * @no_nnp:      no_new_privs is left out
 * @no_seccomp:  the filter is left out
 * @traced:      by its parent
 * @keep_session: the session descriptor is inherited over exec
 * @keep_image:  the image descriptor is inherited over exec
 * @late_memory: memory.max is raised between BIND and exec
 * @late_swap:   memory.swap.max is raised between BIND and exec
 * @also:        descriptor of another session, which the same process binds before; 0: none
 * @fail_bind:   which fault BIND meets (fault.h); 0: none
 * @fail_exec:   which one the exec meets
 * @program:     path on the host, executed instead of one of the payload
 * @argv:        NULL: { FX_AGENT, "serve" }
 * @instead:     called with the mount's place instead of executing; its result is the exit status
 */
struct fx_box {
	uint64_t drop;
	bool nested_user;
	const char *memory_max;
	const char *swap_max;
	bool company;
	bool by_second;
	bool thread;
	bool no_nnp;
	bool no_seccomp;
	bool traced;
	bool keep_session;
	bool keep_image;
	bool late_memory;
	bool late_swap;
	int also;
	unsigned int fail_bind;
	unsigned int fail_exec;
	const char *program;
	const char *const *argv;
	int (*instead)(const char *dir);
};

/**
 * struct fx_memory - what is held, by the kernel and by the caller
 * @sessions: of the module, as a dump of them has it; -1: it is not there
 * @secrets: objects in use of the module's own slab; -1: it is not there
 * @refs:    references of the module, one for each descriptor, payload file and bound session
 * @vmalloc: areas, the module's own among them
 * @rings:   keyrings of the module
 * @unreclaimable: KiB of slab, large kmalloc() included
 * @used:    KiB of vmalloc
 * @unaccounted: KiB that are in use, and that no counter of the kernel tells for what
 * @mounts:  all that are seen here
 * @cgroups: all below the root
 * @dying:   cgroups that were removed and that something still holds
 * @loops:   loop devices in use
 * @fds:     descriptors of the caller
 * @agents:  processes of payloads
 */
struct fx_memory {
	long sessions;
	long secrets;
	long refs;
	long vmalloc;
	long rings;
	long unreclaimable;
	long used;
	long unaccounted;
	long mounts;
	long cgroups;
	long dying;
	long loops;
	long fds;
	long agents;
};

#define FX_SLABS 256

/**
 * struct fx_slabs - objects in use, of every slab cache
 * @n: how many there are
 */
struct fx_slabs {
	unsigned int n;
	struct {
		char name[40];
		long objects;
	} cache[FX_SLABS];
};

/* struct fx_world - of the whole program */
struct fx_world {
	EVP_PKEY *key;
	EVP_PKEY *other_key;	/* that the keyring does not know */
	X509 *cert;
	uint8_t *machine;
	size_t machine_len;
	struct erot_nl *nl;
	struct fx_payload payload;
	uint8_t *big;		/* plaintext of FX_BIG */
	int32_t key_serial;
};

extern struct fx_world fx;
extern struct erot_error fx_err;

/* Before all tests, in the first process: everything that takes long. Exits on failure. */
void fx_prepare(void);

/* In each test, before anything else: a netlink socket of its own. */
int fx_begin(void);

/* After the module was loaded anew: its keyring is empty. */
int fx_load_certificate(void);

/* delete_module() and modprobe, in open mode; 0 or a negative errno. */
int fx_unload_module(void);
int fx_load_module(void);

/* A keyring's serial number by its name; 0: there is none. */
int32_t fx_keyring(const char *name);

/* Kept for the boot: made once. */
int fx_make_image(void);

/* The image that the payload was made of. */
int fx_image_copy(void);

/* Where FX_BIG lies in it: its bytes are random, so they are found once. */
int fx_big_at(int image_fd, uint64_t *off);

int fx_payload_make(const char *name, int image_fd, struct fx_payload *out);

int fx_sign(bool other_signer, const void *content, size_t len, uint8_t **cms, size_t *cms_len);

/* Steps of a launch. fx_new() begins with a zeroed session. */
int fx_grant(struct fx_session *s, const struct fx_knobs *k);
int fx_new(struct fx_session *s);
int fx_release(struct fx_session *s);
int fx_provision(struct fx_session *s);
int fx_attach_fds(struct fx_session *s, int envelope_fd, int payload_fd);
int fx_attach(struct fx_session *s);
int fx_bind_ioctl(int fd, uint32_t *isolation);
int fx_box_bind(struct fx_session *s, const struct fx_box *box);
int fx_mount(struct fx_session *s);
int fx_box_exec(struct fx_session *s);

/* All of them up to, and without, the one named. */
int fx_until_attach(struct fx_session *s, const struct fx_knobs *k);
int fx_until_bind(struct fx_session *s, const struct fx_knobs *k);

/* From BIND on; and all of them. */
int fx_start(struct fx_session *s, const struct fx_box *box);
int fx_launch(struct fx_session *s, const struct fx_knobs *k, const struct fx_box *box);

/* The child's end as wait() has it; -ETIMEDOUT. */
int fx_wait(struct fx_session *s, int seconds, int *status);

/* Waits until GET says @state or a later one; -ETIMEDOUT. */
int fx_wait_state(const uint8_t id[EROT_ID_SIZE], uint32_t state, int seconds,
		  struct erot_nl_session *out);
int fx_wait_event(uint32_t event, int seconds, struct erot_nl_event *out);

/* Evidence is there within @seconds, and its MAC is right. */
int fx_evidence(struct fx_session *s, int seconds, struct erot_evidence *ev);

/* Closes, kills, acknowledges, removes what is left of a session. */
void fx_end(struct fx_session *s);

/* No session and no key is left within some seconds. */
int fx_nothing_left(void);

/* KiB: a line of /proc/meminfo, -1 without one; free pages that processors keep for themselves. */
long fx_meminfo(const char *name);
long fx_kept_by_processors(void);

void fx_measure(struct fx_memory *m);

/*
 * fx_nothing_left(); and what the kernel keeps only because nobody has asked for it yet is given
 * back: caches of files, and what a processor keeps of each slab, which counts as in use.
 */
int fx_settle(void);

/* Each cache is told to give back what nobody uses. */
void fx_slabs_shrink(void);

/* Objects in use of the slab cache @name, to the object; -1: there is no such cache. */
long fx_slab_objects(const char *name);
int fx_slabs_measure(struct fx_slabs *s);

/* Prints each cache that has @limit objects more than it had; how many those are. */
unsigned int fx_slabs_grown(const struct fx_slabs *was, const struct fx_slabs *is, long limit);

/* Settled, all that can be counted one by one is what it was, within a minute; -EBUSY. */
int fx_as_before(const struct fx_memory *was, struct fx_memory *is);

/* A program of the guest, until it has ended; -EIO for any status but 0. */
int fx_run(char *const argv[]);

/* A file of FX_DIR that has no name any more. */
int fx_temp_file(const void *data, size_t len);

/* Kills what is left in it first. */
void fx_remove_cgroup(struct fx_session *s);

/* CLOCK_MONOTONIC, a limit in it, and how far it is from @end, never below 0. */
uint64_t fx_now_ms(void);
uint64_t fx_end_ms(int seconds);
int fx_left_ms(uint64_t end);

/* Passes until CLOCK_BOOTTIME has moved on by so much. */
void fx_let_pass(unsigned int milliseconds);

int fx_ask(struct fx_session *s, const struct agent_request *r, struct agent_answer *a);
int fx_read(struct fx_session *s, uint32_t op, const char *path, uint64_t off, uint32_t len,
	    struct agent_answer *a);

/* The call was refused with that errno, and the text says so. */
#define REFUSED(num, words, call) do { \
	int __r = (call); \
	ASSERT_EQ(-(num), __r) { TH_LOG("%s: %s", #call, fx_err.text); } \
	if (!strstr(fx_err.text, words)) { \
		TH_LOG("no '%s' in '%s'", words, fx_err.text); \
		_metadata->shared->failed = 1; \
	} \
} while (0)

#define WORKS(call) do { \
	int __r = (call); \
	ASSERT_EQ(0, __r) { TH_LOG("%s: %s: %s", #call, strerror(-__r), fx_err.text); } \
} while (0)

/* fx_prepare() runs once, before the harness forks. */
#define FX_MAIN \
int main(int argc, char **argv) \
{ \
	fx_prepare(); \
	return __test_main(argc, argv); \
}

#endif
