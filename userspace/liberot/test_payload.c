// SPDX-License-Identifier: GPL-2.0-only
/*
 * Payloads and code hashes, against Python's cryptography for the chunks and the fsverity command
 * for the digest.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* memfd_create() */
#endif
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "common/io.h"
#include "common/tap.h"
#include "liberot/payload.h"

extern char **environ;

static const uint8_t content_key[32] = "0123456789abcdef0123456789abcdef";
static const uint8_t salt[24] = "saltsaltsaltsaltsaltsalt";

static void die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

static int temp_file(void)
{
	int fd = memfd_create("erot-test", MFD_CLOEXEC);

	if (fd < 0)
		die("memfd_create");
	return fd;
}

/* Runs a command with descriptors for stdin and stdout. */
static int run(char **argv, int in, int out)
{
	posix_spawn_file_actions_t fa;
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&fa, in, 0);
	posix_spawn_file_actions_adddup2(&fa, out, 1);
	if (posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		die(argv[0]);
	posix_spawn_file_actions_destroy(&fa);
	return status;
}

static void fill(uint8_t *p, size_t len, uint32_t x)
{
	while (len--) {
		x = x * 1664525 + 1013904223;
		*p++ = (uint8_t)(x >> 24);
	}
}

static int make_image(size_t len, uint32_t seed)
{
	uint8_t *p = malloc(len);
	int fd = temp_file();

	fill(p, len, seed);
	if (erot_pwrite_full(fd, p, len, 0))
		die("writing an image");
	free(p);
	return fd;
}

/* salt || commitment || chunks must be what the oracle makes of the same message. */
static void test_cobblestone(size_t len)
{
	static const char context[] = "some context";
	uint8_t *pt = malloc(len + 1), *mine = malloc(len + 100 + 16 * (len / 16384 + 1)), *theirs;
	char key_hex[65], salt_hex[49], context_hex[2 * sizeof(context)];
	char *argv[] = { "/usr/bin/python3", (char *)tap_source("userspace/liberot/oracle.py"),
			 "chunked", key_hex, salt_hex, context_hex, NULL };
	struct erot_error err = { 0 };
	struct erot_payload_keys keys;
	size_t n = 56, chunk, got;
	int in = temp_file(), out = temp_file();

	fill(pt, len, 7);
	erot_hex(content_key, 32, key_hex);
	erot_hex(salt, 24, salt_hex);
	erot_hex(context, sizeof(context) - 1, context_hex);
	erot_write_full(in, pt, len);
	lseek(in, 0, SEEK_SET);
	tap_ok(run(argv, in, out) == 0, "oracle, %zu bytes", len);
	lseek(out, 0, SEEK_SET);
	if (erot_read_fd(out, "oracle", 1 << 24, &theirs, &got, &err))
		die(err.text);
	if (erot_cobblestone_keys(content_key, salt, context, sizeof(context) - 1, &keys))
		die("keys");
	memcpy(mine, salt, 24);
	memcpy(mine + 24, keys.commitment, 32);
	for (chunk = 0; chunk <= len / 16384; chunk++) {
		size_t size = len - chunk * 16384;

		if (size > 16384)
			size = 16384;
		if (erot_chunk_seal(&keys, chunk, pt + chunk * 16384, size, mine + n))
			die("seal");
		n += size + 16;
	}
	tap_ok(n == got && !memcmp(mine, theirs, n), "Cobblestone-256 of %zu bytes", len);
	free(theirs);
	free(mine);
	free(pt);
	close(in);
	close(out);
}

static void test_fixed_vector(void)
{
	struct erot_payload_keys a, b;
	uint8_t nonce[12];

	memset(&a, 0, sizeof(a));
	erot_chunk_nonce(&a, 0x0102030405ULL, nonce);
	tap_ok(!memcmp(nonce, "\0\0\0\0\0\0\0\1\2\3\4\5", 12), "the chunk number is big-endian");
	erot_payload_keys(content_key, salt, &a);
	erot_cobblestone_keys(content_key, salt, "erot/payload/v1", 15, &b);
	tap_ok(!memcmp(&a, &b, sizeof(a)), "context of payloads");
	tap_ok(erot_chunk_seal(&a, 1ULL << 38, "", 0, nonce) == -EINVAL, "chunk 2^38 is refused");
}

struct payload {
	struct erot_payload_shape shape;
	uint8_t code_hash[32];
	uint8_t commitment[32];
	int image;
	int fd;
	uint64_t off;
};

static void make_payload(struct payload *p, size_t image_len, uint64_t off)
{
	struct erot_payload_keys keys;
	struct erot_error err = { 0 };

	memset(p, 0, sizeof(*p));
	p->image = make_image(image_len, 42);
	p->fd = temp_file();
	p->off = off;
	if (erot_payload_encrypt(p->image, p->fd, off, content_key, salt, NULL, NULL, &p->shape,
				 p->code_hash, &err))
		die(err.text);
	erot_payload_keys(content_key, salt, &keys);
	memcpy(p->commitment, keys.commitment, 32);
}

static int verify(struct payload *p, int image_out, struct erot_error *err)
{
	return erot_payload_verify(p->fd, p->off, &p->shape, content_key, salt, p->commitment,
				   p->code_hash, image_out, NULL, NULL, err);
}

static int same_file(int a, int b)
{
	uint8_t *x, *y;
	size_t n, m;
	int same;

	lseek(a, 0, SEEK_SET);
	lseek(b, 0, SEEK_SET);
	if (erot_read_fd(a, "a", 1 << 28, &x, &n, NULL) || erot_read_fd(b, "b", 1 << 28, &y, &m,
									NULL))
		die("reading back");
	same = n == m && !memcmp(x, y, n);
	free(x);
	free(y);
	return same;
}

/*
 * The salt is in the descriptor, the last chunk: take it from there and ask the fsverity command.
 */
static void compare_fsverity(struct payload *p)
{
	uint8_t ct[272], desc[256], vsalt[32];
	char salt_arg[100], path[64], want[80], *dash;
	char *argv[] = { "fsverity", "digest", "--compact", "--hash-alg=sha256",
			 "--block-size=16384", salt_arg, path, NULL };
	struct erot_payload_keys keys;
	struct erot_error err = { 0 };
	int out = temp_file();
	uint8_t *text;
	size_t len;

	erot_payload_keys(content_key, salt, &keys);
	if (erot_pread_full(p->fd, ct, sizeof(ct), p->off + p->shape.payload_len - 272) ||
	    erot_chunk_open(&keys, p->shape.chunk_count - 1, ct, sizeof(ct), desc) ||
	    erot_verity_desc_salt(desc, p->shape.image_len, vsalt, &err))
		die("descriptor");
	snprintf(salt_arg, sizeof(salt_arg), "--salt=");
	erot_hex(vsalt, 32, salt_arg + 7);
	/* Of this process: in the child the descriptor is closed by then. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), p->image);
	tap_ok(run(argv, -1, out) == 0, "fsverity digest runs");
	lseek(out, 0, SEEK_SET);
	if (erot_read_fd(out, "fsverity", 4096, &text, &len, &err))
		die(err.text);
	dash = strchr((char *)text, '\n');
	if (dash)
		*dash = 0;
	tap_ok(!strcmp(erot_hex(p->code_hash, 32, want), (char *)text),
	       "code hash of %llu bytes as the fsverity command has it",
	       (unsigned long long)p->shape.image_len);
	free(text);
	close(out);
}

static void flip(struct payload *p, uint64_t off)
{
	uint8_t byte;

	if (erot_pread_full(p->fd, &byte, 1, p->off + off))
		die("flip");
	byte ^= 1;
	if (erot_pwrite_full(p->fd, &byte, 1, p->off + off))
		die("flip");
}

static void swap_chunks(struct payload *p, uint64_t a, uint64_t b)
{
	static uint8_t x[EROT_CHUNK_STRIDE], y[EROT_CHUNK_STRIDE];

	if (erot_pread_full(p->fd, x, sizeof(x), p->off + a * EROT_CHUNK_STRIDE) ||
	    erot_pread_full(p->fd, y, sizeof(y), p->off + b * EROT_CHUNK_STRIDE) ||
	    erot_pwrite_full(p->fd, y, sizeof(y), p->off + a * EROT_CHUNK_STRIDE) ||
	    erot_pwrite_full(p->fd, x, sizeof(x), p->off + b * EROT_CHUNK_STRIDE))
		die("swap");
}

static void round_trip(size_t image_len, uint64_t off)
{
	struct erot_error err = { 0 };
	int out = temp_file();
	struct payload p;

	make_payload(&p, image_len, off);
	tap_ok(!verify(&p, out, &err), "payload of an image of %zu bytes: %s", image_len, err.text);
	tap_ok(same_file(p.image, out), "and the image comes back");
	compare_fsverity(&p);
	close(p.image);
	close(p.fd);
	close(out);
}

static void test_damage(void)
{
	struct erot_error err = { 0 };
	uint64_t chunk, missed = 0;
	struct payload p;
	uint8_t other[32];

	make_payload(&p, 600 * EROT_CHUNK_SIZE + 4096, 8192);
	tap_ok(p.shape.tree_len == 3 * EROT_CHUNK_SIZE, "a tree of two levels");
	for (chunk = 0; chunk < p.shape.chunk_count; chunk += chunk < 590 ? 59 : 1) {
		flip(&p, chunk * EROT_CHUNK_STRIDE + 100);
		missed += verify(&p, -1, &err) != -EBADMSG || strcmp(err.code, "payload-chunk");
		flip(&p, chunk * EROT_CHUNK_STRIDE + 100);
	}
	tap_ok(!missed, "an altered chunk anywhere is found");
	swap_chunks(&p, 3, 4);
	tap_refused(verify(&p, -1, &err), EBADMSG, &err, "payload-chunk", "exchanged chunks");
	swap_chunks(&p, 3, 4);
	if (ftruncate(p.fd, (off_t)(p.off + p.shape.payload_len + 1)))
		die("ftruncate");
	tap_refused(verify(&p, -1, &err), EBADMSG, &err, "payload-length", "one byte more");
	if (ftruncate(p.fd, (off_t)(p.off + p.shape.payload_len)))
		die("ftruncate");
	tap_ok(!verify(&p, -1, &err), "untouched again");
	p.code_hash[0] ^= 1;
	tap_refused(verify(&p, -1, &err), EBADMSG, &err, "payload-code-hash", "another code hash");
	p.code_hash[0] ^= 1;
	p.commitment[0] ^= 1;
	tap_refused(verify(&p, -1, &err), EBADMSG, &err, "payload-commitment",
		    "another commitment");
	p.commitment[0] ^= 1;
	memset(other, 1, sizeof(other));
	tap_refused(erot_payload_verify(p.fd, p.off, &p.shape, other, salt, p.commitment,
					p.code_hash, -1, NULL, NULL, &err), EBADMSG, &err,
		    "payload-commitment", "another content key");
	p.shape.chunk_count--;
	tap_refused(verify(&p, -1, &err), EBADMSG, &err, "payload-length", "another chunk count");
	p.shape.chunk_count++;
	if (ftruncate(p.fd, (off_t)(p.off + p.shape.payload_len - 1)))
		die("ftruncate");
	tap_refused(verify(&p, -1, &err), EBADMSG, &err, "payload-length", "one byte less");
	close(p.fd);
	close(p.image);
}

/* Authentic chunks that do not say the truth: made by somebody who has the content key. */
static void test_lies(void)
{
	static uint8_t pt[EROT_CHUNK_SIZE], ct[EROT_CHUNK_STRIDE];
	struct erot_payload_keys keys;
	struct erot_error err = { 0 };
	struct payload p;

	erot_payload_keys(content_key, salt, &keys);
	make_payload(&p, 4 * EROT_CHUNK_SIZE, 0);
	erot_chunk_seal(&keys, 4, pt, sizeof(pt), ct);
	erot_pwrite_full(p.fd, ct, sizeof(ct), 4 * EROT_CHUNK_STRIDE);
	tap_refused(verify(&p, -1, &err), EBADMSG, &err, "payload-tree", "a tree of zeros");
	close(p.fd);
	close(p.image);

	make_payload(&p, EROT_CHUNK_SIZE, 0);
	erot_chunk_seal(&keys, 0, pt, sizeof(pt), ct);
	erot_pwrite_full(p.fd, ct, sizeof(ct), 0);
	tap_refused(verify(&p, -1, &err), EBADMSG, &err, "payload-code-hash", "another image");
	close(p.fd);
	close(p.image);

	make_payload(&p, 4096, 0);
	if (erot_pread_full(p.fd, ct, sizeof(ct), 0) || erot_chunk_open(&keys, 0, ct, sizeof(ct),
									pt))
		die("open");
	pt[4096] = 1;
	erot_chunk_seal(&keys, 0, pt, sizeof(pt), ct);
	erot_pwrite_full(p.fd, ct, sizeof(ct), 0);
	tap_refused(verify(&p, -1, &err), EBADMSG, &err, "payload-padding", "padding of ones");
	close(p.fd);
	close(p.image);
}

static void test_shape(void)
{
	struct erot_payload_shape s;
	struct erot_error err = { 0 };

	tap_refused(erot_payload_shape(0, &s, &err), EINVAL, &err, "payload-image-size", "empty");
	tap_refused(erot_payload_shape(4097, &s, &err), EINVAL, &err, "payload-image-size", "odd");
	tap_refused(erot_payload_shape(EROT_IMAGE_MAX + 4096, &s, &err), EINVAL, &err,
		    "payload-image-size", "too large");
	tap_ok(!erot_payload_shape(EROT_IMAGE_MAX, &s, &err) &&
	       s.chunk_count == (1ULL << 26) + (1ULL << 17) + 256 + 1 + 1, "the largest image");
	tap_ok(!erot_payload_shape(512 * EROT_CHUNK_SIZE, &s, &err) &&
	       s.tree_len == EROT_CHUNK_SIZE, "512 blocks: a tree of one block");
	tap_ok(!erot_payload_shape(EROT_CHUNK_SIZE, &s, &err) && !s.tree_len && s.chunk_count == 2,
	       "one block: no tree");
}

int main(void)
{
	test_fixed_vector();
	test_cobblestone(0);
	test_cobblestone(1);
	test_cobblestone(16383);
	test_cobblestone(16384);
	test_cobblestone(40000);
	test_shape();
	round_trip(4096, 0);
	round_trip(EROT_CHUNK_SIZE, 4096);
	round_trip(EROT_CHUNK_SIZE + 4096, 0);
	round_trip(65 * EROT_CHUNK_SIZE + 4096, 0);	/* more than is encrypted at once */
	round_trip(513 * EROT_CHUNK_SIZE, 8192);
	test_damage();
	test_lies();
	return tap_done();
}
