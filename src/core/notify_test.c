/* SPDX-License-Identifier: Apache-2.0 */
#include "core/notify.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/test.h"

static void test_one(void)
{
	struct notify_word word = { 0 };
	struct notify_image taken;

	CHECK(!notify_pending(&word));
	CHECK(!notify_take(&word, false, &taken));
	notify_post(&word, 5, -1);
	CHECK(notify_pending(&word));
	CHECK(notify_take(&word, false, &taken));
	CHECK_EQ(taken.nr, 5);
	CHECK_EQ(taken.bits, 0);
	CHECK(!notify_take(&word, false, &taken));
}

static void test_pending_ones_merge(void)
{
	struct notify_word word = { 0 };
	struct notify_image taken;

	notify_post(&word, 5, 0);
	notify_post(&word, 6, 63);
	notify_post(&word, 7, 64);
	CHECK(notify_take(&word, false, &taken));
	CHECK_EQ(taken.nr, 7);
	CHECK_EQ(taken.bits, 1 | UINT64_C(1) << 63);
	CHECK(!notify_take(&word, false, &taken));
	notify_post(&word, 5, 1);
	CHECK(notify_take(&word, false, &taken));
	CHECK_EQ(taken.bits, 2);
}

/* To a receiver that waits the first is delivered; those that come before its next look stay pending. */
static void test_waited(void)
{
	struct notify_word here = { 0 }, there = { 0 };
	struct notify_image image, taken;

	notify_post(&here, 5, -1);
	notify_post(&here, 5, -1);
	notify_post(&here, 5, -1);
	notify_snapshot(&here, &image);
	CHECK(notify_merge(&there, &image));
	CHECK(notify_take(&there, true, &taken));
	CHECK(notify_pending(&there));
	CHECK(notify_take(&there, false, &taken));
	CHECK(!notify_pending(&there));
	CHECK(!notify_take(&there, true, &taken));
}

static void test_replicas(void)
{
	struct notify_word here = { 0 }, there = { 0 };
	struct notify_image image, taken;

	notify_post(&here, 5, 3);
	notify_snapshot(&here, &image);
	CHECK(notify_merge(&there, &image));
	CHECK(!notify_merge(&there, &image));
	notify_post(&here, 5, 4);
	notify_snapshot(&here, &image);
	CHECK(notify_merge(&there, &image));
	CHECK(notify_take(&there, false, &taken));
	CHECK_EQ(taken.bits, 3 << 3);
	CHECK(!notify_merge(&there, &image)); /* late, and once more */
	CHECK(!notify_pending(&there));
	notify_snapshot(&there, &image);
	CHECK(!notify_merge(&here, &image));
	CHECK(!notify_pending(&here));
	notify_post(&here, 5, 5);
	notify_snapshot(&here, &image);
	CHECK(notify_merge(&there, &image));
	CHECK(notify_take(&there, false, &taken));
	CHECK_EQ(taken.bits, 1 << 5);
}

/* The counts go round: their difference says which is greater. */
static void test_serial(void)
{
	struct notify_word here = { .posted = UINT64_MAX, .taken = UINT64_MAX }, there = here;
	struct notify_image image;

	notify_post(&here, 5, 0);
	notify_snapshot(&here, &image);
	CHECK_EQ(image.posted, 0);
	CHECK(notify_merge(&there, &image));
	CHECK(notify_pending(&there));
}

/* A sender and a receiver at once: every bit is seen after it was posted. */
#define POSTS 200000

static struct notify_word raced;

static void *post_all(void *arg)
{
	for (int i = 0; i < POSTS; i++)
		notify_post(&raced, 1, i % 64);
	return arg;
}

static void test_race(void)
{
	struct notify_image taken = { 0 };
	uint64_t seen = 0, count = 0;
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, post_all, NULL), 0);
	while (taken.taken < POSTS) {
		if (!notify_take(&raced, false, &taken))
			continue;
		seen |= taken.bits;
		count++;
	}
	pthread_join(thread, NULL);
	CHECK(count >= 1 && count <= POSTS);
	CHECK_EQ(seen, UINT64_MAX);
	CHECK(!notify_pending(&raced));
}

int main(void)
{
	TEST(test_one);
	TEST(test_pending_ones_merge);
	TEST(test_waited);
	TEST(test_replicas);
	TEST(test_serial);
	TEST(test_race);
	return test_end();
}
