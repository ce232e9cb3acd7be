// SPDX-License-Identifier: GPL-2.0-only
/* Envelopes, payloads and files that ATTACH must refuse. A refused session stays PROVISIONED. */
#define _GNU_SOURCE
#include <endian.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/io.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(envelope) {
	struct fx_session s;
	struct fx_payload payload;
	int image;
};

FIXTURE_SETUP(envelope)
{
	self->s.n.fd = -1;
	self->image = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(envelope)
{
	struct erot_nl_session got;

	/* what was refused has left the session where it was */
	if (self->s.n.fd >= 0 && self->s.image_fd < 0) {
		WORKS(erot_nl_get(fx.nl, self->s.n.id, &got, &fx_err));
		EXPECT_EQ(EROT_STATE_PROVISIONED, got.state);
	}
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

TEST_F_TIMEOUT(envelope, every_byte_altered, 120)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	uint8_t b;
	size_t i;
	int ret;

	WORKS(fx_until_attach(s, &k));
	for (i = 0; i < s->env_len; i++) {
		b = s->env[i] ^ (uint8_t)(1U << i % 8);
		ASSERT_EQ(0, erot_pwrite_full(s->env_fd, &b, 1, i));
		ret = fx_attach(s);
		ASSERT_EQ(0, erot_pwrite_full(s->env_fd, &s->env[i], 1, i));
		/* the head says how much is read; behind it the digest decides */
		ASSERT_TRUE(ret == -EKEYREJECTED ||
			    (i < sizeof(struct erot_head) &&
			     (ret == -EPROTO || ret == -EMSGSIZE))) {
			TH_LOG("byte %zu: %d %s", i, ret, fx_err.text);
		}
		ASSERT_NE(NULL, strstr(fx_err.text, "envelope: "));
	}
	WORKS(fx_attach(s));
}

TEST_F(envelope, truncated)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	size_t i;

	WORKS(fx_until_attach(s, &k));
	for (i = 0; i < s->env_len; i += i < 200 ? 1 : 17) {
		ASSERT_EQ(0, ftruncate(s->env_fd, (off_t)i));
		REFUSED(EPROTO, "envelope: cannot be read whole", fx_attach(s));
		ASSERT_EQ(0, erot_pwrite_full(s->env_fd, s->env, s->env_len, 0));
	}
	WORKS(fx_attach(s));
}

TEST_F(envelope, of_another_receipt)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .other_envelope = true };

	WORKS(fx_until_attach(s, &k));
	REFUSED(EKEYREJECTED, "its digest is not the receipt's", fx_attach(s));
}

/* The envelope is the receipt's, and yet tells of another manifest. */
TEST_F(envelope, manifest_of_another_receipt)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .other_manifest = true };

	WORKS(fx_until_attach(s, &k));
	REFUSED(EKEYREJECTED, "its manifest is not the receipt's", fx_attach(s));
}

TEST_F(envelope, longer_manifest)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .longer_manifest = true };

	WORKS(fx_until_attach(s, &k));
	REFUSED(EKEYREJECTED, "its manifest is not the receipt's", fx_attach(s));
}

TEST_F(envelope, payload_length)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .payload = &self->payload };
	off_t len;

	self->image = fx_image_copy();
	WORKS(fx_payload_make("length", self->image, &self->payload));
	len = (off_t)self->payload.shape.payload_len;
	WORKS(fx_until_attach(s, &k));
	ASSERT_EQ(0, ftruncate(self->payload.fd, len - 1));
	REFUSED(EPROTO, "payload: file has not the length", fx_attach(s));
	ASSERT_EQ(0, ftruncate(self->payload.fd, 0));
	REFUSED(EPROTO, "payload: file has not the length", fx_attach(s));
	ASSERT_EQ(0, ftruncate(self->payload.fd, len + 1));
	REFUSED(EPROTO, "payload: file has not the length", fx_attach(s));
	/* the right length does not bring the bytes back */
	ASSERT_EQ(0, ftruncate(self->payload.fd, len));
	REFUSED(EBADMSG, "payload: damaged", fx_attach(s));
}

TEST_F(envelope, payload_of_another_envelope)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };

	/* the same image, the same length, another content key */
	self->image = fx_image_copy();
	WORKS(fx_payload_make("another", self->image, &self->payload));
	WORKS(fx_until_attach(s, &k));
	ASSERT_EQ(fx.payload.shape.payload_len, self->payload.shape.payload_len);
	REFUSED(EBADMSG, "payload: damaged", fx_attach_fds(s, s->env_fd, self->payload.fd));
	WORKS(fx_attach(s));
}

/* First chunk (superblock) and last one (verity descriptor) are looked at by ATTACH. */
TEST_F_TIMEOUT(envelope, payload_first_and_last_chunk, 60)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .payload = &self->payload };
	uint64_t len, i;
	uint8_t b, bad;

	self->image = fx_image_copy();
	WORKS(fx_payload_make("edges", self->image, &self->payload));
	len = self->payload.shape.payload_len;
	WORKS(fx_until_attach(s, &k));
	for (i = 0; i < len; i += i < EROT_CHUNK_STRIDE - 311 ? 311 : 1) {
		if (i == EROT_CHUNK_STRIDE)
			i = len - EROT_VERITY_DESC_SIZE - EROT_TAG_SIZE;
		ASSERT_EQ(0, erot_pread_full(self->payload.fd, &b, 1, i));
		bad = b ^ 0x10;
		ASSERT_EQ(0, erot_pwrite_full(self->payload.fd, &bad, 1, i));
		REFUSED(EBADMSG, "payload: damaged", fx_attach(s));
		ASSERT_EQ(0, erot_pwrite_full(self->payload.fd, &b, 1, i));
	}
	WORKS(fx_attach(s));
}

TEST_F(envelope, wrong_code_hash)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .other_code_hash = true };

	WORKS(fx_until_attach(s, &k));
	REFUSED(EKEYREJECTED, "code hash: the payload's image is not the one authorised",
		fx_attach(s));
}

FIXTURE(super) {
	struct fx_session s;
	struct fx_payload payload;
};

/* @off from the start of the superblock at 1024; the checksum's feature is switched off */
FIXTURE_VARIANT(super) {
	unsigned int off;
	unsigned int size;
	uint32_t value;
	const char *words;
};

#define SUPER(name, o, n, v, text) \
FIXTURE_VARIANT_ADD(super, name) = { .off = o, .size = n, .value = v, .words = text }

SUPER(magic, 0, 4, 0xe0f5e1e3, "not EROFS");
SUPER(compat, 8, 4, 0x08, "compatible feature that is not allowed");
SUPER(block_size, 12, 1, 9, "block size");
SUPER(extslots, 13, 1, 1, "extension");
SUPER(blocks_none, 36, 4, 0, "more blocks than the image has");
SUPER(blocks_too_many, 36, 4, 0x7fffffff, "more blocks than the image has");
SUPER(zero_padding, 80, 4, 0x01, "compressed");
SUPER(compr_cfgs, 80, 4, 0x02, "compressed");
SUPER(chunked_file, 80, 4, 0x04, "incompatible feature");
SUPER(device_table, 80, 4, 0x08, "extra devices");
SUPER(ztailpacking, 80, 4, 0x10, "compressed");
SUPER(fragments, 80, 4, 0x20, "incompatible feature");
SUPER(xattr_prefixes, 80, 4, 0x40, "incompatible feature");
SUPER(unknown_feature, 80, 4, 0x80000000, "incompatible feature");
SUPER(compression, 84, 2, 1, "compressed");
SUPER(extra_devices, 86, 2, 1, "extra devices");
SUPER(dirblkbits, 90, 1, 1, "extension");
SUPER(prefix_count, 91, 1, 1, "extension");
SUPER(packed_nid, 96, 4, 40, "packed inode");
SUPER(reserved, 127, 1, 1, "extension");

FIXTURE_SETUP(super)
{
	struct fx_knobs k = { .payload = &self->payload };
	uint8_t sb[128], value[4];
	uint32_t compat;
	int image = fx_image_copy();

	self->s.n.fd = -1;
	WORKS(fx_begin());
	ASSERT_LE(0, image);
	ASSERT_EQ(0, erot_pread_full(image, sb, sizeof(sb), 1024));
	memcpy(&compat, sb + 8, sizeof(compat));
	compat &= ~htole32(1);
	memcpy(sb + 8, &compat, sizeof(compat));
	value[0] = (uint8_t)variant->value;
	value[1] = (uint8_t)(variant->value >> 8);
	value[2] = (uint8_t)(variant->value >> 16);
	value[3] = (uint8_t)(variant->value >> 24);
	ASSERT_NE(0, memcmp(sb + variant->off, value, variant->size));
	memcpy(sb + variant->off, value, variant->size);
	ASSERT_EQ(0, erot_pwrite_full(image, sb, sizeof(sb), 1024));
	WORKS(fx_payload_make("super", image, &self->payload));
	close(image);
	WORKS(fx_until_attach(&self->s, &k));
}

FIXTURE_TEARDOWN(super)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

TEST_F(super, refused)
{
	REFUSED(EPROTO, variant->words, fx_attach(&self->s));
}

/*
 * Of two superblocks that are both sealed with the right key, the one that ATTACH saw is harmless,
 * and the code hash is the other one's, which is put in its place behind it.
 */
TEST_F(envelope, superblock_exchanged_after_attach)
{
	const uint8_t chunked_file[4] = { 0x04 };
	uint8_t other[EROT_CHUNK_STRIDE], harmless[EROT_CHUNK_STRIDE], hash[EROT_DIGEST_SIZE];
	struct fx_knobs k = { .payload = &self->payload };
	struct fx_session *s = &self->s;
	struct erot_payload_shape shape;
	struct fx_box box = { 0 };
	uint8_t compat;
	int plain, fd;

	self->image = fx_image_copy();
	plain = fx_image_copy();
	fd = fx_temp_file("", 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, erot_pread_full(self->image, &compat, 1, 1024 + 8));
	compat &= 0xfe;
	ASSERT_EQ(0, erot_pwrite_full(self->image, &compat, 1, 1024 + 8));
	ASSERT_EQ(0, erot_pwrite_full(self->image, chunked_file, 4, 1024 + 80));
	WORKS(fx_payload_make("other", self->image, &self->payload));
	WORKS(erot_payload_encrypt(plain, fd, 0, self->payload.content_key, self->payload.salt,
				   NULL, NULL, &shape, hash, &fx_err));
	ASSERT_EQ(0, erot_pread_full(self->payload.fd, other, sizeof(other), 0));
	ASSERT_EQ(0, erot_pread_full(fd, harmless, sizeof(harmless), 0));
	ASSERT_EQ(0, erot_pwrite_full(self->payload.fd, harmless, sizeof(harmless), 0));
	WORKS(fx_until_bind(s, &k));
	ASSERT_EQ(0, erot_pwrite_full(self->payload.fd, other, sizeof(other), 0));
	WORKS(fx_box_bind(s, &box));
	REFUSED(EIO, "", fx_mount(s));
	close(plain);
	close(fd);
}

/* The same without its checksum is let through: refused is the patch, not the patching. */
TEST_F(envelope, superblock_without_checksum)
{
	struct fx_knobs k = { .payload = &self->payload };
	uint8_t compat;

	self->image = fx_image_copy();
	ASSERT_EQ(0, erot_pread_full(self->image, &compat, 1, 1024 + 8));
	compat &= 0xfe;
	ASSERT_EQ(0, erot_pwrite_full(self->image, &compat, 1, 1024 + 8));
	WORKS(fx_payload_make("unsummed", self->image, &self->payload));
	WORKS(fx_until_attach(&self->s, &k));
	WORKS(fx_attach(&self->s));
}

TEST_F(envelope, superblock_checksum)
{
	struct fx_knobs k = { .payload = &self->payload };
	uint8_t sum[4];

	self->image = fx_image_copy();
	ASSERT_EQ(0, erot_pread_full(self->image, sum, 1, 1024 + 8));
	if (!(sum[0] & 1)) {
		sum[0] |= 1;
		ASSERT_EQ(0, erot_pwrite_full(self->image, sum, 1, 1024 + 8));
	}
	ASSERT_EQ(0, erot_pread_full(self->image, sum, 4, 1024 + 4));
	sum[2] ^= 4;
	ASSERT_EQ(0, erot_pwrite_full(self->image, sum, 4, 1024 + 4));
	WORKS(fx_payload_make("missummed", self->image, &self->payload));
	WORKS(fx_until_attach(&self->s, &k));
	REFUSED(EPROTO, "checksum", fx_attach(&self->s));
}

/* ---- files that are none of those that may lie under a payload */

/* Closes @fd: what it holds open may keep another session from its end. */
static void backing(struct __test_metadata *_metadata, struct fx_session *s, int fd, int num,
		    const char *words)
{
	ASSERT_LE(0, fd) { TH_LOG("no descriptor: %s", strerror(errno)); }
	REFUSED(num, words, fx_attach_fds(s, s->env_fd, fd));
	REFUSED(num, words, fx_attach_fds(s, fd, fx.payload.fd));
	close(fd);
}

TEST_F(envelope, descriptors)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	char path[64];
	int pipefd[2];

	WORKS(fx_until_attach(s, &k));
	REFUSED(EBADF, "not open", fx_attach_fds(s, -1, fx.payload.fd));
	REFUSED(EBADF, "not open", fx_attach_fds(s, s->env_fd, 999));
	backing(_metadata, s, open(FX_DIR "/image", O_PATH), EBADF, "not open");
	backing(_metadata, s, open(FX_DIR "/image", O_WRONLY), EBADF, "not open for reading");
	ASSERT_EQ(0, pipe(pipefd));
	backing(_metadata, s, pipefd[0], EINVAL, "not a regular file");
	backing(_metadata, s, open(FX_DIR, O_RDONLY), EINVAL, "not a regular file");
	backing(_metadata, s, open("/dev/zero", O_RDONLY), EINVAL, "not a regular file");
	backing(_metadata, s, open("/proc/version", O_RDONLY), EOPNOTSUPP, "filesystem");
	backing(_metadata, s, dup(s->n.fd), EINVAL, "not a regular file");
	/* a file of the right kind with the right bytes, opened anew, is as good */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->env_fd);
	WORKS(fx_attach_fds(s, open(path, O_RDONLY | O_CLOEXEC), fx.payload.fd));
}

TEST_F(envelope, the_same_file_for_both)
{
	struct fx_knobs k = { 0 };

	WORKS(fx_until_attach(&self->s, &k));
	REFUSED(EPROTO, "payload: file has not the length",
		fx_attach_fds(&self->s, self->s.env_fd, self->s.env_fd));
	/* as long as the payload that the envelope wants in a file of its own */
	ASSERT_EQ(0, ftruncate(self->s.env_fd, (off_t)fx.payload.shape.payload_len));
	REFUSED(EPROTO, "payload: envelope and payload overlap",
		fx_attach_fds(&self->s, self->s.env_fd, self->s.env_fd));
}

TEST_F(envelope, on_a_stacked_filesystem)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };

	WORKS(fx_until_attach(s, &k));
	ASSERT_EQ(0, mkdir("/tmp/ovl", 0700));
	ASSERT_EQ(0, mkdir("/tmp/ovl/up", 0700));
	ASSERT_EQ(0, mkdir("/tmp/ovl/work", 0700));
	ASSERT_EQ(0, mkdir("/tmp/ovl/mnt", 0700));
	ASSERT_EQ(0, mount("overlay", "/tmp/ovl/mnt", "overlay", 0,
			   "lowerdir=" FX_DIR ",upperdir=/tmp/ovl/up,workdir=/tmp/ovl/work"));
	backing(_metadata, s, open("/tmp/ovl/mnt/image", O_RDONLY | O_CLOEXEC), EOPNOTSUPP,
		"filesystem");
	umount2("/tmp/ovl/mnt", MNT_DETACH);
}

TEST_F(envelope, inside_a_payload)
{
	struct fx_session *s = &self->s, t = { .n.fd = -1 };
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };

	/* the image descriptor of another session, and a file in its mount */
	WORKS(fx_until_bind(&t, &k));
	WORKS(fx_until_attach(s, &k));
	backing(_metadata, s, dup(t.image_fd), EOPNOTSUPP, "filesystem");
	WORKS(fx_box_bind(&t, &box));
	WORKS(fx_mount(&t));
	backing(_metadata, s, openat(t.mount_fd, "data/small", O_RDONLY | O_CLOEXEC), EOPNOTSUPP,
		"filesystem");
	WORKS(fx_attach(s));
	fx_end(&t);
}

/* ---- FUSE: just enough of a server for one regular file as the root of the mount */

static void *fuse_serve(void *arg)
{
	static char buf[FUSE_MIN_READ_BUFFER + (1 << 20)];
	int fd = *(int *)arg;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		struct fuse_in_header *in = (void *)buf;
		struct {
			struct fuse_out_header h;
			union {
				struct fuse_init_out init;
				struct fuse_open_out open;
				struct fuse_attr_out attr;
			};
		} out = { .h.unique = in->unique, .h.len = sizeof(out.h) };

		if (in->opcode == FUSE_INIT) {
			out.init.major = FUSE_KERNEL_VERSION;
			out.init.minor = 31;
			out.init.max_write = 4096;
			out.h.len += sizeof(out.init);
		} else if (in->opcode == FUSE_OPEN) {
			out.h.len += sizeof(out.open);
		} else if (in->opcode == FUSE_GETATTR) {
			out.attr.attr.ino = 1;
			out.attr.attr.mode = S_IFREG | 0644;
			out.attr.attr.nlink = 1;
			out.attr.attr.size = 1 << 20;
			out.h.len += sizeof(out.attr);
		} else {
			out.h.error = -ENOSYS;
		}
		if (in->opcode != FUSE_FORGET && in->opcode != FUSE_RELEASE &&
		    write(fd, &out, out.h.len) < 0)
			break;
	}
	return NULL;
}

TEST_F(envelope, on_fuse)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC), fd;
	char options[128];
	pthread_t thread;

	if (dev < 0)
		SKIP(return, "no /dev/fuse: %s", strerror(errno));
	WORKS(fx_until_attach(s, &k));
	close(open("/tmp/fuse-file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	snprintf(options, sizeof(options), "fd=%d,rootmode=100644,user_id=0,group_id=0", dev);
	ASSERT_EQ(0, mount("test", "/tmp/fuse-file", "fuse", MS_NOSUID | MS_NODEV, options));
	ASSERT_EQ(0, pthread_create(&thread, NULL, fuse_serve, &dev));
	fd = open("/tmp/fuse-file", O_RDONLY | O_CLOEXEC);
	backing(_metadata, s, fd, EOPNOTSUPP, "filesystem");
	umount2("/tmp/fuse-file", MNT_DETACH);
	pthread_cancel(thread);
	close(dev);
}

FX_MAIN
