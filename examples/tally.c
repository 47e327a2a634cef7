/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t greater_of(int a, int b)
{
	int greater = a > b ? a : b;

	return greater > 0 ? (uint64_t)greater : 0;
}

static void count_call(struct tally *tally, uint64_t ns)
{
	tally->calls++;
	if (ns > tally->max_ns)
		tally->max_ns = ns;
}

void tally_failed(struct tally *tally, uint64_t ns)
{
	count_call(tally, ns);
	tally->failed++;
	tally->failed_since++;
}

/* An answer that is not for the call just made: of an earlier one, again, or from nowhere. */
static void count_stray(struct tally *tally, const struct tally_answer *answer)
{
	if (answer->seq == tally->answered)
		tally->duplicated++;
	else
		tally->reordered++;
}

/*
 * The server has handled the calls that were answered, and any number of those that failed since.
 * What it says of itself shows a call that it lacks, or has too often, in two ways, which must not
 * be added: the call it handled before, and how many there were.
 */
static void count_handled(struct tally *tally, int seq, const struct tally_answer *answer)
{
	int handled = answer->count - tally->count;
	bool again = answer->seq_before == seq;

	tally->lost += greater_of(tally->answered - answer->seq_before, 1 - handled);
	tally->duplicated += greater_of(again, handled - 1 - tally->failed_since);
	tally->reordered += answer->seq_before > seq;
}

void tally_answered(struct tally *tally, int seq, const struct tally_answer *answer, bool whole,
		    uint64_t ns)
{
	count_call(tally, ns);
	tally->total_ns += ns;
	if (answer->seq != seq) {
		count_stray(tally, answer);
		tally->failed_since++;
		return;
	}
	count_handled(tally, seq, answer);
	tally->corrupted += !whole;
	tally->answered = seq;
	tally->failed_since = 0;
	tally->count = answer->count;
}

bool tally_is_clean(const struct tally *tally)
{
	return !tally->failed && !tally->lost && !tally->duplicated && !tally->reordered &&
	       !tally->corrupted;
}

void tally_print(const struct tally *tally)
{
	uint64_t answered = tally->calls - tally->failed;
	double mean_us = answered ? (double)tally->total_ns / (double)answered / 1e3 : 0;

	printf("calls=%" PRIu64 " failed=%" PRIu64 " lost=%" PRIu64 " duplicated=%" PRIu64
	       " reordered=%" PRIu64 " corrupted=%" PRIu64 " mean_us=%.1f max_us=%.1f\n",
	       tally->calls, tally->failed, tally->lost, tally->duplicated, tally->reordered,
	       tally->corrupted, mean_us, (double)tally->max_ns / 1e3);
}
