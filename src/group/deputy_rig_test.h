/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_DEPUTY_RIG_TEST_H
#define DVS_GROUP_DEPUTY_RIG_TEST_H

/*
 * The rig of the deputy's tests: it stands between a daemon, which the test plays on the socket, and a totem that is
 * made here: a message comes back in the order in which it was sent, and the ring is as the test says. For test
 * programs.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "core/council.h"
#include "group/deputy.h"
#include "group/stream.h"
#include "group/totem.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/socket.h"

#define WAIT_MS 5000
#define NODE	0
#define OTHER	1
#define SECRET	4711u

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

static bool totem_is_full;

bool totem_has_room(const struct totem *t)
{
	CHECK(t == totem);
	return !totem_is_full;
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
	totem_is_full = false;
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
	struct group_hello hello = {
		.node = NODE, .secret = SECRET, .name = "first", .speaker = protocol_own
	};
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

static void rig_init(void)
{
	alarm(55);
	if (!mkdtemp(dir))
		exit(1);
	snprintf(path, sizeof(path), "%s/deputy", dir);
}

static int rig_end(void)
{
	unlink(path);
	rmdir(dir);
	return test_end();
}

#endif
