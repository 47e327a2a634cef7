/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/spread.h"

#include <string.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/kind.h"

#define COUNT 600u

struct seen {
	uint32_t times[COUNT];
	uint32_t refused_from; /* ids */
	uint32_t refused_other;
};

static int each(void *ctx, struct description *description, struct refusal *refusal)
{
	struct seen *seen = ctx;
	uint32_t id = description->image.id;

	seen->times[id - 1]++;
	if (id >= seen->refused_from || id == seen->refused_other)
		return refusal_set(refusal, EDVSPROCSTS, "number %u", id);
	return 0;
}

/* Every third one is of a kind that may not spread. */
static void fill(struct descriptions *descriptions)
{
	for (uint32_t id = 1; id <= COUNT; id++) {
		const struct image_description image = {
			.id = id,
			.kind = id % 3 ? IMAGE_DESCRIPTION_INET_SOCKET : IMAGE_DESCRIPTION_EVENTFD,
		};

		CHECK(descriptions_add(descriptions, &image, kind_of(image.kind)));
	}
}

static void test_each_once(void)
{
	struct descriptions descriptions = { 0 };
	static struct seen seen = { .refused_from = COUNT + 1 };
	const struct spread spread = { &descriptions, each, &seen };
	struct refusal refusal = REFUSAL_NONE;

	fill(&descriptions);
	CHECK(spread_do(&spread, &refusal) == 0 && !refusal.error);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK(seen.times[i] == 1);
	descriptions_free(&descriptions);
}

/* The sentence is that of the first one, in any order of the looks. */
static void test_the_first_refusal(void)
{
	static const struct {
		uint32_t from, other;
		const char *reason;
	} cases[] = {
		{ 301, 0, "number 301" },	  { 303, 0, "number 303" },
		{ 301, 30, "number 30" },	  { 301, 29, "number 29" },
		{ COUNT + 1, 597, "number 597" }, { 1, 0, "number 1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct descriptions descriptions = { 0 };
		struct seen seen = { .refused_from = cases[i].from,
				     .refused_other = cases[i].other };
		const struct spread spread = { &descriptions, each, &seen };
		struct refusal refusal = REFUSAL_NONE;

		fill(&descriptions);
		CHECK_EQ(spread_do(&spread, &refusal), EDVSPROCSTS);
		CHECK(strcmp(refusal.reason, cases[i].reason) == 0);
		descriptions_free(&descriptions);
	}
}

int main(void)
{
	TEST(test_each_once);
	TEST(test_the_first_refusal);
	return test_end();
}
