/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a connection:
 *
 *	NEW --HELLO--> JOINING --STATE of a member arrived--> MEMBER
 *	                  \------ there is no member --------/
 *	any of them --------------- doomed ----------------> gone (a MEMBER: NODE_LEAVE ordered)
 *
 * A joiner is asked for at one point of the order: commands after it are kept in `later` until the state is
 * there, and go out behind it. Its NODE_JOIN is ordered only then, so a joiner or a provider that dies half way
 * leaves no trace in the order.
 *
 * Nothing is taken apart in the middle of a walk over the connections: a connection that has to go is marked
 * doomed, and sequencer_settle() removes the doomed and orders their leaving, until none is left.
 */
#include "group/sequencer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "group/history.h"
#include "group/stream.h"
#include "group/transfer.h"
#include "os/clock.h"
#include "os/listener.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/socket.h"

#define CHECK_PERIOD_US 250000
#define LAST_READS_MAX	16 /* of 64 KiB, in search of the end of a connection */

enum connection_state {
	CONNECTION_NEW,
	CONNECTION_JOINING,
	CONNECTION_MEMBER
};

struct connection {
	struct sequencer *seq; /* NULL: the place is free */
	struct group_stream stream;
	struct os_source *source;
	enum connection_state state;
	struct group_hello hello;
	int doomed; /* 0 or negative errno: why */
	int64_t accepted_ns;
	struct transfer transfer; /* JOINING: its state; a provider is its place */
};

struct sequencer {
	struct os_loop *loop;
	struct os_listener *listener;
	struct os_source *checker;
	uint64_t order; /* last number given */
	uint64_t last_token;
	unsigned next_provider; /* place where the search for one starts */
	uint16_t protocol;	/* of the group; 0: it has had no member */
	struct connection place[SEQUENCER_CONNECTIONS_MAX];
	struct history history;
};

#define FOR_EACH_CONNECTION(c, seq)                                                             \
	for (struct connection *c = (seq)->place; c < (seq)->place + SEQUENCER_CONNECTIONS_MAX; \
	     c++)                                                                               \
		if (c->seq)

static void connection_doom(struct connection *c, int why)
{
	assert(why < 0);
	if (!c->doomed)
		c->doomed = why;
}

/* The outcome of writing to c: waits for room when something is left. */
static void connection_wrote(struct connection *c, int r)
{
	if (r < 0)
		connection_doom(c, r);
	else
		os_source_set(c->source,
			      group_stream_waiting(&c->stream) ? OS_READ | OS_WRITE : OS_READ);
}

static void connection_put(struct connection *c, enum group_kind kind, const void *head,
			   size_t head_bytes, const void *body, size_t body_bytes)
{
	if (!c->doomed)
		connection_wrote(c, group_stream_put(&c->stream, kind, head, head_bytes, body,
						     body_bytes));
}

static void connection_close(struct connection *c)
{
	assert(c->seq);
	os_source_free(c->source);
	group_stream_deinit(&c->stream);
	transfer_deinit(&c->transfer);
	*c = (struct connection){ .stream.fd = -1 };
}

/* A joiner keeps for later what is ordered while its state is on the way. */
static void connection_keep(struct connection *c, const uint8_t *frame, size_t len)
{
	int r = transfer_keep(&c->transfer, frame, len, SEQUENCER_OUT_MAX);

	assert(c->state == CONNECTION_JOINING);
	if (r < 0)
		connection_doom(c, r);
}

/* Numbers a command and sends it to everybody. */
static void sequencer_order(struct sequencer *seq, const struct command *cmd)
{
	uint8_t frame[GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES];

	group_header_encode(frame, GROUP_DELIVER, GROUP_DELIVER_BYTES);
	group_number_encode(frame + GROUP_HEADER_BYTES, ++seq->order);
	command_encode(cmd, frame + GROUP_HEADER_BYTES + 8);
	history_add(&seq->history, seq->order, frame + GROUP_HEADER_BYTES + 8);
	FOR_EACH_CONNECTION(c, seq)
	{
		if (c->doomed)
			continue;
		if (c->state == CONNECTION_MEMBER)
			connection_wrote(c, group_stream_put_raw(&c->stream, frame, sizeof(frame)));
		else if (c->state == CONNECTION_JOINING)
			connection_keep(c, frame, sizeof(frame));
	}
}

/* The joiner has its state: from now on it is one of them. */
static void sequencer_admit(struct sequencer *seq, struct connection *c)
{
	const struct command join = group_hello_join(&c->hello);

	assert(c->state == CONNECTION_JOINING);
	assert(!c->doomed);
	c->state = CONNECTION_MEMBER;
	sequencer_order(seq, &join);
	os_log(OS_LOG_INFO, "node %d joined, order %llu", c->hello.node,
	       (unsigned long long)seq->order);
}

/* Some member that is not doomed; the one that was asked before only if there is no other. NULL: none at all. */
static struct connection *find_provider(struct sequencer *seq, const struct transfer *before)
{
	struct connection *last = NULL;

	for (unsigned i = 0; i < SEQUENCER_CONNECTIONS_MAX; i++) {
		unsigned at = (seq->next_provider + i) % SEQUENCER_CONNECTIONS_MAX;
		struct connection *c = &seq->place[at];

		if (!c->seq || c->doomed || c->state != CONNECTION_MEMBER)
			continue;
		last = c;
		if (transfer_asks(before, (int)at))
			continue;
		seq->next_provider = at + 1;
		return c;
	}
	assert(!last || last->state == CONNECTION_MEMBER);
	return last;
}

/* Asks a member for the state as of now, or founds the group if there is none. */
static void start_transfer(struct sequencer *seq, struct connection *joiner)
{
	struct connection *provider = find_provider(seq, &joiner->transfer);
	uint8_t token[GROUP_ASK_BYTES];

	assert(joiner->state == CONNECTION_JOINING);
	if (!provider) {
		transfer_deinit(&joiner->transfer);
		seq->order = 0;
		history_clear(&seq->history);
		sequencer_admit(seq, joiner);
		return;
	}
	transfer_begin(&joiner->transfer, (int)(provider - seq->place), ++seq->last_token,
		       seq->order, os_now_ns());
	group_number_encode(token, seq->last_token);
	connection_put(provider, GROUP_ASK, token, sizeof(token), NULL, 0);
	os_timer_set(seq->checker, CHECK_PERIOD_US);
}

static void order_leave(struct sequencer *seq, int node)
{
	struct command leave = {
		.version = COMMAND_VERSION, .kind = COMMAND_NODE_LEAVE, .origin = -1, .node = node
	};

	sequencer_order(seq, &leave);
}

/* Removes one doomed connection; the joiner that was to get its state asks another. */
static void sequencer_remove(struct sequencer *seq, struct connection *gone)
{
	bool member = gone->state == CONNECTION_MEMBER;
	int node = gone->hello.node;

	assert(gone->doomed);
	if (gone->state != CONNECTION_NEW)
		os_log(OS_LOG_INFO, "node %d left: %s", node, strerror(-gone->doomed));
	connection_close(gone);
	if (member)
		order_leave(seq, node);
	FOR_EACH_CONNECTION(c, seq)
	if (transfer_asks(&c->transfer, (int)(gone - seq->place)) && !c->doomed)
		start_transfer(seq, c);
}

static void sequencer_settle(struct sequencer *seq)
{
	bool again;

	do {
		again = false;
		FOR_EACH_CONNECTION(c, seq)
		{
			if (c->doomed) {
				sequencer_remove(seq, c);
				again = true;
			}
		}
	} while (again);
}

static int connection_read(struct connection *c);

/* The connection of a node that is a member or becomes one, if it still stands. */
static struct connection *find_node(struct sequencer *seq, int node)
{
	FOR_EACH_CONNECTION(c, seq)
	{
		if (c->state == CONNECTION_NEW || c->doomed || c->hello.node != node)
			continue;
		/* A daemon that died and was started again may be here before its end was seen. */
		for (int i = 0; i < LAST_READS_MAX && connection_read(c); i++)
			continue;
		if (!c->doomed)
			return c;
	}
	return NULL;
}

/* The first member brings the protocol of the group, and those that do not speak it stay outside. */
static int check_protocol(struct sequencer *seq, const struct group_hello *hello)
{
	struct protocol_speaker group = { .least = seq->protocol, .most = seq->protocol };
	bool is_first = true;

	FOR_EACH_CONNECTION(c, seq)
	is_first &= c->state == CONNECTION_NEW || c->doomed;
	if (is_first)
		seq->protocol = hello->speaker.most;
	else if (!protocol_common(&hello->speaker, &group)) {
		os_log(OS_LOG_WARN,
		       "node %d (dvs %s) was refused: it speaks protocol %u to %u and the group speaks "
		       "%u: install one release of dvs on every node",
		       hello->node, hello->speaker.release, hello->speaker.least,
		       hello->speaker.most, seq->protocol);
		return -EPROTO;
	}
	return 0;
}

static void put_welcome(struct connection *c, int result)
{
	if (!c->doomed)
		connection_wrote(c, group_stream_welcome(&c->stream, result, c->seq->protocol));
}

static int on_hello(struct connection *c, const struct group_frame *f)
{
	struct group_hello hello;
	int r;

	if (c->state != CONNECTION_NEW)
		return -EBADMSG;
	r = group_hello_decode(&hello, f->payload);
	if (r < 0)
		return r;
	r = find_node(c->seq, hello.node) ? -EEXIST : check_protocol(c->seq, &hello);
	put_welcome(c, r);
	if (r < 0)
		return r;
	/* The leaving of its former life comes before its state is asked for. */
	sequencer_settle(c->seq);
	if (!c->seq || c->doomed)
		return -ECONNRESET;
	c->hello = hello;
	c->state = CONNECTION_JOINING;
	start_transfer(c->seq, c);
	return 0;
}

/* Why this daemon cannot go on as its predecessor, or 0. */
static int may_resume(struct connection *c, int node, uint64_t order, struct connection **oldp)
{
	if (c->state != CONNECTION_NEW)
		return -EBADMSG;
	*oldp = find_node(c->seq, node);
	if (!*oldp || (*oldp)->state != CONNECTION_MEMBER ||
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
	connection_wrote(c, group_stream_welcome(&c->stream, r, c->seq->protocol));
	if (r < 0)
		return r;
	connection_wrote(c, history_put(&c->seq->history, &c->stream, order, true));
	os_log(OS_LOG_INFO, "node %d has another daemon", node);
	c->hello = old->hello;
	c->state = CONNECTION_MEMBER;
	/* The old connection goes as one of nobody; the joiners that it was to give a state ask another member. */
	old->state = CONNECTION_NEW;
	connection_doom(old, -ECONNRESET);
	return 0;
}

static int on_command(struct connection *c, const struct group_frame *f)
{
	struct command cmd;
	int r = command_decode(&cmd, f->payload, f->bytes);

	if (r < 0)
		return r;
	/* Comings and goings are ordered by the sequencer itself, the rest in one's own name. */
	if (c->state != CONNECTION_MEMBER || cmd.origin != c->hello.node ||
	    cmd.kind == COMMAND_NODE_JOIN || cmd.kind == COMMAND_NODE_LEAVE)
		return -EBADMSG;
	sequencer_order(c->seq, &cmd);
	return 0;
}

/* The state, and behind it what was ordered meanwhile. */
static int deliver_state(struct connection *c, const struct group_frame *f)
{
	struct group_buffer *later = &c->transfer.later;

	connection_put(c, GROUP_RESTORE, f->payload + 8, GROUP_RESTORE_HEAD,
		       f->payload + GROUP_STATE_HEAD, f->bytes - GROUP_STATE_HEAD);
	if (!c->doomed && group_buffer_size(later))
		connection_wrote(c, group_stream_put_raw(&c->stream, later->bytes + later->from,
							 group_buffer_size(later)));
	transfer_deinit(&c->transfer);
	if (!c->doomed)
		sequencer_admit(c->seq, c);
	return 0;
}

static int on_state(struct connection *provider, const struct group_frame *f)
{
	struct sequencer *seq = provider->seq;
	uint64_t token = group_number_decode(f->payload);
	uint64_t order = group_number_decode(f->payload + 8);

	if (provider->state != CONNECTION_MEMBER)
		return -EBADMSG;
	FOR_EACH_CONNECTION(c, seq)
	{
		int r = c->doomed ? 0
				  : transfer_take(&c->transfer, (int)(provider - seq->place), token,
						  order);

		if (r < 0)
			return r;
		if (r)
			return deliver_state(c, f);
	}
	/* Too late, or the joiner is gone: nobody waits for it. */
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
		return on_command(c, f);
	case GROUP_STATE:
		return on_state(c, f);
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
	put_welcome(c, -EPROTO);
}

/* Reads once and acts on the frames that are there: 1; 0: nothing more to be had now. */
static int connection_read(struct connection *c)
{
	struct group_frame frame;
	int r = group_stream_fill(&c->stream);

	if (r == -EAGAIN)
		return 0;
	while (r >= 0 && !c->doomed && (r = group_stream_next(&c->stream, &frame)) > 0) {
		r = on_frame(c, &frame);
		if (r < 0) {
			connection_doom(c, r);
			return 0;
		}
	}
	if (r == -EPROTO)
		refuse_version(c);
	if (r < 0)
		connection_doom(c, r);
	return !c->doomed;
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
	sequencer_settle(seq);
}

static int connection_new(struct sequencer *seq, int fd)
{
	for (struct connection *c = seq->place; c < seq->place + SEQUENCER_CONNECTIONS_MAX; c++) {
		int r;

		if (c->seq)
			continue;
		*c = (struct connection){ .seq = seq, .accepted_ns = os_now_ns() };
		os_timer_set(seq->checker, CHECK_PERIOD_US);
		group_stream_init(&c->stream, fd, SEQUENCER_OUT_MAX);
		r = os_source_io(seq->loop, fd, OS_READ, on_connection, c, &c->source);
		if (r < 0)
			connection_close(c);
		return r;
	}
	os_close(fd);
	return -EUSERS;
}

static void on_accepted(void *ctx, int fd)
{
	int r = connection_new(ctx, fd);

	if (r < 0)
		os_log(OS_LOG_WARN, "a connection was not accepted: %s", strerror(-r));
}

/*
 * A connection that does not say its name in time has to go. A member that does not answer in time is left in
 * peace, but another one is asked.
 */
static void on_check(void *ctx)
{
	struct sequencer *seq = ctx;
	int64_t now = os_now_ns();
	bool waiting = false;

	FOR_EACH_CONNECTION(c, seq)
	{
		if (c->state == CONNECTION_MEMBER || c->doomed)
			continue;
		waiting = true;
		if (c->state == CONNECTION_NEW &&
		    now - c->accepted_ns > SEQUENCER_HELLO_TIMEOUT_MS * OS_MS_NS)
			connection_doom(c, -ETIMEDOUT);
		if (transfer_is_late(&c->transfer, now, SEQUENCER_STATE_TIMEOUT_MS * OS_MS_NS))
			start_transfer(seq, c);
	}
	if (waiting)
		os_timer_set(seq->checker, CHECK_PERIOD_US);
	sequencer_settle(seq);
}

int sequencer_new(struct sequencer **seqp, struct os_loop *loop, const char *path)
{
	struct sequencer *seq = calloc(1, sizeof(*seq));
	int r;

	if (!seq)
		return -ENOMEM;
	seq->loop = loop;
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
	FOR_EACH_CONNECTION(c, seq)
	{
		connection_close(c);
		assert(!c->seq);
	}
	os_listener_free(seq->listener);
	os_source_free(seq->checker);
	free(seq);
	return NULL;
}
