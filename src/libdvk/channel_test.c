/* SPDX-License-Identifier: Apache-2.0 */

/* When a channel is opened, what ends it, what is owed over it, and whom a change rings. */

#include "libdvk/rig_test.h"

static struct binding *binding;
static struct channel *channel;

static int get(int endpoint, enum channel_use use)
{
	return channel_get(binding, endpoint, use, &channel);
}

static void begin(const struct rig_peer *peer)
{
	binding = rig_enter();
	CHECK_EQ(get(peer->p_nr, CHANNEL_SEND), 0);
}

static void end(void)
{
	binding_leave(binding, 0);
}

static void test_numbers(void)
{
	binding = rig_enter();
	CHECK_EQ(get(SHM_SLOTS - SHM_TASKS, CHANNEL_SEND), EDVSRANGE);
	CHECK_EQ(get(-SHM_TASKS - 1, CHANNEL_SEND), EDVSRANGE);
	/* The slot exists, and this is no number of a life in it. */
	CHECK_EQ(get(1 << 20 | RIG_HIGH, CHANNEL_SEND), channel_bad_number(1 << 20 | RIG_HIGH));
	CHECK_EQ(rig.calls_of_daemon, 0);
	CHECK_EQ(get(RIG_NOONE, CHANNEL_SEND), EDVSDSTDIED);
	rig.refuse[CTL_CHANNEL] = EDVSTRAPDENIED;
	CHECK_EQ(get(RIG_HIGH, CHANNEL_SEND), EDVSTRAPDENIED);
	CHECK(!binding_channel(binding, RIG_HIGH)->page);
	end();
}

static void test_opened_once(void)
{
	begin(&rig.high);
	CHECK_EQ(channel->own_side, 0);
	CHECK_EQ(channel->p_nr, RIG_HIGH);
	CHECK_EQ(rig.request.dcid, RIG_DC);
	CHECK_EQ(get(RIG_HIGH, CHANNEL_SEND), 0);
	CHECK_EQ(get(RIG_HIGH, CHANNEL_RECEIVE), 0);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 1);
	CHECK_EQ(get(RIG_LOW, CHANNEL_RECEIVE), 0);
	CHECK_EQ(channel->own_side, 1);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 2);
	CHECK_EQ(rig.request.cmd, 1);
	/* Opened to hear: the right to send is asked for; its pages are there already. */
	CHECK_EQ(get(RIG_LOW, CHANNEL_SEND), 0);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 3);
	CHECK_EQ(rig.request.cmd, 0);
	/* The rights have changed: asked anew, and no more than once. */
	rig.status->rights++;
	CHECK_EQ(get(RIG_LOW, CHANNEL_RECEIVE), 0);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 3);
	CHECK_EQ(get(RIG_LOW, CHANNEL_SEND), 0);
	CHECK_EQ(get(RIG_LOW, CHANNEL_SEND), 0);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 4);
	end();
}

static void say_one_page(void)
{
	rig_say(0, RIG_HIGH, &rig.high.page_fd, 1);
}

static void say_no_pages(void)
{
	int fd[2] = { rig.high.page_fd, 0 }; /* 0 is no memfd */

	rig_say(0, RIG_HIGH, fd, 2);
}

static void test_bad_daemon(void)
{
	binding = rig_enter();
	rig.daemon = say_one_page;
	CHECK_EQ(get(RIG_HIGH, CHANNEL_SEND), EDVSDVSINIT);
	rig.daemon = say_no_pages;
	CHECK_EQ(get(RIG_HIGH, CHANNEL_SEND), EDVSALLOCMEM);
	CHECK(!binding_channel(binding, RIG_HIGH)->page);
	CHECK(!binding_channel(binding, RIG_HIGH)->bell);
	rig.daemon = NULL;
	CHECK_EQ(get(RIG_HIGH, CHANNEL_SEND), 0);
	end();
}

/* An earlier image of the process took a request, and left the answer to this one. */
static void test_recalls_a_request(void)
{
	struct line_image image;
	uint64_t seq;

	binding = rig_enter();
	seq = rig_post(&rig.low, LINE_OP_SENDREC, 1, 0);
	CHECK(line_take(rig_line(&rig.low), &image));
	CHECK_EQ(get(RIG_LOW, CHANNEL_RECEIVE), 0);
	CHECK(channel->owes);
	CHECK_EQ(channel->request, seq);
	CHECK_EQ(binding->owed, 1);
	CHECK_EQ(rig.status->misc_flags & MIS_NOMIGRATE, MIS_NOMIGRATE);
	channel_settle(binding, channel);
	channel_settle(binding, channel);
	CHECK_EQ(binding->owed, 0);
	CHECK_EQ(rig.status->misc_flags & MIS_NOMIGRATE, 0);
	end();
}

static void take_request(struct rig_peer *peer)
{
	message m;

	CHECK_EQ(get(peer->p_nr, CHANNEL_RECEIVE), 0);
	rig_post(peer, LINE_OP_SENDREC, 9, 0);
	CHECK(channel_take(binding, channel, line_word_now(rig_line(peer)), &m));
	CHECK_EQ(m.m_type, 9);
	CHECK_EQ(m.m_source, peer->p_nr);
}

/* The peer dies and another life has its slot: the answer owed to the first is lost, once. */
static void test_lost_answers(void)
{
	binding = rig_enter();
	take_request(&rig.low);
	CHECK(channel->owes);
	CHECK(!channel_is_lost(binding, RIG_LOW));
	CHECK_EQ(channel_check_lost(binding, RIG_LOW), 0);
	rig_kill(&rig.low);
	CHECK(channel_is_lost(binding, RIG_LOW));
	CHECK(channel_is_lost(binding, RIG_LOW));
	CHECK_EQ(binding->owed, 0);
	CHECK_EQ(channel_check_lost(binding, RIG_LOW), EDVSDSTDIED);
	CHECK_EQ(channel_check_lost(binding, RIG_LOW), 0);
	/* Of a peer to which nothing was owed nothing is lost. */
	CHECK_EQ(get(RIG_HIGH, CHANNEL_SEND), 0);
	rig_kill(&rig.high);
	CHECK(!channel_is_lost(binding, RIG_HIGH));
	end();
}

static void test_death(void)
{
	begin(&rig.high);
	CHECK(!channel_is_dead(channel));
	/* The mark in the page alone is enough ... */
	rig.high.page->dead = 2;
	CHECK(channel_is_dead(channel));
	rig.high.page->dead = 1; /* our own side: not the peer's end */
	CHECK(!channel_is_dead(channel));
	/* ... and one that clears it there cannot clear the daemon's word. */
	rig.high.page->dead = 0;
	rig.status->ended[shm_index(RIG_HIGH)] = 1;
	CHECK(channel_is_dead(channel));
	CHECK(channel_is_ended(channel));
	/* The next life of the slot is asked for, and gets pages of its own. */
	rig.high.life = _ENDPOINT(1, RIG_HIGH);
	rig.asked[CTL_CHANNEL] = 0;
	CHECK_EQ(get(RIG_HIGH, CHANNEL_SEND), 0);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 1);
	end();
}

static void test_ask_again(void)
{
	begin(&rig.high);
	CHECK_EQ(channel_ask_again(binding, channel), 0);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 2);
	rig.refuse[CTL_CHANNEL] = EDVSTRAPDENIED;
	CHECK_EQ(channel_ask_again(binding, channel), EDVSTRAPDENIED);
	CHECK(!channel_is_usable(binding, channel, CHANNEL_SEND));
	CHECK(channel_is_usable(binding, channel, CHANNEL_RECEIVE));
	rig.refuse[CTL_CHANNEL] = 0;
	/* Meant was this life, and no later one. */
	rig.high.life = _ENDPOINT(1, RIG_HIGH);
	CHECK_EQ(channel_ask_again(binding, channel), EDVSDSTDIED);
	CHECK_EQ(channel->life, RIG_HIGH);
	rig_kill(&rig.high);
	rig.asked[CTL_CHANNEL] = 0;
	CHECK_EQ(channel_ask_again(binding, channel), EDVSDSTDIED);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 0);
	end();
}

/* ---- ringing ---- */

static bool has_news(const struct rig_peer *peer)
{
	unsigned own = (unsigned)shm_index(RIG_SELF);
	bool news = peer->bell->news[own / 64] >> own % 64 & 1;

	peer->bell->news[own / 64] = 0;
	return news;
}

static bool daemon_rung(void)
{
	bool rung = rig_daemon_was_rung(RIG_HIGH);

	memset((void *)rig.node_bell->news, 0, sizeof(rig.node_bell->news));
	return rung;
}

static void test_rings(void)
{
	void (*const rings[])(struct binding *,
			      struct channel *) = { channel_ring, channel_ring_message,
						    channel_ring_watcher, channel_ring_far };

	begin(&rig.high);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t seq = rig.high.bell->seq;

		/* Awake: no wake. Asleep: a wake, but for news that only a daemon must hear. */
		rig.wakes = 0;
		rings[i](binding, channel);
		CHECK_EQ(has_news(&rig.high), i < 2);
		CHECK_EQ(rig.wakes, 0);
		CHECK_EQ(rig.high.bell->seq, seq);
		rig.high.bell->sleeping = 1;
		rings[i](binding, channel);
		CHECK_EQ(has_news(&rig.high), i < 2);
		CHECK_EQ(rig.wakes, i < 3);
		CHECK_EQ(rig.high.bell->seq, seq + (i < 3));
		CHECK(!daemon_rung());
		/* The daemon has the far end: it looks at nothing that was not rung. */
		rig.high.bell->holder = BELL_DAEMON;
		rig.wakes = 0;
		rings[i](binding, channel);
		CHECK_EQ(rig.wakes, 0);
		CHECK(has_news(&rig.high));
		CHECK(daemon_rung());
		CHECK_EQ(rig.high.bell->seq, seq + (i < 3));
		rig.node_bell->sleeping = 1;
		rings[i](binding, channel);
		CHECK_EQ(rig.wakes, 1);
		CHECK(rig.woken == &binding->node_bell->seq);
		CHECK(has_news(&rig.high) && daemon_rung());
		rig.node_bell->sleeping = 0;
		rig.high.bell->sleeping = 0;
		rig.high.bell->holder = BELL_PROCESS;
	}
	end();
}

/* A receiver that looks at our line by itself needs no news; one that looks at another's does. */
static void test_watched(void)
{
	begin(&rig.high);
	rig.high.bell->watched = (uint32_t)shm_index(RIG_SELF) + 1;
	rig.high.bell->sleeping = 1;
	channel_ring_message(binding, channel);
	CHECK(!has_news(&rig.high));
	CHECK_EQ(rig.wakes, 1);
	rig.high.bell->watched++;
	channel_ring_message(binding, channel);
	CHECK(has_news(&rig.high));
	rig.high.bell->watched--;
	rig.high.bell->holder = BELL_DAEMON;
	channel_ring_message(binding, channel);
	CHECK(has_news(&rig.high));
	CHECK(daemon_rung());
	end();
}

/* DC and slot of the binding become an index, which stays within the daemon's page. */
static void test_ring_daemon(void)
{
	begin(&rig.high);
	channel_ring_daemon(binding);
	CHECK(rig_daemon_was_rung(RIG_SELF));
	CHECK_EQ(rig.node_bell->seq, 1);
	binding->dcid = INT32_MAX;
	channel_ring_daemon(binding);
	CHECK_EQ(rig.node_bell->seq, 2);
	binding->dcid = RIG_DC;
	end();
}

/* ---- taking and refusing ---- */

static void test_takes(void)
{
	message m;
	uint64_t word;

	begin(&rig.low);
	rig.low.bell->sleeping = 1;
	rig_post(&rig.low, LINE_OP_SEND, 5, 0);
	word = line_word_now(rig_line(&rig.low));
	binding->overdue = true; /* nobody rang for it */
	binding->ready[0] = UINT64_MAX;
	CHECK(channel_take(binding, channel, word, &m));
	CHECK_EQ(m.m_type, 5);
	CHECK_EQ(m.m_source, RIG_LOW);
	CHECK_EQ(rig.wakes, 1); /* its sender waits for that */
	CHECK(!channel->owes);
	CHECK(binding->distrust > 0);
	CHECK_EQ(binding->ready[0] >> shm_index(RIG_LOW) & 1, 0);
	CHECK(!channel_take(binding, channel, word, &m)); /* gone */
	take_request(&rig.low);
	CHECK_EQ(rig.wakes, 1); /* the answer will wake it */
	CHECK_EQ(binding->owed, 1);
	CHECK_EQ(rig.status->misc_flags & MIS_NOMIGRATE, MIS_NOMIGRATE);
	/* A request in place of the one that is owed: still one. */
	line_close(rig_line(&rig.low), line_word_seq(line_word_now(rig_line(&rig.low))), -1);
	take_request(&rig.low);
	CHECK_EQ(binding->owed, 1);
	channel_settle(binding, channel);
	end();
}

static void bar(enum line_op op)
{
	unsigned index = (unsigned)shm_index(RIG_LOW);

	memset((void *)rig.status->barred, 0, sizeof(rig.status->barred));
	rig.status->barred[op][index / 64] = UINT64_C(1) << index % 64;
	rig.status->bars = 1;
}

static void test_bars(void)
{
	static const enum line_op ops[] = { LINE_OP_SEND, LINE_OP_SENDREC, LINE_OP_REPLY };
	struct line *line;
	uint64_t seq;

	begin(&rig.low);
	line = rig_line(&rig.low);
	CHECK(channel_admits_notify(binding, channel));
	for (unsigned i = 0; i < 3; i++) {
		seq = rig_post(&rig.low, ops[i], 1, 0);
		CHECK(channel_admits(binding, channel, line_word_now(line)));
		bar(ops[(i + 1) % 3]);
		CHECK(channel_admits(binding, channel, line_word_now(line)));
		bar(ops[i]);
		rig.status->bars = 0;
		CHECK(channel_admits(binding, channel, line_word_now(line)));
		rig.status->bars = 1;
		CHECK(!channel_admits(binding, channel, line_word_now(line)));
		CHECK_EQ(line->word, line_word(seq, LINE_WITHDRAWN, ops[i], 0));
		CHECK(channel_admits_notify(binding, channel));
	}
	bar(LINE_OP_NONE);
	CHECK(!channel_admits_notify(binding, channel));
	/* Answers are looked at by the call that waits for one. */
	rig_post(&rig.low, LINE_OP_ANSWER, 1, 0);
	CHECK(channel_admits(binding, channel, line_word_now(line)));
	/* No such operation: a peer can write anything. */
	for (unsigned op = 5; op < 256; op += 50) {
		line->word = line_word(op, LINE_FULL, op, 0);
		CHECK(!channel_admits(binding, channel, line->word));
	}
	end();
}

/* A message after the end of a life was written by a process that is bound no longer. */
static void test_undead(void)
{
	begin(&rig.low);
	rig.status->ended[shm_index(RIG_LOW)] = 1;
	rig_post(&rig.low, LINE_OP_SEND, 1, 0);
	CHECK(!channel_admits(binding, channel, line_word_now(rig_line(&rig.low))));
	CHECK(!channel_admits_notify(binding, channel));
	CHECK_EQ(line_word_state(rig_line(&rig.low)->word), LINE_WITHDRAWN);
	end();
}

static void test_counts(void)
{
	begin(&rig.low);
	channel_count(binding, channel);
	CHECK_EQ(rig.status->lclsent, 1);
	rig.low.page->node[0] = RIG_NODE + 1;
	channel_count(binding, channel);
	CHECK_EQ(rig.status->lclsent, 1);
	CHECK_EQ(rig.status->rmtsent, 1);
	end();
}

int main(void)
{
	RIG_TEST(test_numbers);
	RIG_TEST(test_opened_once);
	RIG_TEST(test_bad_daemon);
	RIG_TEST(test_recalls_a_request);
	RIG_TEST(test_lost_answers);
	RIG_TEST(test_death);
	RIG_TEST(test_ask_again);
	RIG_TEST(test_rings);
	RIG_TEST(test_watched);
	RIG_TEST(test_ring_daemon);
	RIG_TEST(test_takes);
	RIG_TEST(test_bars);
	RIG_TEST(test_undead);
	RIG_TEST(test_counts);
	return test_end();
}
