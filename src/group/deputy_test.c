// SPDX-License-Identifier: Apache-2.0
/*
 * The deputy between a daemon, which this test plays on the socket, and a totem that is made here: a message comes
 * back in the order in which it was sent, and the ring is as the test says.
 */
#include "group/deputy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "base/test.h"
#include "core/council.h"
#include "group/stream.h"
#include "group/totem.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/socket.h"

#define WAIT_MS	 5000
#define NODE	 0
#define OTHER	 1
#define OUT_MAX	 (GROUP_STATE_MAX + (4u << 20)) /* as in deputy.c */
#define HELLO_MS 2000				/* as in deputy.c */

/* A daemon's end of the connection, and the frames that it was sent. */
struct daemon {
	struct group_stream stream;
	int welcomes, delivers, restores, asks, outs, quorums;
	int32_t result;
	uint64_t quorum, order, token;
	bool ended;
};

struct packet {
	struct packet *next;
	size_t len;
	uint8_t bytes[];
};

struct totem {
	struct totem_calls call;
	void *ctx;
	int node;
};

static struct os_loop *loop;
static struct os_source *stopper;
static struct deputy *deputy;
static char dir[] = "/tmp/dvs-deputy-XXXXXX", path[80];

/* The multicast: it is there for one totem at a time. */
static struct totem *totem;
static struct packet *messages, **last_message = &messages;
static struct council_message greeting; /* the last HELLO */
static int totems, totem_error, totem_asks;
static bool distrusted;

bool __wrap_os_peer_trusted(const struct os_peer *peer);

bool __wrap_os_peer_trusted(const struct os_peer *peer)
{
	CHECK_EQ(peer->pid, getpid());
	return !distrusted;
}

int totem_new(struct totem **totemp, struct os_loop *on, int node, const struct totem_calls *call,
	      void *ctx)
{
	CHECK(on == loop && !totem);
	if (totem_error)
		return totem_error;
	totem = calloc(1, sizeof(*totem));
	if (!totem)
		return -ENOMEM;
	*totem = (struct totem){ *call, ctx, node };
	*totemp = totem;
	totems++;
	return 0;
}

void totem_ask(struct totem *t)
{
	CHECK(t == totem);
	totem_asks++;
}

static void drop_messages(void)
{
	while (messages) {
		struct packet *packet = messages;

		messages = packet->next;
		free(packet);
	}
	last_message = &messages;
}

struct totem *totem_free(struct totem *t)
{
	CHECK(t == totem);
	drop_messages();
	free(t);
	totem = NULL;
	return NULL;
}

void totem_send(struct totem *t, const uint8_t *head, size_t head_bytes, const uint8_t *payload,
		size_t bytes)
{
	struct packet *packet = calloc(1, sizeof(*packet) + head_bytes + bytes);
	struct council_message m;

	CHECK_OR_RETURN(t == totem && packet);
	CHECK(head_bytes == COUNCIL_HEAD);
	packet->len = head_bytes + bytes;
	memcpy(packet->bytes, head, head_bytes);
	if (bytes)
		memcpy(packet->bytes + head_bytes, payload, bytes);
	CHECK_EQ(council_message_decode(&m, packet->bytes, packet->len), 0);
	if (m.kind == COUNCIL_HELLO)
		greeting = m;
	*last_message = packet;
	last_message = &packet->next;
}

/* The messages that were sent arrive, also those that are answers to them. */
static void totem_turn(void)
{
	bool any = messages != NULL;

	while (totem && messages) {
		struct packet *packet = messages;

		messages = packet->next;
		if (!messages)
			last_message = &messages;
		totem->call.hear(totem->ctx, totem->node, packet->bytes, packet->len);
		free(packet);
	}
	if (totem && any)
		totem->call.settle(totem->ctx);
}

static void on_stopper(void *ctx)
{
	os_loop_stop(ctx);
}

static void daemon_read(struct daemon *d)
{
	struct group_welcome welcome;
	struct group_frame f;
	int r = group_stream_fill(&d->stream);

	if (r < 0 && r != -EAGAIN)
		d->ended = true;
	while ((r = group_stream_next(&d->stream, &f)) > 0) {
		if (f.kind == GROUP_WELCOME) {
			d->welcomes++;
			CHECK_EQ(group_welcome_decode(&welcome, f.payload), 0);
			d->result = welcome.result;
		} else if (f.kind == GROUP_DELIVER) {
			CHECK_EQ(group_number_decode(f.payload), d->order + 1);
			d->order = group_number_decode(f.payload);
			d->delivers++;
		} else if (f.kind == GROUP_RESTORE) {
			d->restores++;
		} else if (f.kind == GROUP_ASK) {
			d->asks++;
			d->token = group_number_decode(f.payload);
		} else if (f.kind == GROUP_OUT) {
			d->outs++;
		} else if (f.kind == GROUP_QUORUM) {
			d->quorums++;
			d->quorum = group_number_decode(f.payload);
		}
	}
	CHECK_EQ(r, 0);
}

/* One turn of the deputy, of the multicast and, if it reads, of the daemon. */
static void turn(struct daemon *d)
{
	os_timer_set(stopper, 500);
	os_loop_run(loop);
	totem_turn();
	if (d && !d->ended) {
		group_stream_flush(&d->stream);
		daemon_read(d);
	}
}

#define TURN_UNTIL(d, cond)                                                                      \
	do {                                                                                     \
		for (int64_t until_ = os_deadline_ns(WAIT_MS); !(cond) && os_now_ns() < until_;) \
			turn(d);                                                                 \
		CHECK(cond);                                                                     \
	} while (0)

static void set_up(void)
{
	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	CHECK_EQ(os_source_timer(loop, -1, on_stopper, loop, &stopper), 0);
	CHECK_EQ(deputy_new(&deputy, loop, path), 0);
	totems = totem_error = 0;
	distrusted = false;
}

static void tear_down(void)
{
	deputy = deputy_free(deputy);
	CHECK(!totem);
	stopper = os_source_free(stopper);
	loop = os_loop_free(loop);
}

static struct daemon daemon_connect(void)
{
	struct daemon d = { 0 };
	int fd = os_unix_connect(path, OS_STREAM, 1000);

	CHECK(fd >= 0);
	os_set_nonblock(fd, 1);
	group_stream_init(&d.stream, fd, 64u << 20);
	return d;
}

static void say_hello(struct daemon *d)
{
	struct group_hello hello = { .node = NODE, .name = "first", .speaker = protocol_own };
	uint8_t bytes[GROUP_HELLO_BYTES];

	group_hello_encode(bytes, &hello);
	CHECK_EQ(group_stream_put(&d->stream, GROUP_HELLO, bytes, sizeof(bytes), NULL, 0), 0);
}

static void form_ring(uint64_t ring, uint32_t present, bool quorate, uint32_t majority)
{
	CHECK_OR_RETURN(totem);
	totem->call.unsettle(totem->ctx);
	totem->call.view(totem->ctx, ring, present);
	totem->call.quorum(totem->ctx, ring, quorate, majority);
	totem->call.settle(totem->ctx);
}

/* A daemon that is alone in its group, and in it. */
static struct daemon daemon_in_group(void)
{
	struct daemon d = daemon_connect();

	say_hello(&d);
	TURN_UNTIL(&d, d.welcomes);
	CHECK_EQ(d.result, 0);
	form_ring(64, 1u << NODE, true, 1);
	TURN_UNTIL(&d, d.delivers == 1);
	return d;
}

static void daemon_leave(struct daemon *d)
{
	group_stream_deinit(&d->stream);
	TURN_UNTIL(NULL, !totem);
}

static int put_command(struct daemon *d, uint64_t request)
{
	struct command cmd = { .version = COMMAND_VERSION,
			       .kind = COMMAND_UNBIND,
			       .origin = NODE,
			       .request = request };
	uint8_t bytes[COMMAND_BYTES];

	command_encode(&cmd, bytes);
	return group_stream_put(&d->stream, GROUP_COMMAND, bytes, sizeof(bytes), NULL, 0);
}

/* The other node's greeting in this ring, with a state of that point. */
static void hear_other(uint64_t ring, struct council_point point)
{
	struct council_message m = { .kind = COUNCIL_HELLO,
				     .node = OTHER,
				     .ring = ring,
				     .epoch = point.epoch,
				     .heard = point.heard,
				     .life = 4711,
				     .token = 1,
				     .set = 2,
				     .to = 1u << NODE | 1u << OTHER,
				     .offset = protocol_own.least | (uint64_t)protocol_own.most
									    << 16 };
	uint8_t bytes[COUNCIL_HEAD];

	CHECK_OR_RETURN(totem);
	council_message_encode(bytes, &m);
	totem->call.hear(totem->ctx, OTHER, bytes, sizeof(bytes));
	totem->call.settle(totem->ctx);
}

static void test_a_daemon(void)
{
	struct daemon d;

	set_up();
	d = daemon_in_group();
	CHECK_EQ(d.welcomes, 1);
	CHECK_EQ(d.quorum, 1);
	CHECK_EQ(d.restores, 0);
	CHECK_EQ(put_command(&d, 1), 0);
	CHECK_EQ(put_command(&d, 2), 0);
	TURN_UNTIL(&d, d.delivers == 3);
	CHECK_EQ(totems, 1);
	daemon_leave(&d);
	d = daemon_in_group(); /* the next one is a new life, with an order of its own */
	CHECK_EQ(d.order, 1);
	CHECK_EQ(totems, 2);
	daemon_leave(&d);
	tear_down();
}

static void test_ping(void)
{
	uint8_t bytes[GROUP_QUORUM_BYTES] = { 0 };
	struct daemon d;

	set_up();
	d = daemon_in_group();
	totem_asks = 0;
	for (int have = 1, before; have >= 0; have--) {
		before = d.quorums;
		CHECK_EQ(group_stream_put(&d.stream, GROUP_PING, bytes, sizeof(bytes), NULL, 0), 0);
		TURN_UNTIL(&d, d.quorums == before + 1);
		CHECK_EQ(d.quorum, have);
		totem->call.cut(totem->ctx);
		TURN_UNTIL(&d, !d.quorum);
	}
	CHECK_EQ(totem_asks, 2); /* Corosync has answered before */
	daemon_leave(&d);
	tear_down();
}

static void test_another_user(void)
{
	struct daemon d;

	set_up();
	distrusted = true;
	d = daemon_connect();
	say_hello(&d);
	TURN_UNTIL(&d, d.ended);
	CHECK_EQ(d.welcomes, 0);
	CHECK_EQ(totems, 0);
	group_stream_deinit(&d.stream);
	distrusted = false;
	d = daemon_in_group();
	daemon_leave(&d);
	tear_down();
}

static void test_second_daemon(void)
{
	struct daemon first, second;

	set_up();
	first = daemon_in_group();
	second = daemon_connect();
	say_hello(&second);
	TURN_UNTIL(&second, second.ended);
	CHECK_EQ(second.result, -EEXIST);
	group_stream_deinit(&second.stream);
	CHECK_EQ(put_command(&first, 1), 0);
	TURN_UNTIL(&first, first.delivers == 2);
	/* Both are found in the same turn, and the end of the first one after the second one. */
	second = daemon_connect();
	group_stream_deinit(&first.stream);
	say_hello(&second);
	TURN_UNTIL(&second, second.welcomes);
	CHECK_EQ(second.result, 0);
	CHECK_EQ(totems, 2);
	daemon_leave(&second);
	tear_down();
}

static void say_resume(struct daemon *d, int node, uint64_t order)
{
	uint8_t bytes[GROUP_RESUME_BYTES];

	group_resume_encode(bytes, node, order);
	CHECK_EQ(group_stream_put(&d->stream, GROUP_RESUME, bytes, sizeof(bytes), NULL, 0), 0);
}

/* One in the place of another, whose connection stands: it is told what it missed, and the group nothing. */
static void test_another_daemon(void)
{
	struct daemon first, second;

	set_up();
	first = daemon_in_group();
	for (uint64_t i = 1; i <= 3; i++)
		CHECK_EQ(put_command(&first, i), 0);
	TURN_UNTIL(&first, first.delivers == 4);
	second = daemon_connect();
	second.order = 2;
	say_resume(&second, NODE, 2);
	TURN_UNTIL(&second, second.quorums);
	CHECK(second.welcomes == 1 && second.result == 0);
	CHECK(second.delivers == 2 && second.order == 4 && second.quorum == 1);
	TURN_UNTIL(&first, first.ended);
	CHECK_EQ(put_command(&second, 4), 0);
	TURN_UNTIL(&second, second.order == 5);
	CHECK_EQ(totems, 1);
	group_stream_deinit(&first.stream);
	daemon_leave(&second);
	tear_down();
}

static void check_not_resumed(int node, uint64_t order)
{
	struct daemon d = daemon_connect();

	say_resume(&d, node, order);
	TURN_UNTIL(&d, d.ended);
	CHECK(d.delivers == 0 && (d.result == -ESTALE || !d.welcomes));
	group_stream_deinit(&d.stream);
}

/* Of another node, of an order that was not, or of one that has left: the daemon that is there goes on. */
static void test_no_other_daemon(void)
{
	struct daemon first, silent;

	set_up();
	first = daemon_in_group();
	check_not_resumed(OTHER, 1);
	check_not_resumed(NODE, 2);
	silent = daemon_connect();
	TURN_UNTIL(&silent, silent.ended);
	group_stream_deinit(&silent.stream);
	CHECK_EQ(put_command(&first, 1), 0);
	TURN_UNTIL(&first, first.delivers == 2);
	daemon_leave(&first);
	check_not_resumed(NODE, 1);
	tear_down();
}

static void test_no_totem(void)
{
	struct daemon d;

	set_up();
	totem_error = -ENOMEM;
	d = daemon_connect();
	say_hello(&d);
	TURN_UNTIL(&d, d.ended);
	CHECK_EQ(d.result, -ENOMEM);
	group_stream_deinit(&d.stream);
	totem_error = 0;
	d = daemon_in_group();
	daemon_leave(&d);
	tear_down();
}

static void test_silent_daemon(void)
{
	int64_t from = os_now_ns();
	struct daemon d;

	set_up();
	d = daemon_connect();
	TURN_UNTIL(&d, d.ended);
	CHECK(os_now_ns() - from >= HELLO_MS * OS_MS_NS);
	group_stream_deinit(&d.stream);
	tear_down();
}

/* The bytes, or a frame of the kind, end the connection of a daemon that has said hello or has not. */
static void check_refused(bool hello, enum group_kind kind, const void *bytes, size_t len)
{
	struct daemon d = hello ? daemon_in_group() : daemon_connect();

	if (kind)
		CHECK_EQ(group_stream_put(&d.stream, kind, bytes, len, NULL, 0), 0);
	else
		CHECK_EQ(group_stream_put_raw(&d.stream, bytes, len), 0);
	if (!hello)
		say_hello(&d); /* too late */
	TURN_UNTIL(&d, d.ended);
	CHECK_EQ(d.welcomes, hello);
	CHECK(!totem);
	CHECK_EQ(d.outs, 0);
	group_stream_deinit(&d.stream);
}

static void test_hostile_daemon(void)
{
	struct group_hello hello = { .node = NODE, .name = "again", .speaker = protocol_own };
	uint8_t bytes[COMMAND_BYTES] = { 0 }, header[GROUP_HEADER_BYTES];

	set_up();
	check_refused(false, 0, "GET / HTTP/1.1\r\n\r\n", 18);
	check_refused(false, GROUP_COMMAND, bytes, COMMAND_BYTES);
	check_refused(false, GROUP_STATE, bytes, GROUP_STATE_HEAD);
	check_refused(true, GROUP_ASK, bytes, GROUP_ASK_BYTES);
	check_refused(true, GROUP_QUORUM, bytes, GROUP_QUORUM_BYTES);
	group_hello_encode(bytes, &hello);
	check_refused(true, GROUP_HELLO, bytes, GROUP_HELLO_BYTES);
	hello.node = NR_NODES;
	group_hello_encode(bytes, &hello);
	check_refused(false, GROUP_HELLO, bytes, GROUP_HELLO_BYTES);
	group_header_encode(header, GROUP_STATE, GROUP_STATE_HEAD + GROUP_STATE_MAX);
	header[7] = 0xff; /* 4 GiB */
	check_refused(true, 0, header, sizeof(header));
	tear_down();
}

static void test_nonsense(void)
{
	struct prng prng;
	struct daemon d;

	set_up();
	prng_init(&prng, 4711);
	for (int i = 0; i < 200; i++) {
		uint8_t bytes[GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES];

		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)prng_next(&prng);
		group_header_encode(bytes, (enum group_kind)prng_between(&prng, 1, GROUP_KIND_LAST),
				    (uint32_t)prng_between(&prng, 0, GROUP_DELIVER_BYTES));
		d = prng_below(&prng, 4) ? daemon_connect() : daemon_in_group();
		group_stream_put_raw(&d.stream, bytes, prng_between(&prng, 1, sizeof(bytes)));
		turn(&d);
		group_stream_deinit(&d.stream);
		TURN_UNTIL(NULL, !totem);
	}
	d = daemon_in_group();
	daemon_leave(&d);
	tear_down();
}

/* A daemon that sends and does not read: the connection ends when OUT_MAX wait, and not before. */
static void test_slow_daemon(void)
{
	const uint64_t frame = GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES;
	uint64_t sent = 0, most = OUT_MAX / frame + 20000;
	struct daemon d;

	set_up();
	d = daemon_in_group();
	for (int64_t until = os_deadline_ns(20000); totem && sent < most && os_now_ns() < until;) {
		for (int i = 0; i < 500; i++)
			CHECK_EQ(put_command(&d, ++sent), 0);
		do {
			turn(NULL);
		} while (totem && messages);
		group_stream_flush(&d.stream);
	}
	CHECK(!totem);
	CHECK(sent > OUT_MAX / frame);
	CHECK_EQ(d.delivers, 1);
	group_stream_deinit(&d.stream);
	tear_down();
}

/* More commands than the envoy holds: the rest waits, and gets its numbers with no further byte from the daemon. */
static void test_many_commands(void)
{
	struct daemon d;

	set_up();
	d = daemon_in_group();
	form_ring(128, 1u << NODE, false, 1);
	TURN_UNTIL(&d, !d.quorum);
	form_ring(192, 1u << NODE, true, 1);
	TURN_UNTIL(&d, d.quorum);
	for (uint64_t i = 1; i <= 5000; i++)
		CHECK_EQ(put_command(&d, i), 0);
	TURN_UNTIL(&d, d.delivers == 5001);
	daemon_leave(&d);
	tear_down();
}

static void test_loss_of_corosync(void)
{
	struct daemon d;
	int quorums;

	set_up();
	d = daemon_in_group();
	quorums = d.quorums;
	totem->call.cut(totem->ctx);
	totem->call.settle(totem->ctx);
	TURN_UNTIL(&d, d.quorums > quorums);
	CHECK_EQ(d.quorum, 0);
	CHECK(!d.ended && !d.outs);
	form_ring(256, 1u << NODE, true, 1); /* Corosync is back */
	TURN_UNTIL(&d, d.quorum == 1);
	CHECK_EQ(put_command(&d, 1), 0);
	TURN_UNTIL(&d, d.order >= 2);
	daemon_leave(&d);
	tear_down();
}

/* A node without the others' state is told that it is out; its next life says how far the others were. */
static void test_put_out(void)
{
	const struct council_point point = { 99, 42 };
	struct daemon d;

	set_up();
	d = daemon_in_group();
	form_ring(128, 1u << NODE | 1u << OTHER, true, 2);
	totem_turn();
	hear_other(128, point);
	TURN_UNTIL(&d, d.ended);
	CHECK_EQ(d.outs, 1);
	CHECK(!totem);
	group_stream_deinit(&d.stream);
	d = daemon_connect();
	say_hello(&d);
	TURN_UNTIL(&d, d.welcomes);
	CHECK_EQ(d.result, 0);
	memset(&greeting, 0, sizeof(greeting));
	form_ring(128, 1u << NODE | 1u << OTHER, true, 2);
	CHECK_EQ(greeting.epoch, point.epoch);
	CHECK_EQ(greeting.heard, point.heard);
	CHECK_EQ(greeting.token, 0); /* without a state */
	daemon_leave(&d);
	tear_down();
}

static void test_a_path_twice(void)
{
	struct deputy *other = NULL;

	set_up();
	CHECK_EQ(deputy_new(&other, loop, path), -EADDRINUSE);
	CHECK(!other);
	CHECK_EQ(deputy_new(&other, loop, "/nowhere/at/all"), -ENOENT);
	tear_down();
}

int main(void)
{
	alarm(55);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/deputy", dir);
	TEST(test_a_daemon);
	TEST(test_ping);
	TEST(test_another_user);
	TEST(test_second_daemon);
	TEST(test_another_daemon);
	TEST(test_no_other_daemon);
	TEST(test_no_totem);
	TEST(test_silent_daemon);
	TEST(test_hostile_daemon);
	TEST(test_nonsense);
	TEST(test_slow_daemon);
	TEST(test_many_commands);
	TEST(test_loss_of_corosync);
	TEST(test_put_out);
	TEST(test_a_path_twice);
	unlink(path);
	rmdir(dir);
	return test_end();
}
