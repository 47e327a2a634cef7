/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of the server. The rules are group/clerk.c's, which knows each connection by its place. */
#include "group/sequencer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "group/clerk.h"
#include "group/history.h"
#include "group/stream.h"
#include "os/clock.h"
#include "os/listener.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/socket.h"

#define CHECK_PERIOD_US 250000
#define LAST_READS_MAX	16 /* of 64 KiB, in search of the end of a connection */

struct connection {
	struct sequencer *seq; /* NULL: the place is free */
	int place;
	struct group_stream stream;
	struct os_source *source;
	int64_t accepted_ns;
};

struct sequencer {
	struct os_loop *loop;
	struct os_listener *listener;
	struct os_source *checker;
	struct clerk clerk;
	struct connection connection[CLERK_PLACES]; /* by place */
	struct history history;
};

static struct clerk_place *place_of(struct connection *c)
{
	assert(c->seq);
	return &c->seq->clerk.place[c->place];
}

static void connection_doom(struct connection *c, int why)
{
	clerk_doom(&c->seq->clerk, c->place, why);
}

/* Waits for room when something is left. */
static void connection_watch(struct connection *c)
{
	os_source_set(c->source, group_stream_waiting(&c->stream) ? OS_READ | OS_WRITE : OS_READ);
}

/* The outcome of writing to c. */
static void connection_wrote(struct connection *c, int r)
{
	if (r < 0)
		connection_doom(c, r);
	else
		connection_watch(c);
}

static void connection_close(struct connection *c)
{
	assert(c->seq);
	os_source_free(c->source);
	group_stream_deinit(&c->stream);
	*c = (struct connection){ .stream.fd = -1 };
}

/* ---- what the clerk wants ---- */

static int64_t on_now_ns(void *ctx)
{
	(void)ctx;
	return os_now_ns();
}

static int on_put(void *ctx, int place, enum group_kind kind, const void *head, size_t head_bytes,
		  const void *body, size_t body_bytes)
{
	struct connection *c = &((struct sequencer *)ctx)->connection[place];
	int r = group_stream_put(&c->stream, kind, head, head_bytes, body, body_bytes);

	if (r >= 0)
		connection_watch(c);
	return r;
}

static void on_ordered(void *ctx, uint64_t order, const struct command *cmd)
{
	struct sequencer *seq = ctx;
	uint8_t bytes[COMMAND_BYTES];

	assert(order);
	if (order == 1)
		history_clear(&seq->history);
	command_encode(cmd, bytes);
	history_add(&seq->history, order, bytes);
	if (cmd->kind == COMMAND_NODE_JOIN)
		os_log(OS_LOG_INFO, "node %d joined, order %llu", cmd->node,
		       (unsigned long long)order);
}

static void on_asked(void *ctx)
{
	os_timer_set(((struct sequencer *)ctx)->checker, CHECK_PERIOD_US);
}

static void on_gone(void *ctx, int place, const struct clerk_place *was)
{
	struct sequencer *seq = ctx;

	if (was->state != CLERK_STRANGER)
		os_log(OS_LOG_INFO, "node %d left: %s", was->hello.node, strerror(-was->doomed));
	connection_close(&seq->connection[place]);
}

/* ---- frames ---- */

static int connection_read(struct connection *c);

/* A daemon that died and was started again may be here before its end was seen. */
static struct connection *find_node(struct sequencer *seq, int node)
{
	int place = clerk_find(&seq->clerk, node);
	struct connection *c = place < 0 ? NULL : &seq->connection[place];

	for (int i = 0; c && i < LAST_READS_MAX && connection_read(c); i++)
		continue;
	return c && !place_of(c)->doomed ? c : NULL;
}

static int on_hello(struct connection *c, const struct group_frame *f)
{
	struct clerk *clerk = &c->seq->clerk;
	struct group_hello hello;
	int r = place_of(c)->state == CLERK_STRANGER ? group_hello_decode(&hello, f->payload)
						     : -EBADMSG;

	if (r < 0)
		return r;
	find_node(c->seq, hello.node);
	r = clerk_hello(clerk, c->place, &hello);
	if (r == -EPROTO)
		os_log(OS_LOG_WARN,
		       "node %d (dvs %s) was refused: it speaks protocol %u to %u and the group speaks "
		       "%u: install one release of dvs on every node",
		       hello.node, hello.speaker.release, hello.speaker.least, hello.speaker.most,
		       clerk->protocol);
	return r;
}

/* Why this daemon cannot go on as its predecessor, or 0. */
static int may_resume(struct connection *c, int node, uint64_t order, struct connection **oldp)
{
	if (place_of(c)->state != CLERK_STRANGER)
		return -EBADMSG;
	*oldp = find_node(c->seq, node);
	if (!*oldp || place_of(*oldp)->state != CLERK_MEMBER ||
	    !history_reaches(&c->seq->history, order))
		return -ESTALE;
	return 0;
}

/* A daemon in the place of one that died: the order sees nothing of it. */
static int on_resume(struct connection *c, const struct group_frame *f)
{
	struct connection *old;
	uint64_t order;
	int32_t node;
	int r = group_resume_decode(&node, &order, f->payload);

	if (r < 0)
		return r;
	r = may_resume(c, node, order, &old);
	clerk_welcome(&c->seq->clerk, c->place, r);
	if (r < 0)
		return r;
	connection_wrote(c, history_put(&c->seq->history, &c->stream, order, true));
	os_log(OS_LOG_INFO, "node %d has another daemon", node);
	clerk_take_over(&c->seq->clerk, c->place, old->place);
	return 0;
}

static int on_frame(struct connection *c, const struct group_frame *f)
{
	switch (f->kind) {
	case GROUP_HELLO:
		return on_hello(c, f);
	case GROUP_RESUME:
		return on_resume(c, f);
	case GROUP_COMMAND:
		return clerk_command(&c->seq->clerk, c->place, f->payload, f->bytes);
	case GROUP_STATE:
		return clerk_state(&c->seq->clerk, c->place, f->payload, f->bytes);
	default:
		return -EBADMSG;
	}
}

/* The frames of its release cannot be read; it can be told this fact alone. */
static void refuse_version(struct connection *c)
{
	os_log(OS_LOG_WARN,
	       "a daemon was refused: it is of another release than this sequencer, which is of dvs %s: "
	       "install one release of dvs, and start both",
	       protocol_own.release);
	clerk_welcome(&c->seq->clerk, c->place, -EPROTO);
}

/* Reads once and acts on the frames that are there: 1; 0: nothing more to be had now, or the connection is gone. */
static int connection_read(struct connection *c)
{
	struct group_frame frame;
	int r = group_stream_fill(&c->stream);

	if (r == -EAGAIN)
		return 0;
	while (r >= 0 && !place_of(c)->doomed && (r = group_stream_next(&c->stream, &frame)) > 0) {
		r = on_frame(c, &frame);
		if (!c->seq)
			return 0;
		if (r < 0) {
			connection_doom(c, r);
			return 0;
		}
	}
	if (r == -EPROTO)
		refuse_version(c);
	if (r < 0)
		connection_doom(c, r);
	return !place_of(c)->doomed;
}

static void on_connection(void *ctx, int fd, int events)
{
	struct connection *c = ctx;
	struct sequencer *seq = c->seq;

	(void)fd;
	if (events & OS_WRITE)
		connection_wrote(c, group_stream_flush(&c->stream));
	else
		connection_read(c);
	clerk_settle(&seq->clerk);
}

static int connection_new(struct sequencer *seq, int fd)
{
	int place = clerk_come(&seq->clerk), r;
	struct connection *c;

	if (place < 0) {
		os_close(fd);
		return place;
	}
	c = &seq->connection[place];
	*c = (struct connection){ .seq = seq, .place = place, .accepted_ns = os_now_ns() };
	os_timer_set(seq->checker, CHECK_PERIOD_US);
	group_stream_init(&c->stream, fd, SEQUENCER_OUT_MAX);
	r = os_source_io(seq->loop, fd, OS_READ, on_connection, c, &c->source);
	if (r < 0)
		connection_doom(c, r);
	clerk_settle(&seq->clerk);
	return r;
}

static void on_accepted(void *ctx, int fd)
{
	int r = connection_new(ctx, fd);

	if (r < 0)
		os_log(OS_LOG_WARN, "a connection was not accepted: %s", strerror(-r));
}

/* Strangers that do not say their name in time have to go. True: there are some. */
static bool check_strangers(struct sequencer *seq, int64_t now)
{
	bool waits = false;

	for (int place = 0; place < CLERK_PLACES; place++) {
		struct connection *c = &seq->connection[place];

		if (!c->seq || place_of(c)->state != CLERK_STRANGER || place_of(c)->doomed)
			continue;
		waits = true;
		if (now - c->accepted_ns > SEQUENCER_HELLO_TIMEOUT_MS * OS_MS_NS)
			connection_doom(c, -ETIMEDOUT);
	}
	return waits;
}

/* A member that does not answer in time is left in peace, but another one is asked. */
static void on_check(void *ctx)
{
	struct sequencer *seq = ctx;
	bool strangers = check_strangers(seq, os_now_ns());
	bool joiners = clerk_check(&seq->clerk, SEQUENCER_STATE_TIMEOUT_MS * OS_MS_NS);

	if (strangers || joiners)
		os_timer_set(seq->checker, CHECK_PERIOD_US);
	clerk_settle(&seq->clerk);
}

int sequencer_new(struct sequencer **seqp, struct os_loop *loop, const char *path)
{
	static const struct clerk_calls calls = { on_now_ns, on_put, on_ordered, on_asked,
						  on_gone };
	struct sequencer *seq = calloc(1, sizeof(*seq));
	int r;

	if (!seq)
		return -ENOMEM;
	seq->loop = loop;
	clerk_init(&seq->clerk, &calls, seq);
	r = os_source_timer(loop, -1, on_check, seq, &seq->checker);
	if (r >= 0)
		r = os_listener_new(loop, path, OS_STREAM, on_accepted, seq, &seq->listener);
	if (r < 0) {
		sequencer_free(seq);
		return r;
	}
	*seqp = seq;
	return 0;
}

struct sequencer *sequencer_free(struct sequencer *seq)
{
	for (int place = 0; place < CLERK_PLACES; place++)
		if (seq->connection[place].seq)
			connection_close(&seq->connection[place]);
	clerk_deinit(&seq->clerk);
	os_listener_free(seq->listener);
	os_source_free(seq->checker);
	free(seq);
	return NULL;
}
