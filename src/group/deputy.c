/* SPDX-License-Identifier: Apache-2.0 */
#include "group/deputy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group/envoy.h"
#include "group/history.h"
#include "group/stream.h"
#include "group/totem.h"
#include "os/clock.h"
#include "os/listener.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/random.h"
#include "os/socket.h"
#include "wire/group.h"

#define OUT_MAX	   (GROUP_STATE_MAX + (4u << 20))
#define HELLO_MS   2000 /* for a daemon to say which node it is */
#define LAST_READS 16	/* of 64 KiB, in search of the end of a connection */

struct deputy {
	struct os_loop *loop;
	struct os_listener *listener;
	struct os_source *connection, *timer;
	struct group_stream daemon; /* fd -1: none */
	/* One that has come while the other's connection stands, and has not said its first words. */
	struct group_stream next;
	struct os_source *next_connection, *next_timer;
	int doomed;	     /* 0 or why the daemon's connection ends */
	struct envoy *envoy; /* NULL: it has not said who it is */
	struct totem *totem;
	struct council_point seen; /* of the life before, if that was put out */
	int32_t node;
	bool quorum; /* as the daemon was told */
	struct history history;
	uint32_t foreign; /* nodes that are known to speak another protocol */
};

static void doom(struct deputy *d, int why)
{
	assert(why < 0);
	if (!d->doomed)
		d->doomed = why;
}

static void wrote(struct deputy *d, int r)
{
	if (r < 0)
		doom(d, r);
}

static void on_multicast(void *ctx, const uint8_t *head, const uint8_t *payload, size_t bytes)
{
	struct deputy *d = ctx;

	if (d->totem)
		totem_send(d->totem, head, COUNCIL_HEAD, payload, bytes);
}

/* The daemon's links take it. Without them it is missed, and then it is said in the order. */
static void on_aside(void *ctx, uint32_t members, const uint8_t *word)
{
	struct deputy *d = ctx;
	uint8_t head[8];

	_Static_assert(GROUP_WORD_BYTES == COUNCIL_HEAD, "a word is a message without a payload");
	group_number_encode(head, members);
	wrote(d, group_stream_queue(&d->daemon, GROUP_ASIDE, head, sizeof(head), word,
				    GROUP_WORD_BYTES));
}

static bool on_can_send(void *ctx)
{
	const struct deputy *d = ctx;

	return !d->totem || totem_has_room(d->totem);
}

static void on_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	struct deputy *d = ctx;
	uint8_t head[GROUP_RESTORE_HEAD];

	assert(len <= GROUP_STATE_MAX);
	d->quorum = true; /* it is given by one, and the daemon takes it so */
	history_clear(&d->history);
	group_number_encode(head, order);
	wrote(d, group_stream_put(&d->daemon, GROUP_RESTORE, head, sizeof(head), state, len));
}

static void on_deliver(void *ctx, uint64_t order, const uint8_t command[COMMAND_BYTES])
{
	struct deputy *d = ctx;
	uint8_t head[8];

	history_add(&d->history, order, command);
	group_number_encode(head, order);
	/* Those of one turn leave together: settle(). */
	wrote(d, group_stream_queue(&d->daemon, GROUP_DELIVER, head, sizeof(head), command,
				    COMMAND_BYTES));
}

static void on_ask(void *ctx, uint64_t token)
{
	struct deputy *d = ctx;
	uint8_t head[GROUP_ASK_BYTES];

	group_number_encode(head, token);
	wrote(d, group_stream_put(&d->daemon, GROUP_ASK, head, sizeof(head), NULL, 0));
}

static void tell_quorum(struct deputy *d)
{
	uint8_t head[8];

	assert(d->envoy);
	group_number_encode(head, d->quorum);
	wrote(d, group_stream_put(&d->daemon, GROUP_QUORUM, head, sizeof(head), NULL, 0));
}

static void on_quorum(void *ctx, bool have)
{
	struct deputy *d = ctx;

	os_log(OS_LOG_INFO, have ? "there is a quorum" : "there is no quorum");
	d->quorum = have;
	tell_quorum(d);
}

/* The daemon has to know before its connection ends; that it does, or does not, ends this life. */
static void on_foreign(void *ctx, int node, const struct protocol_speaker *speaker)
{
	struct deputy *d = ctx;
	char theirs[48] = "another version of it";

	if (d->foreign >> node & 1)
		return;
	d->foreign |= 1u << node;
	if (speaker)
		snprintf(theirs, sizeof(theirs), "protocol %u to %u", speaker->least,
			 speaker->most);
	os_log(OS_LOG_WARN,
	       "the daemon of node %d is in the process group and speaks %s, this one (dvs %s) %u to %u: both "
	       "are of no one group until every node has one release of dvs",
	       node, theirs, protocol_own.release, protocol_own.least, protocol_own.most);
}

static void on_out(void *ctx, struct council_point seen)
{
	struct deputy *d = ctx;
	uint8_t head[8] = { 0 };

	os_log(OS_LOG_WARN, "the group goes on without this node");
	d->seen = seen;
	wrote(d, group_stream_put(&d->daemon, GROUP_OUT, head, sizeof(head), NULL, 0));
	doom(d, -ESTALE);
}

static void close_daemon(struct deputy *d)
{
	d->totem = totem_free(d->totem);
	d->envoy = envoy_free(d->envoy);
	d->connection = os_source_free(d->connection);
	group_stream_deinit(&d->daemon);
	d->daemon.fd = -1;
	d->doomed = 0;
	d->quorum = false;
	history_clear(&d->history);
	assert(!d->connection && !d->envoy && !d->totem);
	os_timer_set(d->timer, -1);
}

static void close_next(struct deputy *d)
{
	d->next_connection = os_source_free(d->next_connection);
	d->next_timer = os_source_free(d->next_timer);
	group_stream_deinit(&d->next);
	assert(d->next.fd < 0);
}

static void take_frames(struct deputy *d);

/* Room for commands may have come about: those that were read and had to wait then make no event of their own. */
static void settle(struct deputy *d)
{
	int64_t again_ns;
	int events;

	take_frames(d);
	again_ns = d->envoy ? envoy_settle(d->envoy, os_now_ns()) : -1;
	wrote(d, group_stream_flush(&d->daemon));
	events = !d->envoy || envoy_has_room(d->envoy) ? OS_READ : 0;
	if (d->doomed) {
		if (d->envoy)
			os_log(OS_LOG_INFO, "the daemon left: %s", strerror(-d->doomed));
		close_daemon(d);
		return;
	}
	if (d->daemon.fd < 0)
		return;
	if (again_ns >= 0)
		os_timer_set(d->timer, again_ns / 1000);
	os_source_set(d->connection, group_stream_waiting(&d->daemon) ? events | OS_WRITE : events);
}

static void on_settle(void *ctx)
{
	settle(ctx);
}

static void on_unsettle(void *ctx)
{
	envoy_unsettle(((struct deputy *)ctx)->envoy);
}

static void on_cut(void *ctx)
{
	envoy_cut(((struct deputy *)ctx)->envoy);
}

static void on_view(void *ctx, uint64_t ring, uint32_t present)
{
	envoy_view(((struct deputy *)ctx)->envoy, ring, present);
}

static void on_present(void *ctx, uint32_t present)
{
	envoy_present(((struct deputy *)ctx)->envoy, present);
}

static void on_machines(void *ctx, uint64_t ring, bool have, uint32_t majority)
{
	envoy_quorum(((struct deputy *)ctx)->envoy, ring, have, majority);
}

static void on_hear(void *ctx, int from, const uint8_t *bytes, size_t len)
{
	envoy_hear(((struct deputy *)ctx)->envoy, from, bytes, len);
}

static int begin_life(struct deputy *d, const struct group_hello *hello)
{
	static const struct envoy_calls outward = { on_multicast, on_aside,   on_can_send,
						    on_restore,	  on_deliver, on_ask,
						    on_quorum,	  on_out,     on_foreign };
	static const struct totem_calls inward = { on_unsettle, on_cut,	 on_view,  on_present,
						   on_machines, on_hear, on_settle };
	const struct command join = group_hello_join(hello);
	int r;

	assert(!d->envoy && !d->totem);
	d->foreign = 0;
	d->quorum = false;
	d->node = hello->node;
	r = envoy_new(&d->envoy, hello->node, os_random(), d->seen, &join, &outward, d);
	return r < 0 ? r : totem_new(&d->totem, d->loop, hello->node, &inward, d);
}

/* Both are of one package: one of them was started before it was installed. */
static void tell_version(void)
{
	os_log(OS_LOG_WARN,
	       "the daemon was refused: it is of another release than this program, which is of dvs "
	       "%s: restart both",
	       protocol_own.release);
}

static int on_hello(struct deputy *d, const struct group_frame *f)
{
	struct group_hello hello;
	int r = d->envoy ? -EBADMSG : group_hello_decode(&hello, f->payload);

	if (r < 0)
		return r;
	r = protocol_common(&hello.speaker, &protocol_own) ? begin_life(d, &hello) : -EPROTO;
	if (r == -EPROTO)
		tell_version();
	wrote(d, group_stream_welcome(&d->daemon, r, protocol_own.most));
	return r;
}

static int on_word(struct deputy *d, const struct group_frame *f)
{
	uint64_t from = group_number_decode(f->payload);

	if (!from || from & (from - 1) || from >> NR_NODES)
		return -EBADMSG;
	envoy_hear_aside(d->envoy, __builtin_ctzll(from), f->payload + 8, GROUP_WORD_BYTES);
	return 0;
}

static int on_frame(struct deputy *d, const struct group_frame *f)
{
	if (f->kind == GROUP_HELLO)
		return on_hello(d, f);
	if (!d->envoy)
		return -EBADMSG;
	if (f->kind == GROUP_COMMAND) {
		envoy_propose(d->envoy, f->payload);
		return 0;
	}
	if (f->kind == GROUP_PING) {
		totem_ask(d->totem);
		tell_quorum(d);
		return 0;
	}
	if (f->kind == GROUP_ASIDE)
		return on_word(d, f);
	if (f->kind != GROUP_STATE)
		return -EBADMSG;
	envoy_state(d->envoy, group_number_decode(f->payload), group_number_decode(f->payload + 8),
		    f->payload + GROUP_STATE_HEAD, f->bytes - GROUP_STATE_HEAD);
	return 0;
}

/* The frames that are there, as far as there is room for commands. */
static void take_frames(struct deputy *d)
{
	struct group_frame frame;
	int r = 0;

	while (!d->doomed && (!d->envoy || envoy_has_room(d->envoy)) &&
	       (r = group_stream_next(&d->daemon, &frame)) > 0) {
		r = on_frame(d, &frame);
		if (r < 0)
			doom(d, r);
	}
	if (r == -EPROTO && !d->envoy && !d->doomed) {
		tell_version();
		wrote(d, group_stream_welcome(&d->daemon, r, protocol_own.most));
	}
	if (r < 0)
		doom(d, r);
}

static bool read_daemon(struct deputy *d)
{
	int r = group_stream_fill(&d->daemon);

	if (r == -EAGAIN)
		return false;
	if (r < 0)
		doom(d, r);
	return !d->doomed;
}

static void on_daemon(void *ctx, int fd, int events)
{
	struct deputy *d = ctx;

	(void)fd;
	if (events & OS_WRITE)
		wrote(d, group_stream_flush(&d->daemon));
	if (events & OS_READ)
		read_daemon(d);
	settle(d);
}

/* Time for a joiner to ask again, or for a daemon that has not said who it is to go. */
static void on_timer(void *ctx)
{
	struct deputy *d = ctx;

	if (d->daemon.fd >= 0 && !d->envoy)
		doom(d, -ETIMEDOUT);
	settle(d);
}

/* The one that is there already may have ended and not been read to its end. */
static bool has_daemon(struct deputy *d)
{
	if (d->daemon.fd < 0)
		return false;
	for (int i = 0; i < LAST_READS && read_daemon(d); i++)
		take_frames(d);
	settle(d);
	return d->daemon.fd >= 0;
}

/* The answer to the first words of the one that has come; true: it stays. */
static bool welcome_next(struct deputy *d, int result)
{
	return group_stream_welcome(&d->next, result, protocol_own.most) == 0 && !result;
}

/* A daemon in the place of one that died: the group sees nothing of it. */
static void resume(struct deputy *d, int32_t node, uint64_t order)
{
	bool can =
		has_daemon(d) && d->envoy && d->node == node && history_reaches(&d->history, order);
	int fd = d->next.fd;

	if (!welcome_next(d, can ? 0 : -ESTALE) ||
	    history_put(&d->history, &d->next, order, d->quorum) < 0) {
		close_next(d);
		return;
	}
	os_log(OS_LOG_INFO, "another daemon goes on");
	d->next_connection = os_source_free(d->next_connection);
	d->next_timer = os_source_free(d->next_timer);
	d->connection = os_source_free(d->connection);
	group_stream_deinit(&d->daemon);
	d->daemon = d->next;
	d->next = (struct group_stream){ .fd = -1 };
	wrote(d, os_source_io(d->loop, fd, OS_READ, on_daemon, d, &d->connection));
	settle(d);
}

/* The first words of one that has come while another one's connection stands. */
static void on_next(void *ctx, int fd, int events)
{
	struct deputy *d = ctx;
	struct group_frame f;
	uint64_t order;
	int32_t node;
	int r = group_stream_fill(&d->next);

	(void)fd;
	(void)events;
	if (r == -EAGAIN)
		return;
	if (!r)
		r = group_stream_next(&d->next, &f);
	if (!r)
		return;
	if (r > 0 && f.kind == GROUP_RESUME && !group_resume_decode(&node, &order, f.payload)) {
		resume(d, node, order);
		return;
	}
	if (r > 0)
		welcome_next(d, -EEXIST);
	close_next(d);
}

static void on_next_late(void *ctx)
{
	close_next(ctx);
}

static void take_next(struct deputy *d, int fd)
{
	if (d->next.fd >= 0)
		close_next(d);
	group_stream_init(&d->next, fd, OUT_MAX);
	if (os_source_io(d->loop, fd, OS_READ, on_next, d, &d->next_connection) < 0 ||
	    os_source_timer(d->loop, HELLO_MS * 1000, on_next_late, d, &d->next_timer) < 0)
		close_next(d);
}

static void on_accepted(void *ctx, int fd)
{
	struct deputy *d = ctx;

	if (has_daemon(d)) {
		take_next(d, fd);
		return;
	}
	group_stream_init(&d->daemon, fd, OUT_MAX);
	if (os_source_io(d->loop, fd, OS_READ, on_daemon, d, &d->connection) < 0)
		close_daemon(d);
	else
		os_timer_set(d->timer, HELLO_MS * 1000);
}

int deputy_new(struct deputy **deputyp, struct os_loop *loop, const char *path)
{
	struct deputy *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->daemon.fd = d->next.fd = -1;
	r = os_source_timer(loop, -1, on_timer, d, &d->timer);
	if (r >= 0)
		r = os_listener_new(loop, path, OS_STREAM, on_accepted, d, &d->listener);
	if (r < 0)
		deputy_free(d);
	else
		*deputyp = d;
	return r < 0 ? r : 0;
}

struct deputy *deputy_free(struct deputy *d)
{
	if (d->daemon.fd >= 0)
		close_daemon(d);
	close_next(d);
	assert(!d->envoy && !d->totem);
	os_listener_free(d->listener);
	os_source_free(d->timer);
	free(d);
	return NULL;
}
