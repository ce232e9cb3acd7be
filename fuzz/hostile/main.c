// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_hostile: containers made by somebody who has every key, so that all of it is authentic and
 * none of it is as it should be: images whose structures lie, fs-verity trees of other images,
 * descriptors, headers; and honest containers whose file changes under the mount. Each is attached,
 * mounted and read to the end in a sandbox, while its session dies in one way or another.
 *
 *	fuzz_hostile [--seconds N] [--seed N] [--count N]
 *
 * One line a container says which seed it came of: --seed N --count 1 makes it again.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "fuzz/guest/files.h"
#include "fuzz/guest/program.h"
#include "fuzz/guest/store.h"
#include "fuzz/hostile/image.h"
#include "liberot/crypto.h"
#include "selftests/fixture.h"

enum kind { IMAGE, TREE_CHUNK, DESCRIPTOR, HEADER, CIPHERTEXT, LATER, KINDS };
enum death { WALKED, DESTROYED, CLOSED, KILLED, IMAGE_CLOSED, DEATHS };

static const char *const kinds[] = {
	"image", "tree", "descriptor", "header", "ciphertext", "later"
};
static const char *const deaths[] = { "none", "destroy", "close", "kill", "image closed" };

/* struct tally - how far containers got */
struct tally {
	unsigned int made[KINDS], attached[KINDS], mounted[KINDS], walked[KINDS], died[DEATHS];
};

static struct image bases[2];
static struct tally tally;
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

/* ---- the container */

/* Re-encrypts one chunk of which @change made something else. */
static int reseal(struct fx_payload *p, uint64_t chunk, void (*change)(uint8_t *, uint64_t *),
		  uint64_t *random, uint8_t *plain, size_t len)
{
	uint8_t ct[EROT_CHUNK_STRIDE];
	struct erot_payload_keys keys;
	int ret;

	ret = erot_payload_keys(p->content_key, p->salt, &keys) ?:
	      erot_pread_full(p->fd, ct, len + EROT_TAG_SIZE, chunk * EROT_CHUNK_STRIDE) ?:
	      erot_chunk_open(&keys, chunk, ct, len + EROT_TAG_SIZE, plain);
	if (ret)
		return ret;
	change(plain, random);
	return erot_chunk_seal(&keys, chunk, plain, len, ct) ?:
	       erot_pwrite_full(p->fd, ct, len + EROT_TAG_SIZE, chunk * EROT_CHUNK_STRIDE);
}

static void change_block(uint8_t *block, uint64_t *random)
{
	block[random_below(random, EROT_CHUNK_SIZE)] ^= (uint8_t)(1 + random_below(random, 255));
	if (random_below(random, 2))
		memset(block, 0, 512);
}

static int make_payload(enum kind kind, uint64_t *random, struct fx_payload *p)
{
	uint8_t plain[EROT_CHUNK_SIZE];
	struct image img;
	uint64_t chunk;
	int fd, ret;

	ret = image_copy(&bases[random_below(random, 2)], &img);
	if (ret)
		return ret;
	if (kind == IMAGE)
		image_bend(&img, random);
	fd = fx_temp_file(img.data, img.len);
	free(img.data);
	ret = fd < 0 ? -errno : fx_payload_make("hostile", fd, p);
	close(fd);
	if (ret)
		return ret;
	chunk = p->shape.chunk_count - 1;
	switch (kind) {
	case TREE_CHUNK:	/* or of the data, which the tree then contradicts */
		return reseal(p, 1 + random_below(random, (unsigned int)chunk - 1), change_block,
			      random, plain, EROT_CHUNK_SIZE);
	case DESCRIPTOR:	/* and it is what the receipt asks for */
		ret = reseal(p, chunk, descriptor_bend, random, plain, EROT_VERITY_DESC_SIZE);
		return ret ?: erot_sha256(plain, EROT_VERITY_DESC_SIZE, p->code_hash);
	case CIPHERTEXT:
		plain[0] = (uint8_t)random_u64(random);
		return erot_pwrite_full(p->fd, plain, 1,
					random_below(random, (unsigned int)p->shape.payload_len));
	default:
		return 0;
	}
}

static uint64_t *header_random;

/* Of an envelope that the receipt then names: what its header says is authorised. */
static void change_header(uint8_t *env, size_t len)
{
	size_t at = 16 + 8 * random_below(header_random, 6);
	uint64_t value;

	if (at + sizeof(value) > len)
		return;
	memcpy(&value, env + at, sizeof(value));
	if (random_below(header_random, 2))
		value += random_below(header_random, 9) - 4;
	else
		value = random_u64(header_random) >> random_below(header_random, 64);
	memcpy(env + at, &value, random_below(header_random, 2) ? 8 : 4);
}

/* ---- its life */

/* The file under a mount: other bytes, fewer of them, more. */
static void change_file(struct fx_payload *p, uint64_t *random)
{
	uint8_t noise[64];
	unsigned int i, at;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)random_u64(random);
	at = random_below(random, (unsigned int)p->shape.payload_len);
	switch (random_below(random, 4)) {
	case 0:
		(void)!ftruncate(p->fd, at);
		break;
	case 1:
		(void)!ftruncate(p->fd, 1 << 20);
		break;
	default:
		(void)!pwrite(p->fd, noise, sizeof(noise), at);
	}
}

static void die_somehow(struct fx_session *s, enum death how, uint64_t *random)
{
	struct timespec moment = { .tv_nsec = random_below(random, 20) * 1000000L };

	nanosleep(&moment, NULL);	/* anywhere in what the sandbox does */
	switch (how) {
	case DESTROYED:
		erot_nl_destroy(fx.nl, s->n.id, NULL);
		break;
	case CLOSED:
		close(s->n.fd);
		s->n.fd = -1;
		break;
	case KILLED:
		kill(s->pid, SIGKILL);
		break;
	case IMAGE_CLOSED:
		close(s->image_fd);
		s->image_fd = -1;
		break;
	default:
		break;
	}
}

/* 0; -ETIMEDOUT when a sandbox does not end; else the test itself is at fault. */
static int live(struct fx_session *s, struct fx_payload *p, enum kind kind, uint64_t *random)
{
	const struct fx_box box = { .instead = files_walk };
	enum death how = random_below(random, DEATHS);
	int ret, status;

	if (fx_attach(s))
		return 0;
	tally.attached[kind]++;
	ret = fx_box_bind(s, &box);
	if (ret)
		return ret;
	if (fx_mount(s))
		return 0;
	tally.mounted[kind]++;
	ret = fx_box_exec(s);
	if (ret)
		return ret;
	if (kind == LATER)
		change_file(p, random);
	die_somehow(s, how, random);
	tally.died[how]++;
	ret = fx_wait(s, 60, &status);
	if (!ret && WIFEXITED(status) && !WEXITSTATUS(status))
		tally.walked[kind]++;
	return ret;
}

static int one(uint64_t seed)
{
	uint64_t random = seed * 0x9e3779b97f4a7c15ULL + 1;
	enum kind kind = random_below(&random, 3) ? IMAGE : random_below(&random, KINDS);
	struct fx_payload payload = { .fd = -1 };
	struct fx_knobs knobs = { .payload = &payload };
	struct fx_session s = { .env_fd = -1 };
	int ret;

	header_random = &random;
	if (kind == HEADER)
		knobs.envelope = change_header;
	tally.made[kind]++;
	ret = make_payload(kind, &random, &payload) ?: fx_until_attach(&s, &knobs) ?:
	      live(&s, &payload, kind, &random);
	if (ret)
		printf("# seed %llu (%s): %s %s\n", (unsigned long long)seed, kinds[kind],
		       strerror(-ret), fx_err.text);
	fx_end(&s);
	close(payload.fd);
	return ret;
}

static void report(unsigned int done, uint64_t seconds)
{
	unsigned int i;

	printf("# %u containers, %llu a minute\n", done,
	       (unsigned long long)(done * 60 / (seconds ?: 1)));
	for (i = 0; i < KINDS; i++)
		printf("# %s: %u made, %u attached, %u mounted, %u walked to the end\n", kinds[i],
		       tally.made[i], tally.attached[i], tally.mounted[i], tally.walked[i]);
	for (i = 0; i < DEATHS; i++)
		printf("# death, %s: %u\n", deaths[i], tally.died[i]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 'n' },
		{ 0 },
	};
	uint64_t began, seed = (uint64_t)time(NULL) << 20, seconds = 30, count = 0;
	struct store *store = store_open(NULL);
	unsigned int done = 0, failed = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's': seconds = strtoull(optarg, NULL, 10); break;
		case 'c': count = strtoull(optarg, NULL, 10); break;
		case 'n': seed = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	fx_prepare();
	if (!store || fx_begin() || image_make(&bases[0], 0) || image_make(&bases[1], 1)) {
		printf("Bail out! %s\n", fx_err.text);
		return 1;
	}
	printf("TAP version 13\n1..3\n# seeds from %llu\n", (unsigned long long)seed);
	began = fx_now_ms();
	while (!stop && (count ? done < count : !seconds || fx_now_ms() - began < seconds * 1000)) {
		store->runs[0] = seed + done;	/* there to be seen when the kernel dies */
		failed += one(seed + done) != 0;
		done++;
	}
	report(done, (fx_now_ms() - began) / 1000);
	printf("%s 1 - every sandbox ended, every step worked or was refused\n",
	       failed ? "not ok" : "ok");
	printf("%s 2 - hostile images were mounted and read\n",
	       count || (tally.mounted[IMAGE] && tally.walked[IMAGE]) ? "ok" : "not ok");
	opt = fx_nothing_left();
	printf("%s 3 - no session and no key is left\n", opt ? "not ok" : "ok");
	return failed || opt;
}
