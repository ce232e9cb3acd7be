// SPDX-License-Identifier: GPL-2.0-only
/* When reads go without help, and for how long; who decrypts what is for selftests/read_test.c. */
#include <kunit/test.h>
#include <linux/rwsem.h>

#include "image_parts.h"

static DECLARE_RWSEM(keys);

static struct erot_image *image(struct kunit *test)
{
	struct erot_image *img = kunit_kzalloc(test, sizeof(*img), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, img);
	img->keys = &keys;
	spin_lock_init(&img->lock);
	return img;
}

/* One read, of which helpers did @nhelped chunks while the reader did one in 100 ns. */
static void read_once(struct kunit *test, struct erot_image *img, unsigned int nhelped,
		      u64 waited_ns, bool sent)
{
	struct erot_image_batch *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->img = img;
	b->ndone = 1;
	b->own_ns = 100;
	b->nhelped = nhelped;
	if (sent)
		b->helper[0].batch = b;
	erot_image_batch_judge(b, waited_ns);
	kunit_kfree(test, b);
}

static bool may_have_help(struct kunit *test, struct erot_image *img)
{
	struct erot_image_batch *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	bool most;
	u64 bad;

	KUNIT_ASSERT_NOT_NULL(test, b);
	erot_image_batch_begin(b, img);
	most = b->most;
	KUNIT_EXPECT_EQ(test, erot_image_batch_end(b, &bad), 0);
	kunit_kfree(test, b);
	return most;
}

/* How many reads go alone before one may have help. */
static unsigned int alone(struct kunit *test, struct erot_image *img)
{
	unsigned int n = 0;

	while (n < 1000 && !may_have_help(test, img))
		n++;
	return n;
}

static void paid(struct kunit *test)
{
	struct erot_image *img = image(test);

	KUNIT_EXPECT_EQ(test, alone(test, img), 0);
	read_once(test, img, 2, 199, true);
	KUNIT_EXPECT_EQ(test, alone(test, img), 0);
	read_once(test, img, 2, 200, true);
	KUNIT_EXPECT_EQ(test, alone(test, img), 0);
}

/* Each time that it does not pay four times as many reads go alone, up to a bound. */
static void did_not_pay(struct kunit *test)
{
	static const unsigned int want[] = { 4, 16, 64, 64 };
	struct erot_image *img = image(test);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		read_once(test, img, 2, 201, true);
		KUNIT_EXPECT_EQ(test, alone(test, img), want[i]);
		KUNIT_EXPECT_TRUE(test, may_have_help(test, img));
	}
}

/* Half as many after each time that it paid; none go alone for that. */
static void forgotten(struct kunit *test)
{
	struct erot_image *img = image(test);

	read_once(test, img, 1, 101, true);
	read_once(test, img, 1, 101, true);
	KUNIT_EXPECT_EQ(test, alone(test, img), 16);
	read_once(test, img, 1, 50, true);
	read_once(test, img, 1, 50, true);
	read_once(test, img, 1, 50, true);
	KUNIT_EXPECT_EQ(test, alone(test, img), 0);
	read_once(test, img, 1, 101, true);
	KUNIT_EXPECT_EQ(test, alone(test, img), 8);
}

/* A read that sent for nobody, or in which helpers did nothing that was waited for. */
static void no_verdict(struct kunit *test)
{
	struct erot_image *img = image(test);

	read_once(test, img, 0, 1000, false);
	KUNIT_EXPECT_EQ(test, alone(test, img), 0);
	read_once(test, img, 0, 0, true);
	KUNIT_EXPECT_EQ(test, alone(test, img), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(paid),
	KUNIT_CASE(did_not_pay),
	KUNIT_CASE(forgotten),
	KUNIT_CASE(no_verdict),
	{}
};

static struct kunit_suite suite = { .name = "erot_batch", .test_cases = cases };

kunit_test_suite(suite);
