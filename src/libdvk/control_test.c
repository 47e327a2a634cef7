/* SPDX-License-Identifier: Apache-2.0 */

/* Talking to the daemon: which answers are believed, what each failure is called, and when nothing is begun. */

#include <errno.h>

#include "libdvk/rig_test.h"

static struct control control;
static int why;

/* Asks, inside a scope, and lets the descriptors go. */
static int ask(enum ctl_call call)
{
	struct control_scope scope;
	int r;

	control = control_request(call);
	control_begin(&scope);
	r = control_ask(&control, &why);
	for (int i = 0; i < control.fd_count; i++)
		os_close(control.fds[i]);
	control_end(&scope);
	return r;
}

static void test_request(void)
{
	struct control fresh = control_request(CTL_GETEP);

	CHECK_EQ(fresh.request.call, CTL_GETEP);
	CHECK_EQ(fresh.request.node, -1);
	CHECK_EQ(fresh.request.dcid, -1);
	CHECK_EQ(fresh.request.pid, PROC_NO_PID);
	CHECK_EQ(fresh.request.nodeid, LOCALNODE);
	CHECK_EQ(fresh.request.timeout_ms, -1);
	CHECK_EQ(fresh.request.tid, 0);
	CHECK(!fresh.payload && !fresh.answer && !fresh.fd_count);
}

/* ---- who is asked ---- */

static void test_no_daemon(void)
{
	rig.connect = -ECONNREFUSED;
	CHECK_EQ(ask(CTL_HELLO), EDVSDVSINIT);
	CHECK_EQ(why, -ECONNREFUSED);
	rig.connect_path = -EINVAL; /* the variable is empty: there is no path */
	CHECK_EQ(ask(CTL_HELLO), EDVSDVSINIT);
	CHECK_EQ(why, -ECONNREFUSED);
	/* Behind the path there is one. */
	rig.connect_path = 0;
	CHECK_EQ(ask(CTL_HELLO), 0);
	CHECK_EQ(why, 0);
	/* A listener there that is not to be trusted is named, and not asked. */
	rig.connect_path = -EKEYREJECTED;
	rig.asked[CTL_HELLO] = 0;
	CHECK_EQ(ask(CTL_HELLO), EDVSBADOWNER);
	/* The same by name: the path is no way round it. */
	rig.connect = -EKEYREJECTED;
	rig.connect_path = 0;
	CHECK_EQ(ask(CTL_HELLO), EDVSBADOWNER);
	CHECK_EQ(rig.asked[CTL_HELLO], 0);
	rig.connect = -EMFILE;
	CHECK_EQ(ask(CTL_HELLO), EDVSMFILE);
	rig.connect = -ENFILE;
	CHECK_EQ(ask(CTL_HELLO), EDVSMFILE);
	rig.connect = -EAGAIN;
	CHECK_EQ(ask(CTL_HELLO), EDVSDVSINIT);
	CHECK_EQ(why, -EAGAIN);
}

/* ---- what it says ---- */

static void (*say)(struct rig_packet *packet);

static void say_one(void)
{
	say(rig_say(0, 7, NULL, 0));
}

static void no_magic(struct rig_packet *packet)
{
	packet->head.magic = 0;
}

static void cut_short(struct rig_packet *packet)
{
	packet->bytes = sizeof(packet->head) - 1;
}

static void fails(struct rig_packet *packet)
{
	packet->error = -ECONNRESET;
}

static void too_late(struct rig_packet *packet)
{
	packet->error = -ETIMEDOUT;
}

static void full_of_rows(struct rig_packet *packet)
{
	packet->head.packet = CTL_ROW; /* and then the connection is closed */
}

static void test_bad_answers(void)
{
	static const struct {
		void (*say)(struct rig_packet *packet);
		int result, why;
	} bad[] = {
		{ no_magic, EDVSDVSINIT, -EPROTO },	{ cut_short, EDVSDVSINIT, -EPROTO },
		{ fails, EDVSDVSINIT, -ECONNRESET },	{ too_late, EDVSTIMEDOUT, -ETIMEDOUT },
		{ full_of_rows, EDVSDVSINIT, -EPROTO },
	};

	rig.daemon = say_one;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		say = bad[i].say;
		CHECK_EQ(ask(CTL_HELLO), bad[i].result);
		CHECK_EQ(why, bad[i].why);
		CHECK_EQ(control.fd_count, 0);
	}
}

static int deaths;

static void dies_first(void)
{
	struct rig_packet *packet = rig_say(0, 5, NULL, 0);

	if (deaths-- > 0)
		packet->error = -ECONNRESET;
}

static int asked_of_the_dying(enum ctl_call call, int times)
{
	int before = rig.asked[call];

	deaths = times;
	rig.daemon = dies_first;
	why = ask(call);
	return rig.asked[call] - before;
}

/* The daemon dies over a question: the next one is asked, but not what might be done twice, and not for ever. */
static void test_daemon_dies(void)
{
	CHECK_EQ(asked_of_the_dying(CTL_CHANNEL, 2), 3);
	CHECK_EQ(why, 0);
	CHECK_EQ(control.value, 5);
	CHECK_EQ(asked_of_the_dying(CTL_CHANNEL, 100), 4);
	CHECK_EQ(why, EDVSDVSINIT);
	CHECK_EQ(asked_of_the_dying(CTL_BIND, 1), 1);
	CHECK_EQ(why, EDVSDVSINIT);
	CHECK_EQ(asked_of_the_dying(CTL_MIGRATE, 1), 1);
	CHECK_EQ(why, EDVSDVSINIT);
}

static void rows_first(void)
{
	rig_say(0, 1, rig.page_fd, 2)->head.packet = CTL_ROW;
	rig_say(0, 2, NULL, 0)->head.packet = CTL_DATA;
	rig_say(0, 3, rig.page_fd, 1);
}

/* Packets before the last are of no interest; their descriptors are not kept. */
static void test_rows(void)
{
	rig.daemon = rows_first;
	CHECK_EQ(ask(CTL_HELLO), 0);
	CHECK_EQ(control.value, 3);
	CHECK_EQ(control.fd_count, 1);
}

static void refuses_with_pages(void)
{
	rig_say(EDVSNOTBIND, 9, rig.page_fd, 3);
}

static void lost_descriptors(void)
{
	rig_say(0, RIG_SELF, rig.page_fd, 2)->head.fds = 3;
}

static void test_descriptors(void)
{
	rig.daemon = refuses_with_pages;
	CHECK_EQ(ask(CTL_HELLO), EDVSNOTBIND);
	CHECK_EQ(control.fd_count, 0);
	CHECK(!control.done);
	/* There was no room for all of them here, and the daemon has done what was asked. */
	rig.daemon = lost_descriptors;
	CHECK_EQ(ask(CTL_BIND), EDVSMFILE);
	CHECK(control.done);
	CHECK_EQ(control.value, RIG_SELF);
	CHECK_EQ(control.fd_count, 0);
}

/* ---- rows of a table ---- */

static uint32_t told_bytes, packet_bytes;

static void tells(void)
{
	struct rig_packet *packet = rig_say(rig.refuse[0], 0, NULL, 0);

	memset(packet->payload, 0x55, sizeof(packet->payload));
	packet->head.payload_bytes = told_bytes;
	packet->bytes = sizeof(packet->head) + packet_bytes;
}

static unsigned filled(uint32_t told, uint32_t real)
{
	uint8_t row[16];
	unsigned count = 0;

	told_bytes = told;
	packet_bytes = real;
	memset(row, 0xaa, sizeof(row));
	control = control_request(CTL_DCINFO);
	control.answer = row;
	control.answer_bytes = 8;
	CHECK_EQ(control_call(&control), rig.refuse[0]);
	CHECK_EQ(row[8], 0xaa); /* never beyond what the caller has */
	for (unsigned i = 0; i < 8 && row[i] == 0x55; i++)
		count++;
	for (unsigned i = count; i < 8; i++)
		CHECK_EQ(row[i], rig.refuse[0] ? 0xaa : 0);
	return count;
}

static void test_payload(void)
{
	rig.daemon = tells;
	CHECK_EQ(filled(8, 8), 8);
	CHECK_EQ(filled(5, 5), 5); /* an older daemon: the rest is nothing */
	CHECK_EQ(filled(12, 12), 8);
	CHECK_EQ(filled(8, 3), 3); /* not more than came */
	CHECK_EQ(filled(2, 8), 2);
	rig.refuse[0] = EDVSBADDCID; /* a refusal leaves the caller's row as it was */
	CHECK_EQ(filled(8, 8), 0);
}

static void test_payload_out(void)
{
	static const uint8_t bytes[3] = { 1, 2, 3 };

	control = control_request(CTL_PRIV);
	control.payload = bytes;
	control.request.payload_bytes = sizeof(bytes);
	CHECK_EQ(control_call(&control), 0);
	CHECK(!memcmp(rig.payload, bytes, sizeof(bytes)));
}

static void test_call_keeps_nothing(void)
{
	rig.daemon = rows_first;
	control = control_request(CTL_HELLO);
	CHECK_EQ(control_call(&control), 0);
	CHECK_EQ(control.fd_count, 0);
}

/* ---- when it begins ---- */

static void looks_at_page(void)
{
	CHECK_EQ(rig.status->in_control, 1);
	CHECK_EQ(rig.blocked, 1);
	rig_say(0, 0, NULL, 0);
}

static void test_scope(void)
{
	uint32_t exchanges = rig.status->exchanges;

	rig.daemon = looks_at_page;
	CHECK_EQ(ask(CTL_WAKEUP), 0);
	CHECK_EQ(rig.status->in_control, 0);
	CHECK_EQ(rig.status->exchanges, exchanges + 1);
}

static int stays_quiet(void)
{
	CHECK_EQ(rig.status->in_control, 0); /* the daemon waits for that */
	CHECK(rig.slept_ns <= OS_MS_NS);
	return RIG_TO_ITS_END;
}

static int quiet_is_over(void)
{
	stays_quiet();
	if (rig.sleeps == 5)
		rig.status->quiet = 0;
	return 0;
}

/* The daemon is about to stop the process: nothing is begun meanwhile; but no longer than two seconds. */
static void test_quiet(void)
{
	int64_t before;

	rig.status->quiet = 1;
	rig.on_sleep = quiet_is_over;
	CHECK_EQ(ask(CTL_WAKEUP), 0);
	CHECK_EQ(rig.sleeps, 5);
	rig.status->quiet = 1;
	rig.on_sleep = stays_quiet;
	before = rig.now_ns;
	CHECK_EQ(ask(CTL_WAKEUP), 0);
	CHECK(rig.now_ns - before >= 2 * OS_SECOND_NS);
	CHECK(rig.now_ns - before < 2 * OS_SECOND_NS + 5 * OS_MS_NS);
	CHECK_EQ(rig.status->in_control, 0);
	rig.status->quiet = 0;
}

/* Bound anew inside the scope: the page of before is not there any more to be written. */
static void test_scope_of_old_page(void)
{
	struct binding *binding = binding_known();
	struct control_scope scope;

	control_begin(&scope);
	CHECK_EQ(rig.status->in_control, 1);
	binding_detach(binding);
	control_end(&scope);
	CHECK_EQ(rig.blocked, 0);
	CHECK_EQ(rig.status->in_control, 1);
	rig.status->in_control = 0;
	control_begin(&scope);
	CHECK(!scope.status);
	control_end(&scope);
	CHECK_EQ(rig.status->in_control, 0);
}

int main(void)
{
	RIG_TEST(test_request);
	RIG_TEST(test_no_daemon);
	RIG_TEST(test_bad_answers);
	RIG_TEST(test_daemon_dies);
	RIG_TEST(test_rows);
	RIG_TEST(test_descriptors);
	RIG_TEST(test_payload);
	RIG_TEST(test_payload_out);
	RIG_TEST(test_call_keeps_nothing);
	RIG_TEST(test_scope);
	RIG_TEST(test_quiet);
	RIG_TEST(test_scope_of_old_page);
	return test_end();
}
