/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The member's side of the local engine: a client of dvs-sequencer.
 *
 *	connect, HELLO -> WELCOME        group_new(), waits
 *	[RESTORE]                        the state, unless this is the first member
 *	DELIVER ...                      among them the own NODE_JOIN: joined from then on
 *	ASK -> STATE                     at any time: somebody else joins
 *
 * The stream is in order, so the state sent for an ASK is the one as of the last DELIVER before it.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group/engine.h"
#include "group/stream.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/pollset.h"
#include "os/socket.h"

#define WELCOME_TIMEOUT_MS 5000
#define DOOR_MS		   250
#define OUT_MAX		   (GROUP_STATE_MAX + (1u << 20))
#define COMMANDS_MAX	   (256u << 10) /* bytes of commands that may wait to be written */
#define FILLS_MAX	   16		/* reads in one dispatch: others want the loop too */
#define STATE_FIRST	   65536u	/* size of buffer a snapshot is tried with first */

struct local {
	struct group group;
	char *path; /* of the sequencer */
	struct group_stream stream;
	struct group_callbacks call;
	int set; /* what the owner polls: the socket, and room in it when something waits */
	int nodeid;
	int set_events;
	uint64_t order;	      /* last one delivered or restored */
	bool started;	      /* something was restored or delivered: quorum(true) was told */
	bool joined;	      /* own NODE_JOIN was delivered */
	int broken;	      /* the connection, and why; or 0 */
	int door, door_timer; /* what says then whether the others go on, and until when */
	int lost;	      /* 0 or why */
};

static struct local *local_of(struct group *group)
{
	return (struct local *)group;
}

static void local_free(struct group *group)
{
	struct local *l = local_of(group);

	group_stream_deinit(&l->stream);
	os_close(l->door);
	os_close(l->door_timer);
	os_close(l->set);
	free(l->path);
	free(l);
}

static int local_fd(const struct group *group)
{
	return ((const struct local *)group)->set;
}

/* Waits for room to write exactly while something waits to be written. */
static void local_watch(struct local *l)
{
	int events = group_stream_waiting(&l->stream) ? OS_READ | OS_WRITE : OS_READ;

	if (events == l->set_events)
		return;
	l->set_events = events;
	os_pollset_change(l->set, l->stream.fd, events);
}

static void local_lose(struct local *l, int why)
{
	l->lost = why;
	l->door = os_close(l->door);
	l->door_timer = os_close(l->door_timer);
	os_log(OS_LOG_WARN, "the group is lost: %s",
	       why == -ESTALE ? "it goes on without this node" : strerror(-why));
	l->call.quorum(l->call.ctx, false);
}

/*
 * The connection is lost. If somebody still answers at the sequencer's door then it is only this member
 * that is out. The door of one that is ending may close after its connections: a program that was let in there
 * sees that soon, and dispatch looks.
 */
static void local_break(struct local *l, int why)
{
	os_pollset_remove(l->set, l->stream.fd);
	l->broken = why;
	l->door = os_unix_connect_trusted(l->path, OS_STREAM, 0);
	if (l->door < 0) {
		local_lose(l, l->door == -EAGAIN ? -ESTALE : why);
		return;
	}
	l->door_timer = os_pollset_timer(l->set, DOOR_MS);
	if (l->door_timer < 0 || os_pollset_add(l->set, l->door, OS_READ) < 0)
		local_lose(l, why);
}

static void look_at_door(struct local *l)
{
	if (os_poll(l->door, OS_READ, 0) == 0)
		local_lose(l, l->broken);
	else if (os_poll(l->door_timer, OS_READ, 0) == 0)
		local_lose(l, -ESTALE);
}

static void local_start(struct local *l)
{
	if (l->started)
		return;
	l->started = true;
	l->call.quorum(l->call.ctx, true);
}

static int on_restore(struct local *l, const struct group_frame *f)
{
	if (l->started)
		return -EBADMSG;
	local_start(l);
	l->order = group_number_decode(f->payload);
	l->call.restore(l->call.ctx, l->order, f->payload + GROUP_RESTORE_HEAD,
			f->bytes - GROUP_RESTORE_HEAD);
	return 0;
}

static int on_deliver(struct local *l, const struct group_frame *f)
{
	uint64_t order = group_number_decode(f->payload);
	struct command cmd;
	int r = command_decode(&cmd, f->payload + 8, COMMAND_BYTES);

	if (r < 0)
		return r;
	if (order != l->order + 1)
		return -EBADMSG;
	local_start(l);
	l->order = order;
	if (cmd.kind == COMMAND_NODE_JOIN && cmd.node == l->nodeid)
		l->joined = true;
	l->call.deliver(l->call.ctx, order, &cmd);
	return 0;
}

/* The state in a buffer that is large enough for it, which the caller frees; NULL: no memory. */
static uint8_t *take_snapshot(struct local *l, size_t *len)
{
	for (size_t size = STATE_FIRST; size <= GROUP_STATE_MAX; size *= 4) {
		uint8_t *state = malloc(size);

		if (!state)
			return NULL;
		*len = l->call.snapshot(l->call.ctx, state, size);
		assert(*len <= size);
		if (*len)
			return state;
		free(state);
	}
	return NULL;
}

static int on_ask(struct local *l, const struct group_frame *f)
{
	uint8_t head[GROUP_STATE_HEAD];
	uint8_t *state;
	size_t len;
	int r;

	/* The token, before the snapshot: the frame lies in the stream's buffer. */
	memcpy(head, f->payload, 8);
	group_number_encode(head + 8, l->order);
	if (!l->joined)
		return -EBADMSG;
	state = take_snapshot(l, &len);
	if (!state)
		return -ENOMEM;
	r = group_stream_put(&l->stream, GROUP_STATE, head, sizeof(head), state, len);
	free(state);
	return r;
}

static int on_frame(struct local *l, const struct group_frame *f)
{
	switch (f->kind) {
	case GROUP_RESTORE:
		return on_restore(l, f);
	case GROUP_DELIVER:
		return on_deliver(l, f);
	case GROUP_ASK:
		return on_ask(l, f);
	default:
		return -EBADMSG;
	}
}

static int local_read(struct local *l)
{
	struct group_frame frame;
	int r = 0;

	for (int i = 0; i < FILLS_MAX && r >= 0; i++) {
		r = group_stream_fill(&l->stream);
		if (r < 0)
			break;
		while ((r = group_stream_next(&l->stream, &frame)) > 0) {
			r = on_frame(l, &frame);
			if (r < 0)
				return r;
		}
	}
	return r == -EAGAIN ? 0 : r;
}

static int local_dispatch(struct group *group)
{
	struct local *l = local_of(group);
	int r;

	if (l->broken && !l->lost)
		look_at_door(l);
	if (l->broken)
		return l->lost;
	/* What was delivered before the connection broke is read even if writing fails by now. */
	r = local_read(l);
	if (r >= 0)
		r = group_stream_flush(&l->stream);
	if (r < 0)
		local_break(l, r);
	else
		local_watch(l);
	return l->lost;
}

static int local_send(struct group *group, const struct command *cmd)
{
	struct local *l = local_of(group);
	struct command copy = *cmd;
	uint8_t bytes[COMMAND_BYTES];

	if (l->broken || !l->joined || group_buffer_size(&l->stream.out) > COMMANDS_MAX)
		return -EAGAIN;
	copy.version = COMMAND_VERSION;
	copy.origin = l->nodeid;
	command_encode(&copy, bytes);
	/* A broken connection is found by group_dispatch(), which reads what came before. */
	if (group_stream_put(&l->stream, GROUP_COMMAND, bytes, sizeof(bytes), NULL, 0) < 0)
		return -EAGAIN;
	local_watch(l);
	return 0;
}

static int local_place(struct group *group, struct group_place *place)
{
	struct local *l = local_of(group);

	if (l->broken)
		return -ENOTCONN;
	*place = (struct group_place){ .fd = l->stream.fd,
				       .started = l->started,
				       .joined = l->joined,
				       .order = l->order,
				       .in = l->stream.in.bytes + l->stream.in.from,
				       .out = l->stream.out.bytes + l->stream.out.from,
				       .in_bytes = group_buffer_size(&l->stream.in),
				       .out_bytes = group_buffer_size(&l->stream.out) };
	return 0;
}

static const struct group_engine local_engine = {
	.free = local_free,
	.fd = local_fd,
	.dispatch = local_dispatch,
	.send = local_send,
	.place = local_place,
};

/* HELLO and its answer, on a blocking socket. */
static int say_hello(int fd, const struct group_hello *hello)
{
	uint8_t out[GROUP_HEADER_BYTES + GROUP_HELLO_BYTES];
	uint8_t in[GROUP_HEADER_BYTES + GROUP_WELCOME_BYTES];
	struct group_header header;
	int32_t result;
	int r;

	group_header_encode(out, GROUP_HELLO, GROUP_HELLO_BYTES);
	group_hello_encode(out + GROUP_HEADER_BYTES, hello);
	r = os_write_full(fd, out, sizeof(out), WELCOME_TIMEOUT_MS);
	if (!r)
		r = os_read_full(fd, in, sizeof(in), WELCOME_TIMEOUT_MS);
	if (!r)
		r = group_header_decode(&header, in);
	if (!r && header.kind != GROUP_WELCOME)
		r = -EBADMSG;
	if (!r)
		r = group_welcome_decode(&result, in + GROUP_HEADER_BYTES);
	return r < 0 ? r : result;
}

/* A member that speaks over fd; takes it when it succeeds. */
static int local_new(struct local **lp, const char *path, int fd, int nodeid,
		     const struct group_callbacks *callbacks)
{
	OS_CLEANUP_FD int set = os_pollset_new();
	struct local *l;
	int r = set < 0 ? set : os_set_nonblock(fd, 1);

	if (!r)
		r = os_pollset_add(set, fd, OS_READ);
	if (r < 0)
		return r;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->path = strdup(path);
	if (!l->path) {
		free(l);
		return -ENOMEM;
	}
	l->group.engine = &local_engine;
	l->call = *callbacks;
	l->nodeid = nodeid;
	l->set = set;
	l->set_events = OS_READ;
	l->door = l->door_timer = -1;
	group_stream_init(&l->stream, fd, OUT_MAX);
	set = -1;
	*lp = l;
	return 0;
}

int group_local_new(struct group **groupp, const char *path, int nodeid, uint32_t address,
		    const char *name, const struct group_callbacks *callbacks)
{
	struct group_hello hello = { .node = nodeid, .address = address };
	OS_CLEANUP_FD int fd = -1;
	struct local *l;
	int r;

	snprintf(hello.name, sizeof(hello.name), "%s", name);
	fd = os_unix_connect_trusted(path, OS_STREAM, WELCOME_TIMEOUT_MS);
	if (fd < 0)
		return fd;
	r = say_hello(fd, &hello);
	if (!r)
		r = local_new(&l, path, fd, nodeid, callbacks);
	if (r < 0)
		return r;
	fd = -1;
	*groupp = &l->group;
	return 0;
}

/* What waits to be written goes out with the next dispatch: the descriptor is asked for room then. */
int group_local_adopt(struct group **groupp, const char *path, int nodeid,
		      const struct group_place *place, const struct group_callbacks *callbacks)
{
	OS_CLEANUP_FD int fd = place->fd;
	struct local *l;
	int r = local_new(&l, path, fd, nodeid, callbacks);

	if (r < 0)
		return r;
	fd = -1;
	l->started = place->started;
	l->joined = place->joined;
	l->order = place->order;
	r = group_buffer_add(&l->stream.in, place->in, place->in_bytes);
	if (!r)
		r = group_buffer_add(&l->stream.out, place->out, place->out_bytes);
	if (r < 0) {
		local_free(&l->group);
		return r;
	}
	local_watch(l);
	*groupp = &l->group;
	return 0;
}
