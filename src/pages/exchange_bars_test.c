/* SPDX-License-Identifier: Apache-2.0 */

/* Barred senders; see exchange_rig_test.h for the world: both endpoints are of this node. */

#include "base/bits.h"
#include "base/test.h"
#include "core/notify.h"
#include "pages/exchange_rig_test.h"

static bool is_shown_barred(const struct exchange_status *status, enum line_op op, int p_nr)
{
	unsigned bit = (unsigned)shm_index(p_nr);

	return atomic_load(&status->page->barred[op][bit / 64]) >> bit % 64 & 1;
}

static struct exchange_bars bars_to(int p_nr)
{
	struct exchange_bars bars = { .kinds = 0 };

	bits_set(bars.to, (unsigned)shm_index(p_nr));
	return bars;
}

/* A page that is made later shows it, too. */
static void test_bars_are_shown(void)
{
	const struct exchange_bars to_7 = bars_to(7), no_sends = { .kinds = 1u << LINE_OP_SEND };
	struct exchange_status *of_7, *of_12;

	set_up();
	CHECK_EQ(exchange_status_new(exchange, 1, 7, &of_7), 0);
	exchange_bars_set(exchange, 1, 3, &to_7);
	exchange_bars_set(exchange, 1, 4, &no_sends);
	CHECK_EQ(exchange_status_new(exchange, 1, 12, &of_12), 0);
	for (int op = 0; op < SHM_BARS; op++) {
		CHECK(is_shown_barred(of_7, (enum line_op)op, 3));
		CHECK(!is_shown_barred(of_12, (enum line_op)op, 3));
		CHECK_EQ(is_shown_barred(of_7, (enum line_op)op, 4), op == LINE_OP_SEND);
		CHECK_EQ(is_shown_barred(of_12, (enum line_op)op, 4), op == LINE_OP_SEND);
	}
	CHECK_EQ(atomic_load(&of_7->page->bars), 1);
	CHECK_EQ(atomic_load(&of_12->page->bars), 1);
	exchange_bars_set(exchange, 1, 4, NULL);
	CHECK_EQ(atomic_load(&of_7->page->bars), 1);
	CHECK_EQ(atomic_load(&of_12->page->bars), 0);
	exchange_bars_set(exchange, 1, 3, NULL);
	CHECK_EQ(atomic_load(&of_7->page->bars), 0);
	for (int op = 0; op < SHM_BARS; op++) {
		CHECK(!is_shown_barred(of_7, (enum line_op)op, 3));
		CHECK(!is_shown_barred(of_7, (enum line_op)op, 4));
		CHECK(!is_shown_barred(of_12, (enum line_op)op, 4));
	}
	exchange_status_free(exchange, of_7);
	exchange_status_free(exchange, of_12);
	tear_down();
}

static void test_what_is_barred_does_not_leave(void)
{
	static const struct {
		enum line_op op;
		bool leaves;
	} cases[] = { { LINE_OP_SEND, false },
		      { LINE_OP_SENDREC, false },
		      { LINE_OP_REPLY, false },
		      { LINE_OP_ANSWER, true } };
	const struct exchange_bars to_7 = bars_to(7);
	struct line_image image;

	for (int i = 0; i < 4; i++) {
		set_up();
		exchange_bars_set(exchange, 1, 3, &to_7);
		post(0, cases[i].op, 1);
		post(1, cases[i].op, 1);
		CHECK_EQ(exchange_export(exchange, channel, 0, &image), cases[i].leaves);
		CHECK_EQ(state(channel->page, 0), cases[i].leaves ? LINE_SENT : LINE_WITHDRAWN);
		CHECK_EQ(news(bell_3, 7), !cases[i].leaves);
		/* The other way nothing is barred. */
		CHECK(exchange_export(exchange, channel, 1, &image));
		CHECK_EQ(state(channel->page, 1), LINE_SENT);
		tear_down();
	}
}

/* When the right goes; and when the sender does, and takes its bars along. */
static void test_what_waits_and_is_barred_is_taken_back(void)
{
	const struct exchange_bars to_7 = bars_to(7), none = { .kinds = 0 };

	set_up();
	post(0, LINE_OP_SEND, 1);
	notify_post(&channel->page->notify[0], 3, 1);
	exchange_bars_set(exchange, 1, 3, &none);
	CHECK_EQ(state(channel->page, 0), LINE_FULL);
	CHECK(notify_pending(&channel->page->notify[0]));
	exchange_bars_set(exchange, 1, 3, &to_7);
	CHECK_EQ(state(channel->page, 0), LINE_WITHDRAWN);
	CHECK(!notify_pending(&channel->page->notify[0]));
	CHECK(news(bell_3, 7));
	post(0, LINE_OP_SENDREC, 1);
	exchange_bars_set(exchange, 1, 3, NULL);
	CHECK_EQ(state(channel->page, 0), LINE_WITHDRAWN);
	post(0, LINE_OP_SENDREC, 1);
	exchange_bars_set(exchange, 1, 3, NULL);
	CHECK_EQ(state(channel->page, 0), LINE_FULL);
	tear_down();
}

int main(void)
{
	TEST(test_bars_are_shown);
	TEST(test_what_is_barred_does_not_leave);
	TEST(test_what_waits_and_is_barred_is_taken_back);
	return test_end();
}
