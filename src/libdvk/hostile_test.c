/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A peer that writes into the lines between us all the time, as fast as it can and with words that
 * could be true. A call may end in any way on that, but it comes back when its time is over.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "core/line.h"
#include "libdvk/party_test.h"

#define CALL_MS	  20
#define LATE_MS	  6000 /* a loaded machine takes its time, but not this much */
#define WRITES_MS 4000

enum kind {
	ALL_KINDS,
	WITHDRAWS, /* each message that is posted is given back at once */
	REQUESTS,  /* our line always holds a request that somebody has taken */
};

static enum kind kind;

static struct channel_page *find_channel(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	struct channel_page *page = NULL;
	char line[512];

	while (maps && !page && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "memfd:dvs-channel"))
			page = (struct channel_page *)(uintptr_t)strtoull(line, NULL, 16);
	}
	if (maps)
		fclose(maps);
	return page;
}

static void write_line(struct line *line, uint64_t random)
{
	uint64_t word = atomic_load(&line->word), seq = line_word_seq(word);

	if (kind == ALL_KINDS)
		word = line_word(seq + random % 3 - 1, random >> 8 & 7 ? (random >> 16) % 6 : 0,
				 random >> 24 & 7, -(int)(random >> 32 & 0xff));
	else if (kind == WITHDRAWS && line_word_state(word) == LINE_FULL)
		word = line_word(seq, LINE_WITHDRAWN, line_word_op(word), 0);
	else if (kind == REQUESTS)
		word = line_word(seq, LINE_TAKEN, LINE_OP_SENDREC, 0);
	atomic_store(&line->word, word);
}

static int writer(void)
{
	struct channel_page *page;
	message m = { .m_type = 1 };
	struct prng prng;
	long end;

	join(SERVER);
	CHECK_EQ(dvk_receive_T(ANY, &m, 3000), OK);
	await(2, 1);
	page = find_channel();
	CHECK(page != NULL);
	prng_init(&prng, 1);
	say(0, 1);
	for (end = now_ms() + WRITES_MS; page && now_ms() < end && !atomic_load(&shared[1]);) {
		for (int i = 0; i < 1000; i++) {
			write_line(&page->line[i & 1], prng_next(&prng));
			/* The next message of its owner is always there before. */
			if (kind != ALL_KINDS)
				write_line(&page->line[1], 0);
		}
	}
	return (int)test_failures;
}

static long one_call(int i, message *m)
{
	switch (i % 4) {
	case 0:
		return dvk_send_T(SERVER, m, CALL_MS);
	case 1:
		return dvk_sendrec_T(SERVER, m, CALL_MS);
	case 2:
		return dvk_reply_T(SERVER, m, CALL_MS);
	default:
		return dvk_receive_T(SERVER, m, CALL_MS);
	}
}

static int caller(void)
{
	message m = { .m_type = 1 };
	long begin = now_ms();

	join(CLIENT);
	CHECK_EQ(dvk_wait4bindep_T(SERVER, 3000), SERVER);
	CHECK_EQ(dvk_send_T(SERVER, &m, 3000), OK);
	say(2, 1);
	await(0, 1);
	for (int i = 0; i < 60 && !test_failures && now_ms() - begin < WRITES_MS / 2; i++) {
		long before = now_ms();

		one_call(i, &m);
		CHECK(now_ms() - before < LATE_MS);
	}
	say(1, 1);
	return (int)test_failures;
}

/* Bound no longer, it keeps its page and lets nobody see that it is over. */
static int undead(void)
{
	struct channel_page *page;
	message m;

	join(SERVER);
	CHECK_EQ(dvk_receive_T(ANY, &m, 3000), OK);
	page = find_channel();
	CHECK(page != NULL);
	if (!page)
		return (int)test_failures;
	page = mremap(page, 0, SHM_PAGE_BYTES,
		      MREMAP_MAYMOVE); /* a second mapping, which the library does not know */
	CHECK(page != MAP_FAILED);
	CHECK_EQ(dvk_unbind(0, SERVER), OK);
	for (bool told = false; page != MAP_FAILED && !atomic_load(&shared[1]); told = true) {
		atomic_store(&page->dead, 0);
		if (!told)
			say(0, 1);
	}
	return (int)test_failures;
}

static int survivor(void)
{
	message m = { .m_type = 1 };

	join(CLIENT);
	CHECK_EQ(dvk_wait4bindep_T(SERVER, 3000), SERVER);
	CHECK_EQ(dvk_send_T(SERVER, &m, 3000), OK);
	await(0, 1);
	CHECK_EQ(dvk_receive_T(SERVER, &m, 3000), EDVSSRCDIED);
	CHECK_EQ(dvk_send_T(SERVER, &m, 3000), EDVSDSTDIED);
	say(1, 1);
	return (int)test_failures;
}

static void test_the_end_cannot_be_hidden(void)
{
	play(undead, survivor, NULL);
}

static void test_any_word(void)
{
	kind = ALL_KINDS;
	play(writer, caller, NULL);
}

static void test_everything_withdrawn(void)
{
	kind = WITHDRAWS;
	play(writer, caller, NULL);
}

static void test_line_never_free(void)
{
	kind = REQUESTS;
	play(writer, caller, NULL);
}

int main(void)
{
	if (!stage_open())
		return test_end();
	TEST(test_any_word);
	TEST(test_everything_withdrawn);
	TEST(test_line_never_free);
	TEST(test_the_end_cannot_be_hidden);
	fake_node_stop(&node);
	return test_end();
}
