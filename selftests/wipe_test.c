// SPDX-License-Identifier: GPL-2.0-only
/*
 * All of the machine's memory is searched, through /proc/kcore, for each secret
 * of a launch: where a key has done its work no copy is left, and in the end
 * none of any. The secrets are made by a child that is gone by then; this
 * process knows them masked only, or it would find itself.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include "common/io.h"
#include "liberot/evidence.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

#define MASK		0xa5c3961b5a3ce769ULL
#define BUFFER		(64 << 10)
#define SUPER		1024	/* where EROFS has it, volume name and uuid last */
#define CANARY_AT	(9 * 4096 + 2048)	/* in FX_BIG, from its start */
#define FORGED_AT	(100 * EROT_CHUNK_SIZE)	/* in FX_BIG, in the forged chunk or in the next */

enum secret {
	EROT_SK, EVIDENCE_KEY, CONTENT_KEY, CHUNK_KEY, NONCE, VERITY_SALT, TREE, SUPERBLOCK,
	PLAINTEXT, REFUSED_CHUNK, SECRETS
};

static const char *const names[] = {
	"ERoT private key", "evidence key", "content key", "chunk key", "base nonce",
	"salt of the code hash", "block of the hash tree", "superblock", "plaintext of a file",
	"plaintext of a refused chunk",
};

/* What the child hands over. @bytes are masked. */
struct shared {
	struct {
		uint8_t bytes[32];
		size_t len;
	} want[SECRETS];
	uint8_t env[EROT_ENVELOPE_MAX];
	size_t env_len;
	uint8_t cms[EROT_CMS_MAX];
	size_t cms_len;
	struct erot_release release;
	struct erot_payload_shape shape;
	uint8_t forged[EROT_CHUNK_STRIDE];
	uint64_t forged_chunk;
	uint64_t canary_chunk;
	uint64_t big;		/* where FX_BIG is in the image */
	int ret;
	char text[200];
};

FIXTURE(wipe) {
	struct fx_session s;
	struct fx_payload payload;	/* here without its keys */
	struct shared *shared;
	struct agent_answer a;
};

static void mask(uint8_t *to, const void *from, size_t len)
{
	const uint64_t m = MASK;
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = ((const uint8_t *)from)[i] ^ ((const uint8_t *)&m)[i % 8];
}

static void hand_over(struct shared *sh, enum secret which, const void *p, size_t len)
{
	mask(sh->want[which].bytes, p, len);
	sh->want[which].len = len;
}

/* ---- in the child */

/* 24 random bytes in superblock (no checksum then) and FX_BIG, which is at *@big in the image. */
static int mark_image(struct shared *sh, int image, uint64_t *big)
{
	uint8_t mark[24], compat;
	int ret = fx_big_at(image, big) ?: erot_pread_full(image, &compat, 1, SUPER + 8);

	compat &= 0xfe;
	ret = ret ?: erot_pwrite_full(image, &compat, 1, SUPER + 8) ?:
	      erot_random(mark, sizeof(mark)) ?:
	      erot_pwrite_full(image, mark, sizeof(mark), SUPER + 48 + 4);
	hand_over(sh, SUPERBLOCK, mark, sizeof(mark));
	ret = ret ?: erot_random(mark, sizeof(mark)) ?:
	      erot_pwrite_full(image, mark, sizeof(mark), *big + CANARY_AT);
	hand_over(sh, PLAINTEXT, mark, sizeof(mark));
	sh->big = *big;
	sh->canary_chunk = (*big + CANARY_AT) / EROT_CHUNK_SIZE;
	return ret;
}

/* From the payload as it lies in its file. */
static int hand_over_payload(struct shared *sh, const struct fx_payload *p)
{
	static uint8_t ct[EROT_CHUNK_STRIDE], pt[EROT_CHUNK_SIZE];
	uint64_t last = p->shape.chunk_count - 1;
	uint64_t tree = last - p->shape.tree_len / EROT_CHUNK_SIZE;
	struct erot_payload_keys keys;
	size_t len = EROT_VERITY_DESC_SIZE + EROT_TAG_SIZE;
	int ret;

	ret = erot_payload_keys(p->content_key, p->salt, &keys);
	hand_over(sh, CONTENT_KEY, p->content_key, 32);
	hand_over(sh, CHUNK_KEY, keys.key, 32);
	hand_over(sh, NONCE, keys.base_nonce, sizeof(keys.base_nonce));
	ret = ret ?: erot_pread_full(p->fd, ct, len, last * EROT_CHUNK_STRIDE) ?:
	      erot_chunk_open(&keys, last, ct, len, pt);
	hand_over(sh, VERITY_SALT, pt + 80, 32);	/* struct fsverity_descriptor.salt */
	ret = ret ?: erot_pread_full(p->fd, ct, sizeof(ct), tree * EROT_CHUNK_STRIDE) ?:
	      erot_chunk_open(&keys, tree, ct, sizeof(ct), pt);
	/* of two hashes a half each: alone a hash is no secret */
	hand_over(sh, TREE, pt + 5 * EROT_DIGEST_SIZE + 16, 32);
	return ret;
}

/* A chunk that is authentic, and is not the one that the code hash knows. */
static int forge(struct shared *sh, const struct fx_payload *p, uint64_t big)
{
	static uint8_t plain[EROT_CHUNK_SIZE];
	struct erot_payload_keys keys;
	int ret;

	sh->forged_chunk = (big + FORGED_AT) / EROT_CHUNK_SIZE;
	ret = erot_payload_keys(p->content_key, p->salt, &keys) ?:
	      erot_random(plain, sizeof(plain));
	hand_over(sh, REFUSED_CHUNK, plain + 7000, 24);
	return ret ?: erot_chunk_seal(&keys, sh->forged_chunk, plain, sizeof(plain), sh->forged);
}

/* All that DERG and customer do. */
static int provide(struct fx_session *s, struct fx_payload *p, struct shared *sh)
{
	struct fx_knobs k = { .payload = p };
	int image = fx_image_copy(), ret;
	uint8_t key[EROT_KEY_SIZE];
	uint64_t big;

	if (image < 0)
		return -errno;
	ret = mark_image(sh, image, &big) ?:
	      erot_random(p->content_key, sizeof(p->content_key)) ?:
	      erot_random(p->salt, sizeof(p->salt)) ?:
	      erot_payload_encrypt(image, p->fd, 0, p->content_key, p->salt, NULL, NULL, &p->shape,
				   p->code_hash, &fx_err) ?:
	      hand_over_payload(sh, p) ?: forge(sh, p, big) ?: fx_grant(s, &k) ?: fx_release(s) ?:
	      erot_evidence_key(s->sk, key);
	if (ret)
		return ret;
	hand_over(sh, EROT_SK, s->sk + 4, 24);		/* clamped or not */
	hand_over(sh, EVIDENCE_KEY, key, sizeof(key));
	memcpy(sh->env, s->env, s->env_len);
	sh->env_len = s->env_len;
	memcpy(sh->cms, s->cms, s->cms_len);
	sh->cms_len = s->cms_len;
	sh->release = s->release;
	sh->shape = p->shape;
	return 0;
}

FIXTURE_SETUP(wipe)
{
	struct fx_session *s = &self->s;
	struct shared *sh;
	pid_t child;

	s->n.fd = -1;
	WORKS(fx_begin());
	WORKS(fx_new(s));
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, sh);
	self->shared = sh;
	self->payload.fd = fx_temp_file("", 0);
	ASSERT_LE(0, self->payload.fd);
	fflush(stdout);
	child = fork();
	if (!child) {
		sh->ret = provide(s, &self->payload, sh);
		snprintf(sh->text, sizeof(sh->text), "%s", fx_err.text);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	ASSERT_EQ(0, sh->ret) { TH_LOG("%s: %s", strerror(-sh->ret), sh->text); }
	self->payload.shape = sh->shape;
	s->knobs.payload = &self->payload;
	s->env = malloc(sh->env_len);
	s->cms = malloc(sh->cms_len);
	ASSERT_TRUE(s->env && s->cms);
	memcpy(s->env, sh->env, s->env_len = sh->env_len);
	memcpy(s->cms, sh->cms, s->cms_len = sh->cms_len);
	s->release = sh->release;
	s->env_fd = fx_temp_file(s->env, s->env_len);
	ASSERT_LT(0, s->env_fd);
}

FIXTURE_TEARDOWN(wipe)
{
	fx_end(&self->s);
	close(self->payload.fd);
	WORKS(fx_nothing_left());
}

/* ---- the search */

/* Any eight bytes in a row of any secret, by where they begin. */
struct window {
	uint64_t masked;
	enum secret which;
	size_t off;
};

struct search {
	struct window window[SECRETS * 8];
	size_t n;
	uint8_t may[1 << 13];	/* one bit for each hash of a window */
	unsigned int hits[SECRETS];
	uint64_t bytes;
};

static unsigned int hash(uint64_t masked)
{
	return (unsigned int)((masked * 0x9e3779b97f4a7c15ULL) >> 48);
}

/* Wherever a secret begins, one of its first eight windows is aligned. */
static void search_begin(struct search *f, const struct shared *sh)
{
	size_t i, k;

	memset(f, 0, sizeof(*f));
	for (i = 0; i < SECRETS; i++) {
		for (k = 0; k < 8 && k + 8 <= sh->want[i].len; k++) {
			struct window *w = &f->window[f->n++];
			uint8_t bytes[8];
			const uint64_t m = MASK;
			size_t j;

			/* masked by place in the secret; from here by place in the word */
			for (j = 0; j < 8; j++)
				bytes[j] = sh->want[i].bytes[k + j] ^
					   ((const uint8_t *)&m)[(k + j) % 8] ^
					   ((const uint8_t *)&m)[j];
			memcpy(&w->masked, bytes, 8);
			w->which = (enum secret)i;
			w->off = k;
			f->may[hash(w->masked) >> 3] |= (uint8_t)(1U << (hash(w->masked) & 7));
		}
	}
}

static bool is_at(const uint8_t *p, const uint8_t *end, const uint8_t *masked, size_t len)
{
	const uint64_t m = MASK;
	size_t i;

	for (i = 0; i < len && p + i < end; i++)
		if ((p[i] ^ ((const uint8_t *)&m)[i % 8]) != masked[i])
			return false;
	return i >= 12 || i == len;	/* what the buffer cuts off counts from twelve bytes on */
}

static void look(struct search *f, const struct shared *sh, uint8_t *buf, size_t len)
{
	const uint64_t *word = (const uint64_t *)buf, *end = word + len / 8;
	bool found = false;
	uint64_t masked;
	size_t i;

	for (; word < end; word++) {
		/* most memory is free, and zero */
		while (word + 8 <= end && !(word[0] | word[1] | word[2] | word[3] | word[4] |
					    word[5] | word[6] | word[7]))
			word += 8;
		if (word == end)
			break;
		masked = *word ^ MASK;
		if (!(f->may[hash(masked) >> 3] >> (hash(masked) & 7) & 1))
			continue;
		for (i = 0; i < f->n; i++) {
			const struct window *w = &f->window[i];
			const uint8_t *p = (const uint8_t *)word - w->off;

			if (w->masked == masked && p >= buf &&
			    is_at(p, buf + len, sh->want[w->which].bytes,
				  sh->want[w->which].len)) {
				f->hits[w->which]++;
				found = true;
			}
		}
	}
	f->bytes += len;
	if (found)	/* or the next look finds it here */
		explicit_bzero(buf, len);
}

static void search(struct __test_metadata *_metadata, const struct shared *sh, struct search *f)
{
	static uint8_t buf[BUFFER] __attribute__((aligned(4096)));
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr head;
	Elf64_Phdr part;
	uint64_t done;
	ssize_t n;
	int i;

	ASSERT_LE(0, fd) { TH_LOG("/proc/kcore: %s", strerror(errno)); }
	ASSERT_EQ(0, erot_pread_full(fd, &head, sizeof(head), 0));
	search_begin(f, sh);
	for (i = 0; i < head.e_phnum; i++) {
		ASSERT_EQ(0, erot_pread_full(fd, &part, sizeof(part),
					     head.e_phoff + (uint64_t)i * sizeof(part)));
		/* without an address in memory: areas that map what has one elsewhere */
		if (part.p_type != PT_LOAD || part.p_paddr == ~0ULL)
			continue;
		for (done = 0; done < part.p_filesz; done += (uint64_t)n) {
			n = pread(fd, buf, sizeof(buf), (off_t)(part.p_offset + done));
			if (n <= 0)
				break;
			look(f, sh, buf, (size_t)n);
		}
	}
	close(fd);
	explicit_bzero(buf, sizeof(buf));
	ASSERT_LT(500ULL << 20, f->bytes);
}

#define BIT(x) (1U << (x))

/* @there: must be found; @may: may be; all else must not. */
static void found(struct __test_metadata *_metadata, const struct shared *sh, const char *when,
		  unsigned int there, unsigned int may)
{
	static struct search f;
	int i;

	search(_metadata, sh, &f);
	for (i = 0; i < SECRETS; i++) {
		if (there & BIT(i)) {
			EXPECT_LT(0, f.hits[i]) { TH_LOG("%s: no %s", when, names[i]); }
		} else if (!(may & BIT(i))) {
			EXPECT_EQ(0, f.hits[i]) { TH_LOG("%s: %s", when, names[i]); }
		}
	}
}

TEST_F_TIMEOUT(wipe, from_provision_to_the_end, 280)
{
	struct fx_session *s = &self->s;
	struct shared *sh = self->shared;
	struct erot_nl_session got;
	struct fx_box box = { 0 };
	char path[64];
	int fd, status;

	WORKS(fx_provision(s));
	found(_metadata, sh, "provisioned", BIT(EROT_SK) | BIT(EVIDENCE_KEY), 0);
	WORKS(fx_attach(s));
	found(_metadata, sh, "attached", BIT(EVIDENCE_KEY) | BIT(CHUNK_KEY) | BIT(NONCE) |
	      BIT(VERITY_SALT), 0);
	WORKS(fx_start(s, &box));
	/* of the page with the mark only what is not the mark is read */
	WORKS(fx_read(s, AGENT_READ, FX_BIG, CANARY_AT / 4096 * 4096, 16, &self->a));
	ASSERT_EQ(16, self->a.len);
	found(_metadata, sh, "running", BIT(EVIDENCE_KEY) | BIT(CHUNK_KEY) | BIT(NONCE) |
	      BIT(VERITY_SALT) | BIT(TREE) | BIT(SUPERBLOCK) | BIT(PLAINTEXT), 0);

	/* what holds the mount keeps plaintext a while, but no key, except that of the evidence */
	snprintf(path, sizeof(path), "/proc/%d/root/data", (int)s->pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	found(_metadata, sh, "dead", 0, BIT(EVIDENCE_KEY) | BIT(SUPERBLOCK) | BIT(PLAINTEXT));
	close(fd);
	WORKS(fx_wait_state(s->n.id, EROT_STATE_RELEASED, 20, &got));
	ASSERT_TRUE(got.has_evidence);
	found(_metadata, sh, "released", 0, 0);
}

/* Let go of at once, so that nothing is cut off; and the image descriptor is still open. */
TEST_F_TIMEOUT(wipe, released_in_time, 120)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	struct fx_box box = { 0 };
	int status;

	WORKS(fx_provision(s));
	WORKS(fx_attach(s));
	WORKS(fx_start(s, &box));
	WORKS(fx_read(s, AGENT_READ, FX_BIG, CANARY_AT / 4096 * 4096, 16, &self->a));
	ASSERT_EQ(16, self->a.len);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fx_wait_state(s->n.id, EROT_STATE_RELEASED, 20, &got));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(got.evidence.flags));
	found(_metadata, self->shared, "released", 0, 0);
}

/* @pid: or 0 for this process */
static int run_on(pid_t pid, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(pid, sizeof(one), &one);
}

/*
 * What was read on one processor is on a list of that one, which holds it, until the list is full
 * or something makes that processor empty it. Evicted on another, it would live on meanwhile.
 */
TEST_F_TIMEOUT(wipe, released_on_another_processor, 120)
{
	struct fx_session *s = &self->s;
	int status, other = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	struct erot_nl_session got;
	struct fx_box box = { 0 };

	WORKS(fx_provision(s));
	WORKS(fx_attach(s));
	WORKS(fx_box_bind(s, &box));
	ASSERT_EQ(0, run_on(0, 0));
	ASSERT_EQ(0, run_on(s->pid, 0));
	WORKS(fx_mount(s));
	WORKS(fx_box_exec(s));
	WORKS(fx_read(s, AGENT_READ, FX_BIG, CANARY_AT / 4096 * 4096, 16, &self->a));
	ASSERT_EQ(16, self->a.len);
	ASSERT_EQ(0, run_on(0, other));
	ASSERT_EQ(0, run_on(s->pid, other));
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fx_wait_state(s->n.id, EROT_STATE_RELEASED, 20, &got));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(got.evidence.flags));
	found(_metadata, self->shared, "released", 0, 0);
}

TEST_F_TIMEOUT(wipe, destroyed_when_provisioned, 120)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;

	WORKS(fx_provision(s));
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	WORKS(fx_wait_state(s->n.id, EROT_STATE_RELEASED, 20, &got));
	found(_metadata, self->shared, "released", 0, 0);
}

/* A damaged payload: keys were unwrapped, and are gone after the refusal. */
TEST_F_TIMEOUT(wipe, refused_when_attached, 120)
{
	struct fx_session *s = &self->s;
	uint8_t b;

	WORKS(fx_provision(s));
	ASSERT_EQ(0, erot_pread_full(self->payload.fd, &b, 1, 5000));
	b ^= 1;
	ASSERT_EQ(0, erot_pwrite_full(self->payload.fd, &b, 1, 5000));
	REFUSED(EBADMSG, "payload: damaged", fx_attach(s));
	found(_metadata, self->shared, "refused", BIT(EROT_SK) | BIT(EVIDENCE_KEY), 0);
}

/*
 * Whole, behind one that is right, and mapped; then a part of it. That comes last, since the page
 * it leaves would make all that is asked for later a part, and only what is whole goes to EROFS's
 * pages.
 */
static void refuses(struct __test_metadata *_metadata, FIXTURE_DATA(wipe) *self, uint64_t off)
{
	uint64_t before = off - EROT_CHUNK_SIZE;

	WORKS(fx_read(&self->s, AGENT_READ, FX_BIG, before, AGENT_DATA_MAX, &self->a));
	ASSERT_EQ(EIO, self->a.err);
	WORKS(fx_read(&self->s, AGENT_MAP, FX_BIG, before, AGENT_DATA_MAX, &self->a));
	ASSERT_EQ(AGENT_SIGBUS, self->a.err);
	WORKS(fx_read(&self->s, AGENT_READ, FX_BIG, off, 16, &self->a));
	ASSERT_EQ(EIO, self->a.err);
}

/*
 * Chunks that were decrypted and then refused leave nothing, while all else goes on: one that is
 * authentic and not what the code hash knows, and one whose tag alone is wrong.
 */
TEST_F_TIMEOUT(wipe, refused_while_running, 120)
{
	struct fx_session *s = &self->s;
	struct shared *sh = self->shared;
	struct fx_box box = { 0 };
	uint64_t tag = (sh->canary_chunk + 1) * EROT_CHUNK_STRIDE - 1;
	uint8_t b;

	WORKS(fx_provision(s));
	WORKS(fx_attach(s));
	ASSERT_EQ(0, erot_pwrite_full(self->payload.fd, sh->forged, sizeof(sh->forged),
				      sh->forged_chunk * EROT_CHUNK_STRIDE));
	ASSERT_EQ(0, erot_pread_full(self->payload.fd, &b, 1, tag));
	b ^= 1;
	ASSERT_EQ(0, erot_pwrite_full(self->payload.fd, &b, 1, tag));
	WORKS(fx_start(s, &box));
	refuses(_metadata, self, FORGED_AT);
	refuses(_metadata, self, CANARY_AT);
	found(_metadata, sh, "refused", BIT(EVIDENCE_KEY) | BIT(CHUNK_KEY) | BIT(NONCE) |
	      BIT(VERITY_SALT), BIT(TREE) | BIT(SUPERBLOCK));
}

/* What was right in a read that failed: its pages are not up to date, and nobody asks again. */
TEST_F_TIMEOUT(wipe, right_beside_a_refused_one, 120)
{
	struct fx_session *s = &self->s;
	struct shared *sh = self->shared;
	struct fx_box box = { 0 };
	uint64_t refused = sh->canary_chunk - 1;
	uint64_t off = refused * EROT_CHUNK_SIZE - sh->big;
	uint8_t b;

	WORKS(fx_provision(s));
	WORKS(fx_attach(s));
	WORKS(fx_start(s, &box));
	ASSERT_EQ(0, erot_pread_full(self->payload.fd, &b, 1, refused * EROT_CHUNK_STRIDE));
	b ^= 1;
	ASSERT_EQ(0, erot_pwrite_full(self->payload.fd, &b, 1, refused * EROT_CHUNK_STRIDE));
	WORKS(fx_read(s, AGENT_COLD, FX_BIG, off, 2 * EROT_CHUNK_SIZE, &self->a));
	ASSERT_EQ(EIO, self->a.err);
	ASSERT_EQ(0, self->a.len);
	found(_metadata, sh, "refused", BIT(EVIDENCE_KEY) | BIT(CHUNK_KEY) | BIT(NONCE) |
	      BIT(VERITY_SALT), BIT(TREE) | BIT(SUPERBLOCK));
}

/* Death while chunks are decrypted on every processor. */
TEST_F_TIMEOUT(wipe, destroyed_while_it_reads, 120)
{
	struct agent_request churn = { .op = AGENT_CHURN, .len = 3, .path = FX_BIG };
	struct fx_session *s = &self->s;
	struct erot_nl_stats was, is;
	struct erot_nl_session got;
	struct fx_box box = { 0 };
	uint64_t end;
	int status;

	WORKS(fx_provision(s));
	WORKS(fx_attach(s));
	WORKS(fx_start(s, &box));
	WORKS(erot_nl_stats(fx.nl, &was, &fx_err));
	WORKS(fx_ask(s, &churn, &self->a));
	ASSERT_EQ(0, self->a.err);
	end = fx_end_ms(30);
	do {	/* more than once, so that it is in the midst of it */
		ASSERT_LT(0, fx_left_ms(end));
		WORKS(erot_nl_stats(fx.nl, &is, &fx_err));
	} while (is.chunks - was.chunks < 5 * FX_BIG_SIZE / EROT_CHUNK_SIZE / 2);
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fx_wait_state(s->n.id, EROT_STATE_RELEASED, 20, &got));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(got.evidence.flags));
	found(_metadata, self->shared, "released", 0, 0);
}

FX_MAIN
