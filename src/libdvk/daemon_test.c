/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Acts of the daemon on a process that waits, peers on other nodes, copies, threads and children: see
 * libdvk/party_test.h.
 */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "libdvk/party_test.h"

#define FAR 100

/* ---- what ends a wait from outside ---- */

static void on_alarm(int number)
{
	(void)number;
}

/* The fake node does what belongs to each stage, once it is in its wait. */
enum stage {
	STAGE_WAKEUP = 1,
	STAGE_SHUTDOWN,
	STAGE_SIGNAL,
	STAGE_HOLD,
	STAGE_UNBIND,
	STAGE_END
};
#define HOLD_TICKS 100

static int disturbed(void)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	message m = { .m_type = 1 };
	long begin;

	join(SERVER);
	await(2, 1);
	/* A wake-up is for a process that waits for any sender. */
	say(0, STAGE_WAKEUP);
	CHECK_EQ(dvk_receive_T(CLIENT, &m, 50), EDVSTIMEDOUT);
	CHECK_EQ(dvk_receive(ANY, &m), EDVSWOKENUP);
	say(0, STAGE_SHUTDOWN);
	CHECK_EQ(dvk_receive(CLIENT, &m), EDVSSHUTDOWN);
	say(0, STAGE_SIGNAL);
	sigaction(SIGALRM, &action, NULL);
	/* Not a second: a sleep is that long, and between two of them a signal is not noticed. */
	ualarm(300000, 0);
	begin = now_ms();
	CHECK_EQ(dvk_receive(ANY, &m), EDVSINTR);
	CHECK(now_ms() - begin >= 250);
	/* Held for a while: a call with a time-out ends by it, and one without goes on afterwards. */
	say(0, STAGE_HOLD);
	await(1, 1);
	begin = now_ms();
	CHECK_EQ(dvk_receive_T(ANY, &m, 10), EDVSTIMEDOUT);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK(now_ms() - begin >= 10 && now_ms() - begin < HOLD_TICKS / 2);
	say(0, STAGE_UNBIND);
	CHECK_EQ(dvk_receive(ANY, &m), EDVSNOTBIND);
	CHECK_EQ(dvk_receive(ANY, &m), EDVSNOTBIND);
	say(0, STAGE_END);
	return (int)test_failures;
}

static int bystander(void)
{
	join(CLIENT);
	say(2, 1);
	await(0, STAGE_END);
	return (int)test_failures;
}

static void disturb(struct fake_node *of)
{
	static int done, since;
	struct fake_party *party = fake_node_party(of, SERVER);
	struct status_page *page = party ? party->status->page : NULL;
	int stage = atomic_load(&shared[0]);

	if (!page)
		return;
	if (done == STAGE_HOLD && of->ticks > since + HOLD_TICKS)
		page->hold = 0;
	else if (done >= stage || (stage != STAGE_HOLD && page->rts_flags != RECEIVING))
		return;
	if (stage == STAGE_WAKEUP) {
		page->latch = EDVSWOKENUP;
	} else if (stage == STAGE_SHUTDOWN) {
		page->latch = EDVSSHUTDOWN;
	} else if (stage == STAGE_UNBIND) {
		page->unbound = 1;
		party->endpoint = -1;
	} else if (stage == STAGE_HOLD && done < STAGE_HOLD) {
		page->hold = 1;
		since = of->ticks;
		say(1, 1);
	}
	done = stage;
	exchange_poke(fake_node_bell(of, SERVER));
}

static void test_disturbances(void)
{
	node.on_tick = disturb;
	play(disturbed, bystander, NULL);
}

/* ---- a peer on another node, played by the daemon ---- */

/* Takes what was asked back; otherwise takes messages after a while, and answers requests. */
static void far_end(struct fake_node *of)
{
	struct exchange_channel *channel = exchange_find(of->exchange, 0, CLIENT, FAR);
	struct line_image image;
	struct line *theirs, *ours;
	int mode = atomic_load(&shared[0]);

	if (!channel)
		return;
	theirs = &channel->page->line[0];
	ours = &channel->page->line[1];
	line_mark_sent(theirs);
	line_snapshot(theirs, &image);
	if (line_word_state(image.word) != LINE_SENT || mode == 2)
		return;
	if (mode == 0 && line_take(theirs, &image) && line_word_op(image.word) == LINE_OP_SENDREC) {
		image.msg.m1_i1++;
		line_post(ours, LINE_OP_ANSWER, &image.msg, line_word_seq(image.word));
		line_answered(theirs, line_word_seq(image.word));
	}
	if (mode == 1 && channel->page->withdraw[0] == line_word_seq(image.word))
		line_withdraw_here(theirs, line_word_seq(image.word));
	exchange_ring(of->exchange, fake_node_bell(of, CLIENT), FAR);
}

static int far_client(void)
{
	message m = { .m_type = 1 };
	long begin;

	join(CLIENT);
	for (int i = 0; i < 20; i++) {
		m.m1_i1 = i;
		CHECK_EQ(dvk_sendrec(FAR, &m), OK);
		CHECK_EQ(m.m1_i1, i + 1);
		CHECK_EQ(dvk_send(FAR, &m), OK);
	}
	say(0, 1);
	CHECK_EQ(dvk_send_T(FAR, &m, 20), EDVSTIMEDOUT);
	CHECK_EQ(dvk_sendrec_T(FAR, &m, 20), EDVSTIMEDOUT);
	/* Nobody decides: the call ends all the same, and the next ones wait for the line. */
	say(0, 2);
	begin = now_ms();
	CHECK_EQ(dvk_send_T(FAR, &m, 20), EDVSTIMEDOUT);
	CHECK(now_ms() - begin >= 5000 && now_ms() - begin < 5500);
	CHECK_EQ(dvk_send_T(FAR, &m, 20), EDVSTIMEDOUT);
	say(0, 1);
	pause_ms(20);
	say(0, 0);
	CHECK_EQ(dvk_send_T(FAR, &m, 1000), OK);
	return (int)test_failures;
}

static void test_far_end(void)
{
	node.on_tick = far_end;
	play(far_client, NULL, NULL);
}

/*
 * The peer dies while this process is on its way between two nodes: the page that it finds here is
 * marked, and never had the message in it.
 */
static void dies_on_the_way(struct fake_node *of)
{
	for (int far = FAR; far < FAR + 2; far++) {
		struct exchange_channel *channel = exchange_find(of->exchange, 0, CLIENT, far);

		if (!channel || !atomic_load(&channel->page->line[0].word))
			continue;
		atomic_store(&channel->page->line[0].word, 0);
		atomic_fetch_or(&channel->page->dead, 2);
		exchange_ring(of->exchange, fake_node_bell(of, CLIENT), far);
	}
}

static int moved_client(void)
{
	message m = { .m_type = 1 };

	join(CLIENT);
	CHECK_EQ(dvk_send_T(FAR, &m, 3000), EDVSDSTDIED);
	CHECK_EQ(dvk_sendrec_T(FAR + 1, &m, 3000), EDVSDSTDIED);
	return (int)test_failures;
}

static void test_death_on_the_way(void)
{
	node.on_tick = dies_on_the_way;
	play(moved_client, NULL, NULL);
}

/* ---- copies, threads, fork ---- */

static unsigned char block[100000];

static int copier(void)
{
	static unsigned char mine[sizeof(block)];
	message m;

	join(SERVER);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(dvk_vcopy(CLIENT, m.m1_p1, SELF, mine, sizeof(block)), OK);
	CHECK_EQ(mine[0], 1);
	CHECK_EQ(mine[sizeof(block) - 1], 2);
	memset(mine, 9, sizeof(mine));
	CHECK_EQ(dvk_vcopy(SELF, mine, CLIENT, m.m1_p1, sizeof(block)), OK);
	CHECK_EQ(dvk_vcopy(SELF, mine, CLIENT, (void *)16, 8), EDVSFAULT);
	CHECK_EQ(dvk_vcopy(SELF, mine, SERVER, mine, 8), EDVSENDPOINT);
	CHECK_EQ(dvk_vcopy(SELF, mine, CLIENT, mine, -1), EDVSRANGE);
	CHECK_EQ(dvk_vcopy(SELF, mine, CLIENT, mine, MAXCOPYLEN + 1), EDVSRANGE);
	CHECK_EQ(dvk_reply(CLIENT, &m), OK);
	/* Not blocked on us any more: the daemon is asked, and this one copies nothing. */
	CHECK_EQ(dvk_vcopy(SELF, mine, CLIENT, m.m1_p1, 8), EDVSNOSYS);
	return (int)test_failures;
}

static int copied(void)
{
	message m = { .m_type = 1 };

	join(CLIENT);
	CHECK_EQ(dvk_wait4bindep_T(SERVER, 3000), SERVER);
	block[0] = 1;
	block[sizeof(block) - 1] = 2;
	m.m1_p1 = (char *)block;
	CHECK_EQ(dvk_sendrec(SERVER, &m), OK);
	CHECK_EQ(block[0], 9);
	CHECK_EQ(block[sizeof(block) - 1], 9);
	return (int)test_failures;
}

static void test_copies(void)
{
	play(copier, copied, NULL);
}

/* A copy that only the daemon can make, asked for by a page. */
static int asks(void)
{
	char byte = 0;

	join(SERVER);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(dvk_vcopy(SELF, &byte, CLIENT, &byte, 1), EDVSNOSYS);
	return (int)test_failures;
}

static void test_copy_without_ring(void)
{
	node.rings_are_lost = true;
	play(asks, NULL, NULL);
}

/* The daemon that was asked is there no more: it is in another network. */
static int asks_nobody(void)
{
	char byte = 0;

	join(SERVER);
	CHECK_EQ(unshare(CLONE_NEWNET), 0);
	CHECK_EQ(dvk_vcopy(SELF, &byte, CLIENT, &byte, 1), EDVSDVSINIT);
	return (int)test_failures;
}

static void test_copy_without_daemon(void)
{
	node.copies_are_ignored = true;
	play(asks_nobody, NULL, NULL);
}

static void *intrude(void *result)
{
	message m;

	*(long *)result = dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT);
	return NULL;
}

static void *wait_long(void *result)
{
	message m;

	*(long *)result = dvk_receive_T(ANY, &m, 150);
	return NULL;
}

/* The fake node binds processes only, so it refuses; but it was asked. */
static void *bind_oneself(void *result)
{
	*(long *)result = dvk_bind(0, SERVER);
	return NULL;
}

/* Threads share the binding of their process, one call at a time; a child has none. */
static int threaded(void)
{
	long first = 1, second = 1;
	pthread_t a, b;
	message m;
	pid_t pid;

	join(SERVER);
	pthread_create(&a, NULL, wait_long, &first);
	pause_ms(50);
	pthread_create(&b, NULL, intrude, &second);
	pthread_join(b, NULL);
	pthread_join(a, NULL);
	CHECK_EQ(first, EDVSTIMEDOUT);
	CHECK_EQ(second, EDVSPROCRUN);
	/* A thread gets an endpoint of its own while the process is inside a call. */
	pthread_create(&a, NULL, wait_long, &first);
	pause_ms(50);
	pthread_create(&b, NULL, bind_oneself, &second);
	pthread_join(b, NULL);
	pthread_join(a, NULL);
	CHECK_EQ(second, EDVSSLOTUSED);
	pid = fork();
	if (pid == 0)
		_exit(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT) == EDVSAGAIN);
	pause_ms(50);
	CHECK_EQ(dvk_unbind(0, SERVER), OK);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSNOTBIND);
	CHECK_EQ(dvk_bind(0, SERVER), SERVER);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	return (int)test_failures;
}

static void test_threads(void)
{
	play(threaded, NULL, NULL);
}

int main(void)
{
	if (!stage_open())
		return test_end();
	TEST(test_disturbances);
	TEST(test_far_end);
	TEST(test_death_on_the_way);
	TEST(test_copies);
	TEST(test_copy_without_ring);
	TEST(test_copy_without_daemon);
	TEST(test_threads);
	fake_node_stop(&node);
	return test_end();
}
