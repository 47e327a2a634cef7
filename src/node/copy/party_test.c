/* SPDX-License-Identifier: Apache-2.0 */

/* Processes that may be one side of a copy, the moments when they may, and the rights that count. */

#include "node/copy/party.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "node/bind/bind_rig_test.h"
#include "os/credentials.h"
#include "os/sleeper_test.h"

#define ASKER 5
#define PARTY 6

static struct binding *binding;
static pid_t child;

static struct party party_of(int endpoint)
{
	return (struct party){ .dcid = RIG_DC, .endpoint = endpoint, .requester = ASKER };
}

/* The party is a child of its own; the asker is this process. */
static void set_up(void)
{
	rig_begin();
	child = sleeper();
	rig_bind(ASKER, rig_task(os_process_id()));
	binding = rig_bind(PARTY, rig_task(child));
	binding->status->page->rts_flags = RECEIVING;
}

static void tear_down(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	rig_end();
}

static int take(int endpoint)
{
	struct party party = party_of(endpoint);
	int r = party_take(&rig.bindings, &party);

	if (!r)
		party_leave(&rig.bindings, &party);
	return r;
}

static void test_one_that_is_here(void)
{
	struct party party = party_of(PARTY), other = party_of(PARTY);

	set_up();
	CHECK_EQ(party_take(&rig.bindings, &party), 0);
	CHECK_EQ(party.pid, child);
	CHECK(!party.own);
	CHECK_EQ(binding->copying, 1);
	CHECK_EQ(party_take(&rig.bindings, &other), 0);
	CHECK_EQ(binding->copying, 2);
	party_leave(&rig.bindings, &party);
	party_leave(&rig.bindings, &other);
	CHECK_EQ(binding->copying, 0);
	tear_down();
}

/* It is tried again: it may be on its way, or have come a moment ago. */
static void test_one_that_is_not_here(void)
{
	set_up();
	CHECK_EQ(take(PARTY + 1), EDVSMIGRATE);
	CHECK_EQ(take(_ENDPOINT(1, PARTY)), EDVSMIGRATE); /* another life of the slot */
	binding->state = BINDING_LEAVING;
	CHECK_EQ(take(PARTY), EDVSMIGRATE);
	binding->state = BINDING_ENDING;
	CHECK_EQ(take(PARTY), EDVSMIGRATE);
	binding->state = BINDING_BOUND;
	CHECK_EQ(take(PARTY), 0);
	CHECK_EQ(binding->copying, 0);
	tear_down();
}

/* Memory of a process that runs is its own; to wait for anybody, or in a request to the asker, is to be blocked. */
static void test_one_that_runs(void)
{
	struct exchange_channel *channel = NULL;
	message m = { 0 };

	set_up();
	binding->status->page->rts_flags = 0;
	CHECK_EQ(take(PARTY), EDVSPROCSTS);
	binding->status->page->rts_flags = SENDING;
	CHECK_EQ(take(PARTY), EDVSPROCSTS);
	CHECK_EQ(take(ASKER), 0); /* the asker itself */
	CHECK_EQ(exchange_channel(rig.bindings.exchange, RIG_DC, PARTY, ASKER, &channel), 0);
	CHECK_EQ(take(PARTY), EDVSPROCSTS);
	line_post(&channel->page->line[exchange_side(channel, PARTY)], LINE_OP_SEND, &m, 0);
	CHECK_EQ(take(PARTY), EDVSPROCSTS); /* which waits for no answer */
	exchange_channel_drop(rig.bindings.exchange, channel);
	CHECK_EQ(exchange_channel(rig.bindings.exchange, RIG_DC, PARTY, ASKER, &channel), 0);
	line_post(&channel->page->line[exchange_side(channel, PARTY)], LINE_OP_SENDREC, &m, 0);
	CHECK_EQ(take(PARTY), 0);
	tear_down();
}

/* The count is of the process that was taken. */
static void test_one_that_ends_meanwhile(void)
{
	struct party party = party_of(PARTY);

	set_up();
	CHECK_EQ(party_take(&rig.bindings, &party), 0);
	binding_detach(binding);
	party_leave(&rig.bindings, &party);
	binding = rig_bind(PARTY, rig_task(os_process_id()));
	binding->copying = 1;
	party_leave(&rig.bindings, &party);
	CHECK_EQ(binding->copying, 1);
	binding->copying = 0;
	tear_down();
}

/* One of the two nodes may be behind in the order, and the other one may lie. */
static void test_nodes_that_may_ask(void)
{
	struct directory_dc *dc = &rig.order.directory.dc[RIG_DC];

	set_up();
	dc->generation = 3;
	rig_bound(8, RIG_FAR);
	CHECK(party_may_ask(&rig.order, RIG_FAR, RIG_DC, 3, 8));
	rig_slot(8)->moving = 1; /* which waits for the copy */
	CHECK(party_may_ask(&rig.order, RIG_FAR, RIG_DC, 3, 8));
	CHECK(!party_may_ask(&rig.order, RIG_FAR + 1, RIG_DC, 3, 8));
	CHECK(!party_may_ask(&rig.order, RIG_FAR, RIG_DC, 2, 8));
	CHECK(!party_may_ask(&rig.order, RIG_FAR, RIG_DC, 3, _ENDPOINT(1, 8)));
	CHECK(!party_may_ask(&rig.order, RIG_FAR, RIG_DC, 3, 9));
	CHECK(!party_may_ask(&rig.order, RIG_FAR, SHM_DCS, 3, 8));
	CHECK(!party_may_ask(&rig.order, RIG_FAR, RIG_DC, 3, 100000));
	rig_slot(8)->bound = 0;
	CHECK(!party_may_ask(&rig.order, RIG_FAR, RIG_DC, 3, 8));
	tear_down();
}

static void test_the_asker(void)
{
	struct asker asker = { .uid = 7777 };

	set_up();
	CHECK_EQ(party_asker(&rig.bindings, RIG_DC, PARTY, &asker), 0);
	CHECK_EQ(asker.uid, getuid());
	CHECK_EQ(party_asker(&rig.bindings, RIG_DC, _ENDPOINT(1, PARTY), &asker), EDVSNOTBIND);
	CHECK_EQ(party_asker(&rig.bindings, RIG_DC, PARTY + 1, &asker), EDVSNOTBIND);
	kill(child, SIGKILL); /* its number may be another one's from now on */
	CHECK_EQ(os_poll(binding->task->pidfd, OS_READ, 5000), 0);
	CHECK_EQ(party_asker(&rig.bindings, RIG_DC, PARTY, &asker), EDVSNOTBIND);
	tear_down();
}

static int copy(const struct party *party, enum lane_op op, const void *at)
{
	uint8_t buf[8] = "changed";
	int r;

	os_lock_release(&rig.lock);
	r = party_copy(party, op, (uint64_t)(uintptr_t)at, buf, sizeof(buf));
	os_lock_take(&rig.lock);
	return r;
}

/* The daemon may touch all memory: the rights of the asker decide, unless it is its own. */
static void test_memory(void)
{
	static char memory[8] = "first";
	struct party party;

	set_up();
	party = party_of(ASKER);
	party.asker = (struct asker){ .uid = 54321, .gid = 54321 };
	CHECK_EQ(party_take(&rig.bindings, &party), 0);
	CHECK(party.own);
	CHECK_EQ(copy(&party, LANE_READ, memory), 0);
	CHECK(!strcmp(memory, "first"));
	CHECK_EQ(copy(&party, LANE_WRITE, memory), 0);
	CHECK(!strcmp(memory, "changed"));
	CHECK_EQ(copy(&party, LANE_READ, NULL), EDVSFAULT);
	party.own = false;
	CHECK_EQ(copy(&party, LANE_READ, memory), EDVSPERM);
	CHECK_EQ(os_asker_of(os_process_id(), &party.asker), 0);
	CHECK_EQ(copy(&party, LANE_READ, memory), 0);
	party_leave(&rig.bindings, &party);
	tear_down();
	party.own = true;
	party.pid = child; /* it is no more */
	rig_begin();
	CHECK_EQ(copy(&party, LANE_READ, memory), EDVSSRCDIED);
	CHECK_EQ(copy(&party, LANE_WRITE, memory), EDVSDSTDIED);
	rig_end();
}

int main(void)
{
	TEST(test_one_that_is_here);
	TEST(test_one_that_is_not_here);
	TEST(test_one_that_runs);
	TEST(test_one_that_ends_meanwhile);
	TEST(test_nodes_that_may_ask);
	TEST(test_the_asker);
	TEST(test_memory);
	return test_end();
}
