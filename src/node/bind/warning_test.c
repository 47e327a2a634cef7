/* SPDX-License-Identifier: Apache-2.0 */

/* Exit warnings: their receiver, the message, and their end. */

#include "node/bind/warning.h"

#include "core/line.h"
#include "node/bind/bind_rig_test.h"

#define SLOT 6
#define WARN 7

static struct binding *binding;

static struct directory_dc *dc(void)
{
	return &rig.order.directory.dc[RIG_DC];
}

static void set_up(void)
{
	rig_begin();
	binding = rig_bind(SLOT, rig_task(os_process_id()));
	rig_bound(WARN, RIG_SELF);
	dc()->warn2proc = WARN;
	dc()->warnmsg = 77;
	binding->state = BINDING_ENDING;
	binding->task->ended = true;
	binding->task->wait_status = 9;
}

static void tear_down(void)
{
	warning_cancel(binding);
	rig_end();
}

static struct line *line(void)
{
	struct exchange_channel *channel = exchange_find(rig.bindings.exchange, RIG_DC, SLOT, WARN);

	CHECK(channel);
	return channel ? &channel->page->line[exchange_side(channel, SLOT)] : NULL;
}

/* The timer of the warning runs, until the order is asked for the end, or for as long. */
static void stop(void *ctx)
{
	os_loop_stop(ctx);
}

static unsigned run(int64_t us)
{
	struct os_source *timer = NULL;

	CHECK_EQ(os_source_timer(rig.bindings.loop, us, stop, rig.bindings.loop, &timer), 0);
	os_lock_release(&rig.lock);
	os_loop_run(rig.bindings.loop);
	os_lock_take(&rig.lock);
	os_source_free(timer);
	return rig.proposals;
}

static bool begins(void)
{
	bool began = warning_begin(binding);

	warning_cancel(binding);
	return began;
}

static void test_nobody_to_tell(void)
{
	set_up();
	CHECK(begins());
	dc()->warn2proc = NONE;
	CHECK(!begins());
	dc()->warn2proc = SLOT; /* it was the one itself */
	CHECK(!begins());
	dc()->warn2proc = 200;
	CHECK(!begins());
	dc()->warn2proc = WARN;
	rig_slot(WARN)->bound = 0;
	CHECK(!begins());
	rig_slot(WARN)->bound = 1;
	dc()->running = 0;
	CHECK(!begins());
	dc()->running = 1;
	rig.life.stopping = true;
	CHECK(!begins());
	tear_down();
}

/* A request of the one that ended, with its status; the tables show a caller that waits. */
static void test_the_message(void)
{
	struct line_image image = { 0 };

	set_up();
	CHECK(warning_begin(binding));
	CHECK_OR_RETURN(line());
	CHECK(line_take(line(), &image));
	CHECK_EQ(image.msg.m_source, SLOT);
	CHECK_EQ(image.msg.m_type, 77);
	CHECK_EQ(image.msg.m1_i1, 9);
	CHECK_EQ(binding->status->page->rts_flags, SENDING | RECEIVING);
	CHECK_EQ(binding->status->page->sendto, WARN);
	CHECK_EQ(run(30000), 0); /* it is taken and not answered */
	CHECK(line_answered(line(), line_word_seq(image.word)));
	CHECK_EQ(run(100000), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	CHECK(!binding->warning);
	tear_down();
}

/* The warn process ends: there is nobody any more to wait for. */
static void test_the_warn_process_dies(void)
{
	set_up();
	CHECK(warning_begin(binding));
	rig_slot(WARN)->generation++; /* and another one has its slot */
	CHECK_EQ(run(100000), 1);
	tear_down();
}

/* A request of its own that was not taken goes first: it is taken back; an answer that is waited for stays. */
static void test_what_it_left(void)
{
	struct exchange_channel *channel = NULL;
	message m = { .m_type = 5 };
	struct line_image image = { 0 };

	set_up();
	CHECK_EQ(exchange_channel(rig.bindings.exchange, RIG_DC, SLOT, WARN, &channel), 0);
	line_post(line(), LINE_OP_SEND, &m, 0);
	CHECK(warning_begin(binding));
	run(50000);
	CHECK(line_peek(line(), &image));
	CHECK_EQ(image.msg.m_type, 77);
	tear_down();
}

/* A line that stays full does not hold the slot for ever; it does so until then. */
static void test_the_end_by_request(void)
{
	set_up();
	CHECK(warning_begin(binding));
	warning_end(binding);
	CHECK(!binding->warning);
	CHECK_EQ(rig.proposals, 1);
	warning_cancel(binding); /* harmless */
	tear_down();
}

int main(void)
{
	TEST(test_nobody_to_tell);
	TEST(test_the_message);
	TEST(test_the_warn_process_dies);
	TEST(test_what_it_left);
	TEST(test_the_end_by_request);
	return test_end();
}
