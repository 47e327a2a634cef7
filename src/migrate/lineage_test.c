/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/lineage.h"

#include <errno.h>

#include "base/prng.h"
#include "base/test.h"

#define MOST 64

static struct picture_thread thread[MOST];
static struct lineage lineage[MOST];

/* Pairs of a table and a place, of threads with the numbers from 0; the first is the leader. */
static int find(const int32_t (*has)[2], uint32_t count)
{
	const struct picture picture = { .thread = thread, .thread_count = count };

	for (uint32_t i = 0; i < count; i++)
		thread[i] = (struct picture_thread){
			.image = { .tid = (int32_t)i, .table = has[i][0], .place = has[i][1] }
		};
	return lineage_find(&picture, lineage);
}

/* Makes them as it says; whether each has what it shall have, with those that shall have it, and alone. */
static bool comes_out(const int32_t (*has)[2], uint32_t count, int generations)
{
	int32_t table[MOST] = { 0 }, place[MOST] = { 0 }, next = 1;

	for (int generation = 1; generation <= generations; generation++)
		for (uint32_t i = 1; i < count; i++) {
			const struct lineage *one = &lineage[i];

			if (one->generation != (uint32_t)generation)
				continue;
			if (lineage[one->maker].generation >= one->generation)
				return false;
			table[i] = one->parts_table ? next++ : table[one->maker];
			place[i] = one->parts_place ? next++ : place[one->maker];
		}
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < count; k++)
			if ((table[i] == table[k]) != (has[i][0] == has[k][0]) ||
			    (place[i] == place[k]) != (has[i][1] == has[k][1]))
				return false;
	return true;
}

static void test_plain(void)
{
	static const int32_t has[][2] = { { 0, 0 }, { 0, 0 }, { 0, 0 } };

	CHECK_EQ(find(has, 3), 1);
	CHECK(comes_out(has, 3, 1));
	CHECK_EQ(find(has, 1), 0);
}

static void test_alone(void)
{
	static const int32_t has[][2] = { { 0, 0 }, { 1, 0 }, { 0, 2 }, { 3, 3 }, { 0, 0 } };
	int generations = find(has, 5);

	CHECK_EQ(generations, 2); /* that with nothing of the leader's is the second */
	CHECK(comes_out(has, 5, generations));
}

static void test_in_common(void)
{
	static const int32_t has[][2] = { { 0, 0 }, { 1, 0 }, { 1, 0 }, { 1, 3 }, { 1, 3 } };
	int generations = find(has, 5);

	CHECK(generations > 1 && comes_out(has, 5, generations));
}

/* The one that the third has its place from is behind it. */
static void test_out_of_order(void)
{
	static const int32_t has[][2] = { { 0, 0 }, { 5, 5 }, { 4, 5 }, { 4, 0 } };
	int generations = find(has, 4);

	CHECK(generations > 1 && comes_out(has, 4, generations));
}

/* No thread could have got both. */
static void test_impossible(void)
{
	static const int32_t has[][2] = { { 0, 0 }, { 1, 0 }, { 0, 2 }, { 1, 2 } };

	CHECK_EQ(find(has, 4), -EBADMSG);
}

/* Any history: each thread has been made by one before it, and some have ended. */
static void test_any(void)
{
	struct prng prng;

	prng_init(&prng, 1);
	for (int round = 0; round < 2000; round++) {
		int32_t has[MOST][2] = { { 0, 0 } }, kept[MOST][2];
		uint32_t count = 1;

		for (int32_t i = 1; i < MOST; i++) {
			int maker = (int)(prng_next(&prng) % (uint32_t)i),
			    parts = (int)(prng_next(&prng) % 8);

			has[i][0] = parts == 1 || parts == 3 ? i : has[maker][0];
			has[i][1] = parts == 2 || parts == 3 ? i : has[maker][1];
		}
		kept[0][0] = kept[0][1] = 0;
		for (int32_t i = 1; i < MOST; i++) {
			int32_t at = round % 2 ? i : MOST - i; /* numbers need not ascend */

			if (prng_next(&prng) % 4 == 0)
				continue;
			kept[count][0] = has[at][0];
			kept[count++][1] = has[at][1];
		}
		int generations = find((const int32_t(*)[2])kept, count);

		CHECK_OR_RETURN(generations > 0 &&
				comes_out((const int32_t(*)[2])kept, count, generations));
	}
}

int main(void)
{
	TEST(test_plain);
	TEST(test_alone);
	TEST(test_in_common);
	TEST(test_out_of_order);
	TEST(test_impossible);
	TEST(test_any);
	return test_end();
}
