// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: open race
 *
 * What the sandbox reads is what was packed, or an error; never anything else.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/io.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(read) {
	struct fx_session s;
	struct fx_payload payload;
	struct agent_answer a;
	uint64_t big;		/* where FX_BIG begins in the image */
	uint64_t first;		/* chunk that FX_BIG begins in, or just behind */
};

FIXTURE_SETUP(read)
{
	struct fx_knobs k = { .payload = &self->payload };
	struct fx_box box = { 0 };
	int image = fx_image_copy();

	self->s.n.fd = -1;
	WORKS(fx_begin());
	ASSERT_LE(0, image);
	WORKS(fx_big_at(image, &self->big));
	self->first = (self->big + EROT_CHUNK_SIZE - 1) / EROT_CHUNK_SIZE;
	WORKS(fx_payload_make("read", image, &self->payload));
	close(image);
	WORKS(fx_launch(&self->s, &k, &box));
}

FIXTURE_TEARDOWN(read)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

static void same(struct __test_metadata *_metadata, struct fx_session *s, uint32_t op, uint64_t off,
		 uint32_t len, struct agent_answer *a)
{
	uint32_t want = off >= FX_BIG_SIZE ? 0 :
			len < FX_BIG_SIZE - off ? len : (uint32_t)(FX_BIG_SIZE - off);

	WORKS(fx_read(s, op, FX_BIG, off, len, a));
	ASSERT_EQ(0, a->err);
	ASSERT_EQ(want, a->len);
	ASSERT_EQ(0, memcmp(fx.big + off, a->data, want)) {
		TH_LOG("other bytes at %llu, %u", (unsigned long long)off, len);
	}
}

TEST_F_TIMEOUT(read, whole, 60)
{
	uint64_t off;

	for (off = 0; off <= FX_BIG_SIZE; off += AGENT_DATA_MAX)
		same(_metadata, &self->s, AGENT_READ, off, AGENT_DATA_MAX, &self->a);
	/* a second time from the page cache */
	same(_metadata, &self->s, AGENT_READ, 0, AGENT_DATA_MAX, &self->a);
}

TEST_F_TIMEOUT(read, random_offsets, 60)
{
	uint64_t x = 88172645463325252ULL;
	uint32_t len;
	int i;

	for (i = 0; i < 300; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		len = (uint32_t)(x >> 40) % AGENT_DATA_MAX + 1;
		same(_metadata, &self->s, AGENT_READ, x % FX_BIG_SIZE, len, &self->a);
	}
}

TEST_F_TIMEOUT(read, mapped, 60)
{
	uint64_t off;

	/* backwards, so that readahead does not do the work */
	for (off = FX_BIG_SIZE / 4099 * 4099; off > 30 * 4099; off -= 30 * 4099)
		same(_metadata, &self->s, AGENT_MAP, off - 4099, 4099, &self->a);
}

/* Parts of a chunk, whole ones, and both, from each block that a read can begin with. */
TEST_F_TIMEOUT(read, every_alignment, 120)
{
	uint32_t block, blocks;

	for (block = 0; block < 2 * EROT_CHUNK_SIZE / EROT_IMAGE_ALIGN; block++)
		for (blocks = 1; blocks <= AGENT_DATA_MAX / EROT_IMAGE_ALIGN; blocks++)
			same(_metadata, &self->s, AGENT_COLD,
			     (uint64_t)(block * 5 + blocks) * EROT_IMAGE_ALIGN,
			     blocks * EROT_IMAGE_ALIGN, &self->a);
}

/* Chunks of one read are decrypted on more than one processor. */
TEST_F_TIMEOUT(read, on_all_processors, 60)
{
	struct erot_nl_stats st[2];
	int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "there is one processor");
	WORKS(erot_nl_stats(fx.nl, &st[0], &fx_err));
	for (i = 0; i < 40; i++)
		same(_metadata, &self->s, AGENT_COLD, (uint64_t)i * AGENT_DATA_MAX, AGENT_DATA_MAX,
		     &self->a);
	WORKS(erot_nl_stats(fx.nl, &st[1], &fx_err));
	TH_LOG("%llu of %llu chunks", (unsigned long long)(st[1].shared - st[0].shared),
	       (unsigned long long)(st[1].chunks - st[0].chunks));
	/* that none comes in time, forty times over, is not to be expected of any machine */
	ASSERT_LT(st[0].shared, st[1].shared);
	ASSERT_GT(st[1].chunks - st[0].chunks, st[1].shared - st[0].shared);
}

/* By one there is nobody to share with. */
TEST_F(read, one_chunk_is_not_shared)
{
	struct erot_nl_stats st[2];
	uint64_t off = self->first * EROT_CHUNK_SIZE - self->big;
	int i;

	/* so that the agent's own code is in memory */
	same(_metadata, &self->s, AGENT_COLD, off, EROT_CHUNK_SIZE, &self->a);
	WORKS(erot_nl_stats(fx.nl, &st[0], &fx_err));
	for (i = 0; i < 40; i++, off += EROT_CHUNK_SIZE)
		same(_metadata, &self->s, AGENT_COLD, off, EROT_CHUNK_SIZE, &self->a);
	WORKS(erot_nl_stats(fx.nl, &st[1], &fx_err));
	ASSERT_EQ(st[0].shared, st[1].shared);
}

static void corrupt(struct __test_metadata *_metadata, struct fx_payload *p, uint64_t chunk)
{
	uint64_t at = chunk * EROT_CHUNK_STRIDE + 777;
	uint8_t b;

	ASSERT_EQ(0, erot_pread_full(p->fd, &b, 1, at));
	b ^= 0x04;
	ASSERT_EQ(0, erot_pwrite_full(p->fd, &b, 1, at));
}

/* One byte of one chunk: that chunk's reads fail, are told and counted; all else goes on. */
TEST_F_TIMEOUT(read, damaged_while_running, 60)
{
	uint64_t chunk = self->first + 130, before = 129 * EROT_CHUNK_SIZE;
	struct erot_nl_stats st[2];
	struct erot_nl_session got;
	struct erot_evidence ev;
	struct erot_nl_event e;
	int fd, status;

	WORKS(erot_nl_subscribe(fx.nl, &fd, &fx_err));
	WORKS(erot_nl_stats(fx.nl, &st[0], &fx_err));
	same(_metadata, &self->s, AGENT_READ, 0, 4096, &self->a);
	corrupt(_metadata, &self->payload, chunk);
	/* offset in the file of the middle of the chunk, wherever the file begins */
	WORKS(fx_read(&self->s, AGENT_MAP, FX_BIG, before + 2 * EROT_CHUNK_SIZE - 8192, 16,
		      &self->a));
	if (!self->a.err)	/* it begins a little earlier */
		WORKS(fx_read(&self->s, AGENT_MAP, FX_BIG, before + EROT_CHUNK_SIZE, 16, &self->a));
	ASSERT_EQ(AGENT_SIGBUS, self->a.err);
	WORKS(fx_wait_event(EROT_EVENT_DAMAGED, 10, &e));
	ASSERT_MEMEQ(self->s.n.id, e.id, EROT_ID_SIZE);
	ASSERT_EQ(chunk, e.chunk);
	WORKS(fx_read(&self->s, AGENT_READ, FX_BIG, before, 3 * EROT_CHUNK_SIZE, &self->a));
	ASSERT_EQ(EIO, self->a.err);
	/* bytes that came before the damage are right */
	ASSERT_EQ(0, memcmp(fx.big + before, self->a.data, self->a.len));
	WORKS(erot_nl_stats(fx.nl, &st[1], &fx_err));
	ASSERT_LT(st[0].damaged, st[1].damaged);

	/* nothing else */
	same(_metadata, &self->s, AGENT_READ, 0, AGENT_DATA_MAX, &self->a);
	same(_metadata, &self->s, AGENT_READ, 150 * EROT_CHUNK_SIZE, 4096, &self->a);
	WORKS(erot_nl_get(fx.nl, self->s.n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_RUNNING, got.state);

	/* mended, it reads again */
	corrupt(_metadata, &self->payload, chunk);
	same(_metadata, &self->s, AGENT_READ, before, 3 * EROT_CHUNK_SIZE, &self->a);
	ASSERT_EQ(0, kill(self->s.pid, SIGKILL));
	WORKS(fx_wait(&self->s, 20, &status));
	WORKS(fx_evidence(&self->s, 20, &ev));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_DAMAGED | EROT_EV_RELEASED, le32toh(ev.flags));
}

struct told {
	uint64_t chunk;
	unsigned int right;
	unsigned int wrong;
};

static void tell(void *ctx, const struct erot_nl_event *e)
{
	struct told *t = ctx;

	if (e->event != EROT_EVENT_DAMAGED)
		return;
	if (e->chunk == t->chunk)
		t->right++;
	else
		t->wrong++;
}

/* Two of four that are read at once are damaged: the first is told, whichever was found first. */
TEST_F_TIMEOUT(read, damaged_in_one_read, 60)
{
	struct fx_payload *p = &self->payload;
	uint64_t chunk, off;
	struct told t;
	int fd, i;

	WORKS(erot_nl_subscribe(fx.nl, &fd, &fx_err));
	for (i = 0; i < 12; i++) {
		chunk = self->first + 20 + 5 * (uint64_t)i;
		off = chunk * EROT_CHUNK_SIZE - self->big;
		corrupt(_metadata, p, chunk + i % 3);
		corrupt(_metadata, p, chunk + 3);
		WORKS(fx_read(&self->s, AGENT_COLD, FX_BIG, off, 4 * EROT_CHUNK_SIZE, &self->a));
		ASSERT_EQ(EIO, self->a.err);
		/* what came before it was asked for page by page, and is right */
		ASSERT_EQ(i % 3 * EROT_CHUNK_SIZE, self->a.len);
		ASSERT_EQ(0, memcmp(fx.big + off, self->a.data, self->a.len));
		/* told before the read returned */
		t = (struct told){ .chunk = chunk + i % 3 };
		ASSERT_LT(0, erot_nl_recv(fx.nl, tell, &t, &fx_err));
		ASSERT_LT(0, t.right);
		ASSERT_EQ(0, t.wrong);
		corrupt(_metadata, p, chunk + i % 3);
		corrupt(_metadata, p, chunk + 3);
		same(_metadata, &self->s, AGENT_COLD, off, 4 * EROT_CHUNK_SIZE, &self->a);
	}
}

/* Every chunk is authentic, but not where it stands. */
TEST_F(read, chunks_exchanged)
{
	static uint8_t a[EROT_CHUNK_STRIDE], b[EROT_CHUNK_STRIDE];
	uint64_t one = self->first + 130, two = self->first + 131;
	struct fx_payload *p = &self->payload;

	ASSERT_EQ(0, erot_pread_full(p->fd, a, sizeof(a), one * sizeof(a)));
	ASSERT_EQ(0, erot_pread_full(p->fd, b, sizeof(b), two * sizeof(b)));
	ASSERT_EQ(0, erot_pwrite_full(p->fd, b, sizeof(b), one * sizeof(a)));
	ASSERT_EQ(0, erot_pwrite_full(p->fd, a, sizeof(a), two * sizeof(b)));
	WORKS(fx_read(&self->s, AGENT_READ, FX_BIG, 131 * EROT_CHUNK_SIZE, 16, &self->a));
	ASSERT_EQ(EIO, self->a.err);
	ASSERT_EQ(0, self->a.len);
}

/* The chunk is authentic and in its place, but the image is another: only the tree tells. */
TEST_F(read, chunk_of_another_image)
{
	static uint8_t plain[EROT_CHUNK_SIZE], cipher[EROT_CHUNK_STRIDE];
	struct fx_payload *p = &self->payload;
	struct erot_payload_keys keys;
	uint64_t chunk = self->first + 130;

	WORKS(erot_payload_keys(p->content_key, p->salt, &keys));
	memset(plain, 0x41, sizeof(plain));
	WORKS(erot_chunk_seal(&keys, chunk, plain, sizeof(plain), cipher));
	ASSERT_EQ(0, erot_pwrite_full(p->fd, cipher, sizeof(cipher), chunk * sizeof(cipher)));
	WORKS(fx_read(&self->s, AGENT_READ, FX_BIG, chunk * EROT_CHUNK_SIZE - self->big, 16,
		      &self->a));
	ASSERT_EQ(EIO, self->a.err);
	ASSERT_EQ(0, self->a.len);
}

TEST_F(read, truncated_while_running)
{
	struct fx_payload *p = &self->payload;

	ASSERT_EQ(0, ftruncate(p->fd, (off_t)((self->first + 130) * EROT_CHUNK_STRIDE + 5)));
	WORKS(fx_read(&self->s, AGENT_READ, FX_BIG, 131 * EROT_CHUNK_SIZE, 16, &self->a));
	ASSERT_EQ(EIO, self->a.err);
	same(_metadata, &self->s, AGENT_READ, 0, 4096, &self->a);
}

/* ---- payloads that were made to deceive: by one who has the keys, and not the code hash */

FIXTURE(forged) {
	struct fx_session s;
	struct fx_payload payload;
	struct agent_answer a;
	int image;
};

FIXTURE_SETUP(forged)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
	self->image = fx_image_copy();
	ASSERT_LE(0, self->image);
}

FIXTURE_TEARDOWN(forged)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

/* A tree that vouches for another chunk: only its root, in the descriptor, tells. */
TEST_F(forged, chunk_and_tree)
{
	static uint8_t plain[EROT_CHUNK_SIZE], cipher[EROT_CHUNK_STRIDE];
	struct fx_payload *p = &self->payload;
	struct fx_knobs k = { .payload = p };
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	struct erot_payload_keys keys;
	uint64_t tree;

	WORKS(fx_payload_make("forged", self->image, p));
	tree = p->shape.chunk_count - 1 - p->shape.tree_len / EROT_CHUNK_SIZE;
	WORKS(erot_payload_keys(p->content_key, p->salt, &keys));
	ASSERT_EQ(0, erot_pread_full(p->fd, cipher, sizeof(cipher), tree * sizeof(cipher)));
	WORKS(erot_chunk_open(&keys, tree, cipher, sizeof(cipher), plain));
	/* of a chunk that the mount does not read: what counts is that the tree is another */
	plain[(tree - 2) * EROT_DIGEST_SIZE] ^= 1;
	WORKS(erot_chunk_seal(&keys, tree, plain, sizeof(plain), cipher));
	ASSERT_EQ(0, erot_pwrite_full(p->fd, cipher, sizeof(cipher), tree * sizeof(cipher)));
	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	REFUSED(EIO, "", fx_mount(s));
}

/* /data/small is at @block from now on. */
static void move_small(struct __test_metadata *_metadata, int image, uint32_t block)
{
	uint32_t meta, start = htole32(block);
	uint8_t compat;
	struct stat st;

	/* where the inode is: st_ino slots of 32 bytes from the metadata's first block */
	ASSERT_TRUE(!mkdir("/tmp/plain", 0700) || errno == EEXIST);
	ASSERT_EQ(0, mount(FX_DIR "/image", "/tmp/plain", "erofs", MS_RDONLY, NULL));
	ASSERT_EQ(0, stat("/tmp/plain/data/small", &st));
	ASSERT_EQ(0, umount("/tmp/plain"));
	ASSERT_EQ(0, erot_pread_full(image, &meta, 4, 1024 + 40));
	ASSERT_EQ(0, erot_pwrite_full(image, &start, 4,
				      le32toh(meta) * 4096ULL + st.st_ino * 32 + 16));
	/* the checksum of the superblock covers its whole block */
	ASSERT_EQ(0, erot_pread_full(image, &compat, 1, 1024 + 8));
	compat &= 0xfe;
	ASSERT_EQ(0, erot_pwrite_full(image, &compat, 1, 1024 + 8));
}

/* An inode whose data lies behind the image, in what fills its last chunk up. */
TEST_F(forged, data_behind_the_end)
{
	struct fx_payload *p = &self->payload;
	struct fx_knobs k = { .payload = p };
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	struct erot_evidence ev;
	off_t len;
	int status;

	len = lseek(self->image, 0, SEEK_END);
	if (len % EROT_CHUNK_SIZE == 0)
		len += EROT_IMAGE_ALIGN;
	ASSERT_EQ(0, ftruncate(self->image, len));
	move_small(_metadata, self->image, (uint32_t)(len / 4096));

	WORKS(fx_payload_make("behind", self->image, p));
	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_read(s, AGENT_READ, "/data/small", 0, 6, &self->a));
	ASSERT_EQ(EIO, self->a.err);
	ASSERT_EQ(0, self->a.len);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fx_evidence(s, 20, &ev));
	/* no chunk was damaged */
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(ev.flags));
}

/* More chunks than one block of the tree has hashes: there are two levels, three blocks. */
TEST_F_TIMEOUT(forged, nothing_but_two_levels, 60)
{
	struct fx_payload *p = &self->payload;
	struct fx_knobs k = { .payload = p };
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	uint64_t off;

	ASSERT_EQ(0, ftruncate(self->image, 600 * EROT_CHUNK_SIZE));
	WORKS(fx_payload_make("levels", self->image, p));
	ASSERT_EQ(3 * EROT_CHUNK_SIZE, p->shape.tree_len);
	WORKS(fx_launch(s, &k, &box));
	for (off = 0; off < FX_BIG_SIZE; off += AGENT_DATA_MAX)
		same(_metadata, s, AGENT_READ, off, AGENT_DATA_MAX, &self->a);
}

/*
 * The tree is replaced while the workload runs, by authentic blocks in their places that vouch for
 * something else. What is kept of it was compared before: root, and the block that speaks of all
 * that the mount reads. The other one is refused when something needs it.
 */
TEST_F_TIMEOUT(forged, tree_while_running, 60)
{
	static uint8_t plain[EROT_CHUNK_SIZE], cipher[EROT_CHUNK_STRIDE];
	const uint64_t chunks = 600;
	struct fx_payload *p = &self->payload;
	struct fx_knobs k = { .payload = p };
	struct erot_payload_keys keys;
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	struct erot_nl_event e;
	uint64_t i;
	int fd;

	ASSERT_EQ(0, ftruncate(self->image, (off_t)(chunks * EROT_CHUNK_SIZE)));
	move_small(_metadata, self->image, (uint32_t)((chunks - 1) * EROT_CHUNK_SIZE / 4096));
	WORKS(fx_payload_make("tree", self->image, p));
	ASSERT_EQ(3 * EROT_CHUNK_SIZE, p->shape.tree_len);
	WORKS(fx_launch(s, &k, &box));
	same(_metadata, s, AGENT_READ, 0, 16, &self->a);
	WORKS(erot_payload_keys(p->content_key, p->salt, &keys));
	for (i = chunks; i < chunks + 3; i++) {	/* root first */
		WORKS(erot_chunk_seal(&keys, i, plain, sizeof(plain), cipher));
		ASSERT_EQ(0, erot_pwrite_full(p->fd, cipher, sizeof(cipher), i * sizeof(cipher)));
	}
	same(_metadata, s, AGENT_READ, FX_BIG_SIZE / 2, AGENT_DATA_MAX, &self->a);
	WORKS(erot_nl_subscribe(fx.nl, &fd, &fx_err));
	WORKS(fx_read(s, AGENT_READ, "/data/small", 0, 6, &self->a));
	ASSERT_EQ(EIO, self->a.err);
	ASSERT_EQ(0, self->a.len);
	WORKS(fx_wait_event(EROT_EVENT_DAMAGED, 10, &e));
	ASSERT_EQ(chunks + 2, e.chunk);
}

/* Two sessions at once: each with keys, chunks, processes and an end of its own. */
TEST_F_TIMEOUT(read, two_sessions, 60)
{
	static struct agent_answer other_answer;
	struct fx_session other = { .n.fd = -1 };
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct erot_evidence ev;
	struct erot_nl_stats st;
	char path[64];
	uint64_t off;
	int status;

	WORKS(fx_launch(&other, &k, &box));
	for (off = 0; off < FX_BIG_SIZE / 4; off += 70001) {
		same(_metadata, &self->s, AGENT_READ, off, 40000, &self->a);
		same(_metadata, &other, AGENT_READ, FX_BIG_SIZE / 2 - off, 40000, &other_answer);
	}
	WORKS(erot_nl_stats(fx.nl, &st, &fx_err));
	ASSERT_EQ(2, st.keys);
	ASSERT_EQ(2, st.sessions);
	/* neither sees the other's process */
	snprintf(path, sizeof(path), "/proc/%d/status", (int)other.pid);
	WORKS(fx_read(&self->s, AGENT_READ, path, 0, 16, &self->a));
	ASSERT_EQ(ENOENT, self->a.err);

	ASSERT_EQ(0, kill(other.pid, SIGKILL));
	WORKS(fx_wait(&other, 20, &status));
	WORKS(fx_evidence(&other, 20, &ev));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(ev.flags));
	fx_end(&other);
	same(_metadata, &self->s, AGENT_READ, FX_BIG_SIZE - 50000, 40000, &self->a);
}

FX_MAIN
