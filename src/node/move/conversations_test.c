/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The conversations of a moving process between two daemons in one program: both have an exchange and a directory of
 * their own, and the commands are applied to both. The links are not there; proxy/ tests them.
 */

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/move/conversations.h"
#include "node/bind/binding.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "node/task/rights.h"
#include "os/pid.h"
#include "os/thread.h"

#define MOVER 10
#define PEER  11

/* The parts of a daemon that conversations know. */
struct side {
	struct order order;
	struct exchange *exchange;
	struct tasks tasks;
	struct bindings bindings;
};

static struct side source, target;

static void apply(struct command cmd)
{
	struct directory_result result;
	struct side *sides[] = { &source, &target };

	for (int i = 0; i < 2; i++) {
		directory_apply(&sides[i]->order.directory, sides[i]->order.directory.order + 1,
				&cmd, &sides[i]->order.effects, &result);
		CHECK(result.code >= 0);
	}
}

static void side_set_up(struct side *side, int id)
{
	memset(side, 0, sizeof(*side));
	side->order.self = id;
	directory_init(&side->order.directory);
	side->order.effects.item = calloc(DIRECTORY_EFFECTS_MAX, sizeof(*side->order.effects.item));
	CHECK_EQ(exchange_new(&side->exchange, id), 0);
	side->tasks.order = side->bindings.order = &side->order;
	side->tasks.rights.order = &side->order;
	side->tasks.rights.exchange = side->bindings.exchange = side->exchange;
	side->tasks.bindings = &side->bindings;
	side->bindings.tasks = &side->tasks;
}

static void side_tear_down(struct side *side)
{
	while (side->bindings.all)
		binding_move_away(side->bindings.all);
	side->exchange = exchange_free(side->exchange);
	free(side->order.effects.item);
}

static void set_up(int peer_node)
{
	side_set_up(&source, 0);
	side_set_up(&target, 1);
	apply((struct command){ .kind = COMMAND_NODE_JOIN, .node = 0 });
	apply((struct command){ .kind = COMMAND_NODE_JOIN, .node = 1 });
	apply((struct command){ .kind = COMMAND_DC_CREATE, .nodes = 3 });
	apply((struct command){ .kind = COMMAND_BIND, .p_nr = MOVER, .node = 0 });
	apply((struct command){ .kind = COMMAND_BIND, .p_nr = PEER, .node = peer_node });
}

static void tear_down(void)
{
	side_tear_down(&source);
	side_tear_down(&target);
}

/* This program itself stands for each process that is bound. */
static struct binding *process_at(struct side *side, int p_nr)
{
	struct binding *binding = NULL;
	struct task *task = NULL;
	int pid = os_process_id();

	CHECK_EQ(task_new(&side->tasks, pid, pid, pid, -1, &task), 0);
	rights_reset(&side->tasks.rights, 0, p_nr);
	CHECK_EQ(binding_make(task, 0, p_nr, p_nr, 0, &binding), 0);
	return binding;
}

static struct channel_page *page_at(struct side *side)
{
	struct exchange_channel *channel = NULL;

	CHECK_EQ(exchange_channel(side->exchange, 0, MOVER, PEER, &channel), 0);
	return channel->page;
}

/* Freeze, order, arrive. */
static struct binding *move(struct binding *mover)
{
	struct binding *arrived = NULL;
	uint8_t *bytes = NULL;
	uint32_t len = 0;

	apply((struct command){ .kind = COMMAND_MOVE_START, .p_nr = MOVER, .target = 1 });
	mover->state = BINDING_LEAVING;
	CHECK_EQ(exchange_hold(source.exchange, 0, MOVER), 0);
	CHECK_EQ(conversations_pack(mover, mover->task, 1, &bytes, &len), 0);
	CHECK_EQ(conversations_check(bytes, len), 0);
	for (uint32_t cut = 0; cut < len; cut += 7)
		CHECK(conversations_check(bytes, cut) < 0);
	apply((struct command){
		.kind = COMMAND_MOVE_COMMIT, .p_nr = MOVER, .target = 1, .move = 1 });
	binding_move_away(mover);
	binding_drop_far_channels(&source.bindings, 0, MOVER);
	arrived = process_at(&target, MOVER);
	conversations_unpack_status(arrived, bytes);
	conversations_unpack(arrived, bytes);
	exchange_unhold(target.exchange, 0, MOVER, 0);
	free(bytes);
	return arrived;
}

static enum line_state state_of(const struct line *line)
{
	return line_word_state(line->word);
}

/* A request that waits for the mover is there at the target, and only there it can be taken. */
static void test_waiting_request_moves(void)
{
	message m = { .m_type = 77 };
	struct line_image image;
	struct binding *mover;

	set_up(0);
	process_at(&source, PEER);
	mover = process_at(&source, MOVER);
	line_post(&page_at(&source)->line[1], LINE_OP_SENDREC, &m, 0);
	mover = move(mover);
	/* its sender cannot take it back by itself any more */
	CHECK_EQ(state_of(&page_at(&source)->line[1]), LINE_SENT);
	CHECK_EQ(line_word_state(line_withdraw(&page_at(&source)->line[1], 1)), LINE_SENT);
	CHECK_EQ(state_of(&page_at(&target)->line[1]), LINE_FULL);
	CHECK(line_take(&page_at(&target)->line[1], &image));
	CHECK_EQ(image.msg.m_type, 77);
	tear_down();
}

/* A request under service is answered after the move. */
static void test_open_request_moves(void)
{
	message m = { .m_type = 78 };
	struct line_image image;
	struct binding *mover;

	set_up(0);
	process_at(&source, PEER);
	mover = process_at(&source, MOVER);
	line_post(&page_at(&source)->line[1], LINE_OP_SENDREC, &m, 0);
	CHECK(line_take(&page_at(&source)->line[1], &image));
	move(mover);
	CHECK_EQ(state_of(&page_at(&target)->line[1]), LINE_TAKEN);
	CHECK(line_answered(&page_at(&target)->line[1], 1));
	tear_down();
}

/* The mover's own message to a peer that stays is SENT there: its taking is decided at the peer. */
static void test_own_message_moves(void)
{
	message m = { .m_type = 79 };
	struct line_image image;
	struct binding *mover;

	set_up(0);
	process_at(&source, PEER);
	mover = process_at(&source, MOVER);
	line_post(&page_at(&source)->line[0], LINE_OP_SEND, &m, 0);
	move(mover);
	CHECK_EQ(state_of(&page_at(&target)->line[0]), LINE_SENT);
	CHECK(line_take(&page_at(&source)->line[0], &image));
	/* and the link brings the news */
	line_snapshot(&page_at(&source)->line[0], &image);
	CHECK(line_merge(&page_at(&target)->line[0], &image, false));
	CHECK_EQ(state_of(&page_at(&target)->line[0]), LINE_TAKEN);
	tear_down();
}

/* The peer lives at the target: the two meet in its page, and nothing is far any more. */
static void test_moves_to_its_peer(void)
{
	message m = { .m_type = 80 };
	struct line_image image;
	struct binding *mover;

	set_up(1);
	process_at(&target, PEER);
	mover = process_at(&source, MOVER);
	line_post(&page_at(&source)->line[0], LINE_OP_SENDREC, &m, 0);
	line_mark_sent(&page_at(&source)->line[0]);
	line_post(&page_at(&target)->line[1], LINE_OP_SEND, &m, 0);
	line_mark_sent(&page_at(&target)->line[1]);
	move(mover);
	CHECK_EQ(state_of(&page_at(&target)->line[0]), LINE_FULL);
	CHECK_EQ(state_of(&page_at(&target)->line[1]), LINE_FULL);
	CHECK_EQ(line_word_state(line_withdraw(&page_at(&target)->line[1], 1)), LINE_WITHDRAWN);
	CHECK(line_take(&page_at(&target)->line[0], &image));
	CHECK(exchange_find(source.exchange, 0, MOVER, PEER) == NULL);
	tear_down();
}

/* A sender that asked for its message back during the move learns the outcome at the target. */
static void test_withdrawal_is_decided_at_the_target(void)
{
	message m = { .m_type = 81 };
	struct binding *mover;

	set_up(1);
	process_at(&target, PEER);
	mover = process_at(&source, MOVER);
	line_post(&page_at(&target)->line[1], LINE_OP_SEND, &m, 0);
	line_mark_sent(&page_at(&target)->line[1]);
	page_at(&target)->withdraw[1] = 1;
	move(mover);
	CHECK_EQ(state_of(&page_at(&target)->line[1]), LINE_WITHDRAWN);
	tear_down();
}

/* Pending notifications, counters and what the process waits for go along. */
static void test_status_and_notifications_move(void)
{
	struct channel_page *page;
	struct binding *mover;

	set_up(0);
	process_at(&source, PEER);
	mover = process_at(&source, MOVER);
	page = page_at(&source);
	page->notify[1].nr = PEER;
	page->notify[1].bits = 5;
	page->notify[1].posted = 3;
	mover->status->page->rmtsent = 42;
	mover->status->page->latch = EDVSWOKENUP;
	mover->status->page->rts_flags = RECEIVING;
	mover->status->page->getfrom = ANY;
	mover = move(mover);
	page = page_at(&target);
	CHECK_EQ(page->notify[1].posted, 3);
	CHECK_EQ(page->notify[1].bits, 5);
	CHECK_EQ(page->notify[1].nr, PEER);
	CHECK_EQ(mover->status->page->rmtsent, 42);
	CHECK_EQ(mover->status->page->latch, EDVSWOKENUP);
	CHECK_EQ(mover->status->page->rts_flags, RECEIVING);
	CHECK_EQ(mover->status->page->getfrom, ANY);
	CHECK_EQ(mover->status->page->nodeid, 1);
	tear_down();
}

/* The bell at the target never shows a count that the process may have read at the source. */
static void test_bell_counts_on(void)
{
	struct exchange_bell *bell;
	struct binding *mover;

	for (uint32_t seq = UINT32_MAX - 1; seq != 2; seq++) {
		set_up(0);
		process_at(&source, PEER);
		mover = process_at(&source, MOVER);
		page_at(&source);
		CHECK_EQ(exchange_bell(source.exchange, 0, MOVER, &bell), 0);
		bell->page->seq = seq;
		move(mover);
		CHECK_EQ(exchange_bell(target.exchange, 0, MOVER, &bell), 0);
		CHECK((int32_t)(bell->page->seq - seq) > 0);
		CHECK_EQ(bell->page->holder, BELL_PROCESS);
		CHECK(bell->page->news[0] & UINT64_C(1) << shm_index(PEER));
		tear_down();
	}
}

int main(void)
{
	TEST(test_waiting_request_moves);
	TEST(test_open_request_moves);
	TEST(test_own_message_moves);
	TEST(test_moves_to_its_peer);
	TEST(test_withdrawal_is_decided_at_the_target);
	TEST(test_status_and_notifications_move);
	TEST(test_bell_counts_on);
	return test_end();
}
