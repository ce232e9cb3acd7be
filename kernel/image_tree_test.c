// SPDX-License-Identifier: GPL-2.0-only
/* The blocks of the hash tree that are kept: which, how many, and that none is another. */
#include <kunit/test.h>
#include <linux/slab.h>

#include "image_parts.h"

static struct erot_image *image(struct kunit *test, u64 len)
{
	struct erot_image *img = kunit_kzalloc(test, sizeof(*img), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, img);
	mutex_init(&img->tree);
	img->ewc.image_len = len;
	KUNIT_ASSERT_EQ(test, erot_image_tree_alloc(img), 0);
	return img;
}

/* Bytes that tell which block it is. */
static void insert(struct kunit *test, struct erot_image *img, u64 block, bool memory)
{
	u8 *data = kunit_kmalloc(test, EROT_CHUNK_SIZE, GFP_KERNEL);
	u8 *room = memory ? erot_image_tree_room() : NULL;

	KUNIT_ASSERT_NOT_NULL(test, data);
	KUNIT_ASSERT_EQ(test, room != NULL, memory);
	memset(data, (int)(block % 251), EROT_CHUNK_SIZE);
	erot_image_tree_insert(img, block, data, &room);
	kfree(room);
	kunit_kfree(test, data);
}

static bool kept(struct kunit *test, struct erot_image *img, u64 block, bool *room)
{
	u8 hash[EROT_DIGEST_SIZE] = {}, want[EROT_DIGEST_SIZE];
	bool hit = erot_image_tree_lookup(img, block, EROT_CHUNK_SIZE - sizeof(hash), hash, room);

	memset(want, hit ? (int)(block % 251) : 0, sizeof(want));
	KUNIT_EXPECT_MEMEQ(test, hash, want, sizeof(hash));
	return hit;
}

static void whole(struct kunit *test)
{
	/* as many leaves as there are places but one, and the root */
	struct erot_image *img = image(test, (EROT_TREE_CACHE - 1) * 512ULL * EROT_CHUNK_SIZE);
	bool room;
	u64 b;

	KUNIT_ASSERT_EQ(test, img->ncache, EROT_TREE_CACHE);
	for (b = 0; b < EROT_TREE_CACHE; b++) {
		KUNIT_EXPECT_FALSE(test, kept(test, img, b, &room));
		KUNIT_EXPECT_FALSE(test, room);
		insert(test, img, b, true);
	}
	for (b = 0; b < EROT_TREE_CACHE; b++)
		KUNIT_EXPECT_TRUE(test, kept(test, img, b, &room));
	erot_image_tree_free(img);
}

/* More blocks than places: the later one has it, memory is not asked for again, others stay. */
static void larger(struct kunit *test)
{
	struct erot_image *img = image(test, EROT_IMAGE_MAX);
	u64 last = erot_verity_tree_len(EROT_IMAGE_MAX) / EROT_CHUNK_SIZE - 1;
	bool room;

	KUNIT_ASSERT_EQ(test, img->ncache, EROT_TREE_CACHE);
	insert(test, img, 0, true);
	insert(test, img, 7, true);
	KUNIT_EXPECT_FALSE(test, kept(test, img, EROT_TREE_CACHE, &room));
	KUNIT_EXPECT_TRUE(test, room);
	insert(test, img, EROT_TREE_CACHE, false);
	KUNIT_EXPECT_FALSE(test, kept(test, img, 0, &room));
	KUNIT_EXPECT_TRUE(test, kept(test, img, EROT_TREE_CACHE, &room));
	KUNIT_EXPECT_TRUE(test, kept(test, img, 7, &room));
	insert(test, img, last, true);
	KUNIT_EXPECT_TRUE(test, kept(test, img, last, &room));
	KUNIT_EXPECT_FALSE(test, kept(test, img, last - EROT_TREE_CACHE, &room));
	insert(test, img, 0, false);
	KUNIT_EXPECT_TRUE(test, kept(test, img, 0, &room));
	erot_image_tree_free(img);
}

static void without_memory(struct kunit *test)
{
	struct erot_image *img = image(test, 600ULL * EROT_CHUNK_SIZE);
	bool room;

	KUNIT_ASSERT_EQ(test, img->ncache, 3);
	insert(test, img, 2, false);
	KUNIT_EXPECT_FALSE(test, kept(test, img, 2, &room));
	KUNIT_EXPECT_FALSE(test, room);
	insert(test, img, 2, true);
	KUNIT_EXPECT_TRUE(test, kept(test, img, 2, &room));
	erot_image_tree_free(img);
}

/* At death: nothing is kept, and no memory. */
static void dropped(struct kunit *test)
{
	struct erot_image *img = image(test, 600ULL * EROT_CHUNK_SIZE);
	bool room;
	u64 b;

	for (b = 0; b < 3; b++)
		insert(test, img, b, true);
	erot_image_tree_drop(img);
	for (b = 0; b < 3; b++) {
		KUNIT_EXPECT_FALSE(test, kept(test, img, b, &room));
		KUNIT_EXPECT_FALSE(test, room);
	}
	erot_image_tree_free(img);
}

/* On a panic: the memory stays, and is zero. */
static void wiped(struct kunit *test)
{
	struct erot_image *img = image(test, 600ULL * EROT_CHUNK_SIZE);
	bool room;

	insert(test, img, 1, true);
	erot_image_tree_wipe(img);
	KUNIT_EXPECT_FALSE(test, kept(test, img, 1, &room));
	KUNIT_ASSERT_TRUE(test, room);
	KUNIT_EXPECT_NULL(test, memchr_inv(img->cache[1].data, 0, EROT_CHUNK_SIZE));
	erot_image_tree_free(img);
}

/* An image of one block has no tree. */
static void none(struct kunit *test)
{
	struct erot_image *img = image(test, EROT_CHUNK_SIZE);

	KUNIT_EXPECT_EQ(test, img->ncache, 0);
	erot_image_tree_drop(img);
	erot_image_tree_free(img);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(whole),
	KUNIT_CASE(larger),
	KUNIT_CASE(without_memory),
	KUNIT_CASE(dropped),
	KUNIT_CASE(wiped),
	KUNIT_CASE(none),
	{}
};

static struct kunit_suite suite = { .name = "erot_tree", .test_cases = cases };

kunit_test_suite(suite);
