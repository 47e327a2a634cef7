/* SPDX-License-Identifier: Apache-2.0 */

/* Bells, channels, holds and deaths; see exchange_rig_test.h for the world. */

#include <errno.h>
#include <unistd.h>

#include "base/test.h"
#include "pages/exchange_rig_test.h"

static bool node_news(int p_nr)
{
	unsigned bit = (unsigned)(1 * SHM_SLOTS + shm_index(p_nr));

	return atomic_load(&exchange_node_bell(exchange)->news[bit / 64]) >> bit % 64 & 1;
}

static void test_pages(void)
{
	struct exchange_bell *again;
	struct exchange_channel *same;

	set_up();
	CHECK_EQ(bell_3->page->magic, SHM_MAGIC_BELL);
	CHECK_EQ(bell_3->page->p_nr, 3);
	CHECK_EQ(exchange_bell(exchange, 1, 3, &again), 0);
	CHECK(again == bell_3);
	CHECK_EQ(channel->page->magic, SHM_MAGIC_CHANNEL);
	CHECK_EQ(channel->page->endpoint[0], 3);
	CHECK_EQ(channel->page->endpoint[1], 7);
	CHECK_EQ(channel->page->node[0], 5);
	CHECK_EQ(exchange_channel(exchange, 1, 3, 7, &same), 0);
	CHECK(same == channel);
	CHECK(exchange_find(exchange, 1, 3, 7) == channel);
	CHECK(exchange_find(exchange, 1, 7, 3) == channel);
	CHECK(!exchange_find(exchange, 2, 3, 7));
	CHECK_EQ(ftruncate(channel->fd, 0), -1);
	CHECK_EQ(ftruncate(channel->fd, 8192), -1);
	tear_down();
}

static void test_bad_numbers(void)
{
	struct exchange_bell *bell;
	struct exchange_channel *none;
	struct exchange_status *status;

	set_up();
	CHECK_EQ(exchange_bell(exchange, -1, 3, &bell), -EINVAL);
	CHECK_EQ(exchange_bell(exchange, SHM_DCS, 3, &bell), -EINVAL);
	CHECK_EQ(exchange_bell(exchange, 0, SHM_SLOTS - SHM_TASKS, &bell), -EINVAL);
	CHECK_EQ(exchange_bell(exchange, 0, -SHM_TASKS - 1, &bell), -EINVAL);
	CHECK_EQ(exchange_channel(exchange, 1, 3, 3, &none), -EINVAL);
	CHECK_EQ(exchange_channel(exchange, 1, 3, 500, &none), -EINVAL);
	CHECK_EQ(exchange_status_new(exchange, 1, 500, &status), -EINVAL);
	CHECK(!exchange_next(exchange, 99, 3, NULL));
	tear_down();
}

static void test_lists(void)
{
	struct exchange_channel *others[4], *at = NULL;
	unsigned seen = 0;

	set_up();
	for (int i = 0; i < 4; i++)
		CHECK_EQ(exchange_channel(exchange, 1, 3, 10 + i, &others[i]), 0);
	exchange_channel_drop(exchange, others[1]);
	while ((at = exchange_next(exchange, 1, 3, at))) {
		CHECK_EQ(exchange_side(at, 3), 0);
		seen |= 1u << at->p_nr[1];
	}
	CHECK_EQ(seen, 1u << 7 | 1u << 10 | 1u << 12 | 1u << 13);
	CHECK(!exchange_find(exchange, 1, 3, 11));
	CHECK(exchange_next(exchange, 1, 12, NULL) == others[2]);
	CHECK(!exchange_next(exchange, 1, 12, others[2]));
	tear_down();
}

static void test_ring(void)
{
	uint32_t seq;

	set_up();
	seq = atomic_load(&bell_7->page->seq);
	exchange_ring(exchange, bell_7, 3);
	CHECK(news(bell_7, 3));
	CHECK_EQ(atomic_load(&bell_7->page->seq), seq + 1);
	CHECK(!node_news(7));
	exchange_bell_hold(bell_7, BELL_DAEMON);
	exchange_ring(exchange, bell_7, 3);
	CHECK(node_news(7));
	CHECK_EQ(atomic_load(&exchange_node_bell(exchange)->seq), 1);
	exchange_ring(exchange, bell_7, 4000);
	CHECK_EQ(atomic_load(&bell_7->page->seq), seq + 2);
	tear_down();
}

/* Any process that was given the page may write into it. */
static void test_holder_is_not_believed(void)
{
	struct exchange_channel *other;
	uint32_t seq;

	set_up();
	atomic_store(&bell_7->page->holder, BELL_DAEMON);
	exchange_ring(exchange, bell_7, 3);
	CHECK(!node_news(7));
	seq = atomic_load(&bell_7->page->seq);
	exchange_bell_mend(bell_7);
	CHECK_EQ(atomic_load(&bell_7->page->holder), BELL_PROCESS);
	CHECK(atomic_load(&bell_7->page->seq) != seq);
	atomic_store(&bell_7->page->holder, BELL_DAEMON);
	CHECK_EQ(exchange_channel(exchange, 1, 7, 12, &other), 0);
	CHECK_EQ(other->page->node[0], 5);
	tear_down();
}

static bool shown(const struct exchange_status *status, int p_nr)
{
	unsigned bit = (unsigned)shm_index(p_nr);

	return atomic_load(&status->page->peers[bit / 64]) >> bit % 64 & 1;
}

static void test_peers_are_shown(void)
{
	struct exchange_channel *other;
	struct exchange_status *status;

	set_up();
	CHECK_EQ(exchange_status_new(exchange, 1, 7, &status), 0);
	CHECK(shown(status, 3));
	CHECK(!shown(status, 12));
	CHECK_EQ(exchange_channel(exchange, 1, 12, 7, &other), 0);
	CHECK(shown(status, 12));
	exchange_channel_drop(exchange, other);
	CHECK(!shown(status, 12));
	CHECK(shown(status, 3));
	CHECK(!exchange_status_free(exchange, status));
	tear_down();
}

static void test_hold_and_unhold(void)
{
	uint64_t seq;

	set_up();
	atomic_store(&channel->page->copy_pid[1], 77);
	atomic_store(&channel->page->copy_busy[1], 1);
	seq = post(0, LINE_OP_SEND, 0);
	CHECK_EQ(exchange_hold(exchange, 1, 7), 1);
	CHECK_EQ(state(channel->page, 0), LINE_SENT);
	CHECK_EQ(atomic_load(&channel->page->copy_pid[1]), 0);
	CHECK_EQ(atomic_load(&channel->page->node[1]), -1);
	CHECK_EQ(line_word_state(line_withdraw(&channel->page->line[0], seq)), LINE_SENT);
	exchange_ring(exchange, bell_7, 3);
	CHECK(node_news(7));
	atomic_store(&channel->page->copy_busy[1], 0);
	CHECK_EQ(exchange_hold(exchange, 1, 7), 0);

	exchange_unhold(exchange, 1, 7, 77);
	CHECK_EQ(state(channel->page, 0), LINE_FULL);
	CHECK_EQ(atomic_load(&channel->page->copy_pid[1]), 77);
	CHECK_EQ(atomic_load(&channel->page->node[1]), 5);
	CHECK_EQ(atomic_load(&bell_7->page->holder), BELL_PROCESS);
	CHECK(news(bell_7, 3));
	tear_down();
}

static void test_withdraw_while_held(void)
{
	uint64_t seq;

	set_up();
	seq = post(0, LINE_OP_SEND, 0);
	exchange_hold(exchange, 1, 7);
	atomic_store(&channel->page->withdraw[0], seq);
	exchange_unhold(exchange, 1, 7, 0);
	CHECK_EQ(state(channel->page, 0), LINE_WITHDRAWN);
	CHECK(news(bell_3, 7));
	/* A wish about an earlier message does not touch a later one. */
	post(0, LINE_OP_SEND, 0);
	exchange_hold(exchange, 1, 7);
	exchange_unhold(exchange, 1, 7, 0);
	CHECK_EQ(state(channel->page, 0), LINE_FULL);
	tear_down();
}

/* Endpoint 7 dies in each of the states that 3's message to it can be in. */
static void test_death_of_receiver(void)
{
	struct line_image image;
	struct channel_page *page;

	for (int taken = 0; taken < 2; taken++) {
		set_up();
		page = map_again(channel->fd);
		CHECK_OR_RETURN(page);
		post(0, LINE_OP_SENDREC, 0);
		if (taken)
			CHECK(line_take(&channel->page->line[0], &image));
		exchange_endpoint_dead(exchange, 1, 7, 7);
		CHECK_EQ(state(page, 0), LINE_DONE);
		CHECK_EQ(result(page, 0), taken ? EDVSSRCDIED : EDVSDSTDIED);
		CHECK_EQ(atomic_load(&page->dead), 2);
		CHECK(news(bell_3, 7));
		CHECK(!exchange_find(exchange, 1, 3, 7));
		CHECK_EQ(atomic_load(&bell_7->page->holder), BELL_DAEMON);
		munmap(page, SHM_PAGE_BYTES);
		tear_down();
	}
}

static void test_death_after_answer(void)
{
	struct line_image image;
	struct channel_page *page;
	uint64_t seq;

	set_up();
	page = map_again(channel->fd);
	CHECK_OR_RETURN(page);
	seq = post(0, LINE_OP_SENDREC, 0);
	CHECK(line_take(&channel->page->line[0], &image));
	/* It dies between posting its answer and ending the request. */
	post(1, LINE_OP_ANSWER, seq);
	exchange_endpoint_dead(exchange, 1, 7, 7);
	CHECK_EQ(state(page, 0), LINE_DONE);
	CHECK_EQ(result(page, 0), 0);
	CHECK(line_take(&page->line[1], &image));
	CHECK_EQ(image.msg.m_type, 42);
	munmap(page, SHM_PAGE_BYTES);
	tear_down();
}

static void test_death_of_sender(void)
{
	struct line_image image;
	struct channel_page *page;

	set_up();
	page = map_again(channel->fd);
	CHECK_OR_RETURN(page);
	post(0, LINE_OP_SEND, 0);
	exchange_endpoint_dead(exchange, 1, 3, 3);
	CHECK(!line_take(&page->line[0], &image));
	CHECK_EQ(result(page, 0), EDVSSRCDIED);
	CHECK_EQ(atomic_load(&page->dead), 1);
	munmap(page, SHM_PAGE_BYTES);
	tear_down();
}

static void test_generations(void)
{
	struct exchange_channel *newer, *older;
	struct channel_page *page;
	int later = _ENDPOINT(1, 7);

	set_up();
	page = map_again(channel->fd);
	CHECK_OR_RETURN(page);
	post(0, LINE_OP_SEND, 0);
	CHECK_EQ(exchange_channel(exchange, 1, 3, later, &newer), 0);
	CHECK_EQ(newer->endpoint[1], later);
	CHECK_EQ(newer->p_nr[1], 7);
	CHECK_EQ(state(newer->page, 0), LINE_FREE);
	CHECK_EQ(result(page, 0), EDVSDSTDIED);
	CHECK_EQ(atomic_load(&page->dead), 2);
	CHECK_EQ(exchange_channel(exchange, 1, 3, 7, &older), -ESTALE);
	CHECK(exchange_find(exchange, 1, 3, 7) == newer);
	exchange_endpoint_dead(exchange, 1, 7, 7);
	CHECK(exchange_find(exchange, 1, 3, 7) == newer);
	munmap(page, SHM_PAGE_BYTES);
	tear_down();
}

/* In the status page, where the one that has ended cannot write; of the survivor alone, and never back. */
static void test_the_end_is_shown_to_the_survivor(void)
{
	struct exchange_status *survivor, *other;
	unsigned slot = (unsigned)shm_index(7);

	set_up();
	CHECK_EQ(exchange_status_new(exchange, 1, 3, &survivor), 0);
	CHECK_EQ(exchange_status_new(exchange, 1, 4, &other), 0);
	CHECK_EQ(atomic_load(&survivor->page->ended[slot]), 0);
	exchange_endpoint_dead(exchange, 1, 7, 7);
	CHECK_EQ(atomic_load(&survivor->page->ended[slot]), 1);
	CHECK_EQ(exchange_channel(exchange, 1, 3, _ENDPOINT(5, 7), &channel), 0);
	CHECK_EQ(atomic_load(&survivor->page->ended[slot]), 1);
	CHECK_EQ(exchange_channel(exchange, 1, 3, _ENDPOINT(6, 7), &channel), 0);
	CHECK_EQ(atomic_load(&survivor->page->ended[slot]), 6);
	CHECK_EQ(atomic_load(&other->page->ended[slot]), 0);
	exchange_status_free(exchange, survivor);
	exchange_status_free(exchange, other);
	tear_down();
}

/* Somebody may still have to write into the page of a binding that is over. */
static void test_kept_status(void)
{
	struct exchange_status *status;
	struct status_page *page;

	set_up();
	CHECK_EQ(exchange_status_new(exchange, 1, 3, &status), 0);
	page = status->page;
	exchange_status_keep(status);
	exchange_status_keep(status);
	exchange_status_let(status);
	CHECK(!exchange_status_free(exchange, status));
	CHECK(!exchange->statuses);
	atomic_store(&page->copy.answer, shm_copy_answer(7, EDVSPERM));
	CHECK_EQ(shm_copy_answered(atomic_load(&page->copy.answer)), 7);
	CHECK_EQ(shm_copy_code(atomic_load(&page->copy.answer)), EDVSPERM);
	exchange_status_let(status);
	tear_down();
}

int main(void)
{
	TEST(test_kept_status);
	TEST(test_pages);
	TEST(test_bad_numbers);
	TEST(test_lists);
	TEST(test_ring);
	TEST(test_holder_is_not_believed);
	TEST(test_peers_are_shown);
	TEST(test_hold_and_unhold);
	TEST(test_withdraw_while_held);
	TEST(test_death_of_receiver);
	TEST(test_death_after_answer);
	TEST(test_death_of_sender);
	TEST(test_generations);
	TEST(test_the_end_is_shown_to_the_survivor);
	return test_end();
}
