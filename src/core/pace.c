/* SPDX-License-Identifier: Apache-2.0 */

#include "core/pace.h"

#include "core/assert.h"

#define PARTS	     8	   /* of a typical copy */
#define WHOLE	     1024u /* a ratio: nothing is saved */
#define SAMPLE_BYTES (256u * 1024)
#define SAMPLE_PS    2000000000u /* or what the link carries in 2 ms: asking is not free */
#define PS_MAX	     100000000u	 /* 10 kB/s */

/* The estimate of a level before it has been tried. */
static const uint32_t cost_first_ps[PACE_LEVELS] = { 0, 2500, 14000 };
static const uint32_t ratio_first[PACE_LEVELS] = { WHOLE, 500, 420 };

/* Rules that hold between all calls. */
static void assert_sound(const struct pace *pace)
{
	CORE_ASSERT(pace->skip <= pace->skip_next);
	CORE_ASSERT(pace->skip_next >= PACE_SKIP_MIN);
	CORE_ASSERT(pace->skip_next <= PACE_SKIP_MAX);
	CORE_ASSERT(pace->link_ps <= PS_MAX);
	CORE_ASSERT(!pace->cost_ps[0]);
	CORE_ASSERT(pace->ratio[0] == WHOLE);
}

static void forget_ratios(struct pace *pace)
{
	for (int level = 0; level < PACE_LEVELS; level++)
		pace->ratio[level] = ratio_first[level];
}

void pace_init(struct pace *pace)
{
	*pace = (struct pace){ .skip_next = PACE_SKIP_MIN };
	for (int level = 0; level < PACE_LEVELS; level++)
		pace->cost_ps[level] = cost_first_ps[level];
	forget_ratios(pace);
	assert_sound(pace);
}

void pace_on_other_data(struct pace *pace)
{
	pace->skip = 0;
	pace->skip_next = PACE_SKIP_MIN;
	forget_ratios(pace);
	assert_sound(pace);
}

static uint64_t expected_ps(const struct pace *pace, int level)
{
	uint64_t link_ps = (uint64_t)pace->link_ps * pace->ratio[level] / WHOLE;
	uint64_t cost_ps = pace->cost_ps[level];

	CORE_ASSERT(level > 0 && level < PACE_LEVELS);
	return (cost_ps > link_ps ? cost_ps : link_ps) + cost_ps / PARTS;
}

int pace_level(struct pace *pace)
{
	assert_sound(pace);
	/* Less than a quarter is not worth a CPU's time; CPUs that are busy make a link look slow, too. */
	uint64_t best_ps = pace->link_ps - pace->link_ps / 4;
	int best = 0;

	if (pace->skip) {
		pace->skip--;
		if (!pace->skip)
			forget_ratios(pace);
		return 0;
	}
	for (int level = 1; level < PACE_LEVELS; level++) {
		uint64_t ps = expected_ps(pace, level);

		if (ps < best_ps) {
			best_ps = ps;
			best = level;
		}
	}
	return best;
}

static uint32_t blend(uint32_t old, uint64_t new)
{
	uint64_t blended = ((uint64_t)old * 3 + new) / 4;

	return blended > PS_MAX ? PS_MAX : (uint32_t)blended;
}

void pace_on_packed(struct pace *pace, int level, uint32_t data, uint32_t bytes, int64_t took_ns)
{
	uint64_t ratio;

	assert_sound(pace);
	CORE_ASSERT(level > 0);
	CORE_ASSERT(level < PACE_LEVELS);
	CORE_ASSERT(data);
	CORE_ASSERT(took_ns >= 0);
	ratio = (uint64_t)bytes * WHOLE / data;
	pace->cost_ps[level] = blend(pace->cost_ps[level], (uint64_t)took_ns * 1000 / data);
	pace->ratio[level] = blend(pace->ratio[level], ratio);
	if (ratio < WHOLE * 9 / 10) {
		pace->skip_next = PACE_SKIP_MIN;
		return;
	}
	/* Data that does not shrink now will hardly do so in the next part. */
	pace->skip = pace->skip_next;
	pace->skip_next = pace->skip_next < PACE_SKIP_MAX ? pace->skip_next * 2 : PACE_SKIP_MAX;
}

bool pace_on_sent(struct pace *pace, uint32_t bytes)
{
	pace->unasked += bytes;
	if (pace->unasked < SAMPLE_BYTES)
		return false;
	return !pace->link_ps || pace->unasked >= SAMPLE_PS / pace->link_ps;
}

void pace_on_link(struct pace *pace, uint64_t acked, uint64_t busy_us)
{
	uint64_t bytes = acked - pace->acked;
	uint64_t us = busy_us - pace->busy_us;
	uint64_t ps;

	pace->unasked = 0;
	/* Counts that go back are of another connection, or were never any. */
	if (acked < pace->acked || busy_us < pace->busy_us) {
		pace->acked = acked;
		pace->busy_us = busy_us;
		return;
	}
	if (bytes < SAMPLE_BYTES || us > UINT32_MAX)
		return;
	pace->acked = acked;
	pace->busy_us = busy_us;
	ps = us * 1000000 / bytes;
	if (ps > PS_MAX)
		ps = PS_MAX;
	pace->link_ps = pace->link_ps ? (uint32_t)((pace->link_ps + ps) / 2) : (uint32_t)ps;
	assert_sound(pace);
}
