/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The member's side of the engines: a client of dvs-sequencer, or of the deputy dvs-corosync (group/deputy.h).
 *
 *	connect, HELLO -> WELCOME        group_new(), waits
 *	[RESTORE]                        the state, unless this is the first member
 *	DELIVER ...                      among them the own NODE_JOIN: joined from then on
 *	ASK -> STATE                     at any time: somebody else joins
 *	QUORUM, OUT                      of a deputy alone
 *	ASIDE <-> ASIDE                  between deputies, over the links of their daemons
 *	PING -> QUORUM                   each second, with a deputy alone
 *
 * A deputy that is silent, or has gone, is a quorum that is lost. A new one has no state of the member, and the group
 * has gone on without it.
 *
 *	connect, RESUME -> WELCOME, DELIVER ..., QUORUM    group_resume()
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
#include "os/random.h"
#include "os/socket.h"

#define WELCOME_TIMEOUT_MS 5000
#define DOOR_MS		   250
#define LOOK_MS		   200 /* for a deputy that has gone */
#define PING_MS		   1000 /* a program that has the CPU may keep a deputy from it for so long */
#define SILENT_PINGS	   2
#define OUT_MAX		   (GROUP_STATE_MAX + (1u << 20))
#define COMMANDS_MAX	   (256u << 10) /* bytes of commands that may wait to be written */
#define PLACE_HEAD	   8u
#define FILLS_MAX	   16 /* reads in one dispatch: others want the loop too */

struct local {
	struct group group;
	char *path; /* of the sequencer */
	struct group_stream stream;
	int set; /* a descriptor that the owner polls: the socket, and room in it when something waits */
	int set_events;
	int broken;	      /* the connection, and why; or 0 */
	int door, door_timer; /* they say then whether the others go on, and until when */
	int lost;	      /* 0 or why */
	bool behind;	      /* resumed, and not told yet all that it missed */
	bool deputy; /* a deputy of the corosync engine is at the other end, and not a sequencer */
	int ping_timer;
	unsigned pings; /* not answered */
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
	os_close(l->ping_timer);
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
	l->ping_timer = os_close(l->ping_timer);
	os_log(OS_LOG_WARN, "the group is lost: %s",
	       why == -ESTALE ? "it goes on without this node" : strerror(-why));
	seat_lose(&l->group.seat);
}

/* A service manager starts it again. It is a stranger to this member, whose node has left with the one before it. */
static void look_for_deputy(struct local *l)
{
	int fd;

	assert(l->deputy && l->broken);
	if (l->door_timer >= 0 && os_poll(l->door_timer, OS_READ, 0) < 0)
		return;
	os_close(l->door_timer);
	l->door_timer = -1;
	fd = os_unix_connect_trusted(l->path, OS_STREAM, 0);
	if (fd < 0 && fd != -EAGAIN)
		l->door_timer = os_pollset_timer(l->set, LOOK_MS);
	os_close(fd);
	if (l->door_timer < 0)
		local_lose(l, -ESTALE);
}

static void break_deputy(struct local *l, int why)
{
	if (why == -ESTALE) {
		local_lose(l, why);
		return;
	}
	os_log(OS_LOG_WARN,
	       "dvs-corosync has ended: %s; there is no quorum until it is started again",
	       strerror(-why));
	l->ping_timer = os_close(l->ping_timer);
	seat_quorum(&l->group.seat, false);
	/* Not at once: the door of one that is ending may close after its connections. */
	l->door_timer = os_pollset_timer(l->set, LOOK_MS);
	if (l->door_timer < 0)
		local_lose(l, -ESTALE);
}

/* A deputy whose Corosync hangs says nothing at all. */
static void ping_deputy(struct local *l)
{
	uint8_t head[8] = { 0 };

	if (os_poll(l->ping_timer, OS_READ, 0) < 0)
		return;
	os_close(l->ping_timer);
	l->ping_timer = os_pollset_timer(l->set, PING_MS);
	if (l->pings == SILENT_PINGS) {
		if (l->group.seat.quorum)
			os_log(OS_LOG_WARN,
			       "dvs-corosync does not answer: there is no quorum until it does");
		seat_quorum(&l->group.seat, false);
	}
	if (l->pings < SILENT_PINGS &&
	    group_stream_put(&l->stream, GROUP_PING, head, sizeof(head), NULL, 0) == 0)
		l->pings++;
}

/* It answers again. Commands that it delivers were decided by a quorum. */
static void hear_deputy(struct local *l, const struct group_frame *f)
{
	assert(l->deputy);
	l->pings = 0;
	if (f->kind == GROUP_DELIVER)
		seat_quorum(&l->group.seat, true);
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
	if (l->deputy) {
		break_deputy(l, why);
		return;
	}
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

static int on_ask(struct local *l, const struct group_frame *f)
{
	uint8_t head[GROUP_STATE_HEAD];
	uint8_t *state;
	size_t len;
	int r;

	/* The token, before the snapshot: the frame lies in the stream's buffer. */
	memcpy(head, f->payload, 8);
	group_number_encode(head + 8, l->group.seat.order);
	r = seat_give_state(&l->group.seat, &state, &len);
	if (r < 0)
		return r;
	r = group_stream_put(&l->stream, GROUP_STATE, head, sizeof(head), state, len);
	free(state);
	return r;
}

static int on_frame(struct local *l, const struct group_frame *f)
{
	if (l->deputy)
		hear_deputy(l, f);
	switch (f->kind) {
	case GROUP_RESTORE:
		return seat_restore(&l->group.seat, group_number_decode(f->payload),
				    f->payload + GROUP_RESTORE_HEAD, f->bytes - GROUP_RESTORE_HEAD);
	case GROUP_DELIVER:
		return seat_deliver(&l->group.seat, group_number_decode(f->payload),
				    f->payload + 8);
	case GROUP_ASK:
		return on_ask(l, f);
	case GROUP_QUORUM:
		l->behind = false;
		seat_quorum(&l->group.seat, group_number_decode(f->payload));
		return 0;
	case GROUP_ASIDE:
		if (l->group.seat.call.aside)
			l->group.seat.call.aside(l->group.seat.call.ctx,
						 (uint32_t)group_number_decode(f->payload),
						 f->payload + 8, GROUP_WORD_BYTES);
		return 0;
	case GROUP_OUT:
		return -ESTALE;
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

	if (l->broken && !l->lost) {
		if (l->deputy)
			look_for_deputy(l);
		else
			look_at_door(l);
	}
	if (l->broken)
		return l->lost;
	/* Commands that were delivered before the connection broke are read even if writing fails by now. */
	r = local_read(l);
	if (r >= 0 && l->deputy)
		ping_deputy(l);
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
	uint8_t bytes[COMMAND_BYTES];

	if (l->broken || seat_sign(&l->group.seat, cmd, bytes) < 0 ||
	    group_buffer_size(&l->stream.out) > COMMANDS_MAX)
		return -EAGAIN;
	/* A broken connection is found by group_dispatch(), which reads what came before. */
	if (group_stream_put(&l->stream, GROUP_COMMAND, bytes, sizeof(bytes), NULL, 0) < 0)
		return -EAGAIN;
	local_watch(l);
	return 0;
}

/* One that finds no room is lost: the members say it in the order as well when it is missed. */
static void local_aside(struct group *group, int from, const uint8_t *bytes, size_t len)
{
	struct local *l = local_of(group);
	uint8_t head[8];

	if (!l->deputy || l->broken || len != GROUP_WORD_BYTES ||
	    group_buffer_size(&l->stream.out) > COMMANDS_MAX)
		return;
	group_number_encode(head, UINT64_C(1) << from);
	if (group_stream_put(&l->stream, GROUP_ASIDE, head, sizeof(head), bytes, len) == 0)
		local_watch(l);
}

static int append(struct group_buffer *to, const struct group_buffer *from)
{
	size_t len = group_buffer_size(from);

	return len ? group_buffer_add(to, from->bytes + from->from, len) : 0;
}

/*
 * The connection; the bytes that were read and are no whole frame yet, behind their length; the bytes that
 * could not be written yet.
 */
static int local_place(struct group *group, struct group_place *place)
{
	struct local *l = local_of(group);
	const struct group_buffer *in = &l->stream.in, *out = &l->stream.out;
	uint8_t head[PLACE_HEAD];
	int r;

	if (l->broken)
		return -ENOTCONN;
	place->fds[place->fd_count++] = l->stream.fd;
	group_number_encode(head, group_buffer_size(in));
	r = group_buffer_add(&group->place, head, sizeof(head));
	if (!r)
		r = append(&group->place, in);
	if (!r)
		r = append(&group->place, out);
	return r;
}

static bool local_is_behind(const struct group *group)
{
	const struct local *l = (const struct local *)group;

	return l->behind && !l->broken;
}

static const struct group_engine local_engine = {
	.free = local_free,
	.fd = local_fd,
	.dispatch = local_dispatch,
	.send = local_send,
	.aside = local_aside,
	.is_behind = local_is_behind,
	.place = local_place,
};

/* protocol: of the group; 0: its server says nothing that this program understands. */
static void tell_version(uint16_t protocol)
{
	char theirs[32] = "another protocol";

	if (protocol)
		snprintf(theirs, sizeof(theirs), "protocol %u", protocol);
	os_log(OS_LOG_ERROR,
	       "the group speaks %s and this daemon (dvs %s) speaks %u to %u: install one release of dvs on "
	       "every node (EDVSPROTONOSUPPORT)",
	       theirs, protocol_own.release, protocol_own.least, protocol_own.most);
}

/* The first words, a whole frame, and their answer, on a blocking socket. */
static int say_first(int fd, const uint8_t *out, size_t len)
{
	uint8_t in[GROUP_HEADER_BYTES + GROUP_WELCOME_BYTES];
	struct group_welcome welcome = { 0 };
	struct group_header header;
	int r;

	r = os_write_full(fd, out, len, WELCOME_TIMEOUT_MS);
	/* A server that refuses may say so and close before it is asked: its answer is there to be read. */
	if (!r || r == -EPIPE)
		r = os_read_full(fd, in, sizeof(in), WELCOME_TIMEOUT_MS);
	if (!r)
		r = group_header_decode(&header, in);
	if (!r && header.kind != GROUP_WELCOME)
		r = -EBADMSG;
	if (!r)
		r = group_welcome_decode(&welcome, in + GROUP_HEADER_BYTES);
	if (r == -EPROTO || (!r && welcome.result == -EPROTO))
		tell_version(r ? 0 : welcome.protocol);
	return r < 0 ? r : welcome.result;
}

static int say_hello(int fd, const struct group_hello *hello)
{
	uint8_t out[GROUP_HEADER_BYTES + GROUP_HELLO_BYTES];

	group_header_encode(out, GROUP_HELLO, GROUP_HELLO_BYTES);
	group_hello_encode(out + GROUP_HEADER_BYTES, hello);
	return say_first(fd, out, sizeof(out));
}

/* One that does not know the word ends the connection: this member is out of the order that it was in. */
static int say_resume(int fd, int nodeid, uint64_t order)
{
	uint8_t out[GROUP_HEADER_BYTES + GROUP_RESUME_BYTES];
	int r;

	group_header_encode(out, GROUP_RESUME, GROUP_RESUME_BYTES);
	group_resume_encode(out + GROUP_HEADER_BYTES, nodeid, order);
	r = say_first(fd, out, sizeof(out));
	return r == -ECONNRESET ? -ESTALE : r;
}

/* A member that speaks over fd; takes it when it succeeds. Its seat is the caller's to fill in. */
static int local_new(struct local **lp, const char *path, bool deputy, int fd)
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
	l->deputy = deputy;
	l->set = set;
	l->set_events = OS_READ;
	l->door = l->door_timer = -1;
	l->ping_timer = deputy ? os_pollset_timer(set, PING_MS) : -1;
	group_stream_init(&l->stream, fd, OUT_MAX);
	set = -1;
	*lp = l;
	return 0;
}

int group_local_new(struct group **groupp, const char *path, bool deputy, int nodeid,
		    struct address address, const char *name,
		    const struct group_callbacks *callbacks)
{
	struct group_hello hello = {
		.node = nodeid, .address = address, .secret = os_random(), .speaker = protocol_own
	};
	OS_CLEANUP_FD int fd = -1;
	struct local *l;
	int r;

	snprintf(hello.name, sizeof(hello.name), "%s", name);
	fd = os_unix_connect_trusted(path, OS_STREAM, WELCOME_TIMEOUT_MS);
	if (fd < 0)
		return fd;
	r = say_hello(fd, &hello);
	if (!r)
		r = local_new(&l, path, deputy, fd);
	if (r < 0)
		return r;
	fd = -1;
	seat_init(&l->group.seat, nodeid, hello.secret, callbacks);
	*groupp = &l->group;
	return 0;
}

static int fill_from_place(struct local *l, const struct group_place *place)
{
	uint64_t in = place->len < PLACE_HEAD ? 0 : group_number_decode(place->bytes);
	int r;

	if (place->len < PLACE_HEAD || in > place->len - PLACE_HEAD)
		return -EBADMSG;
	r = group_buffer_add(&l->stream.in, place->bytes + PLACE_HEAD, in);
	if (!r)
		r = group_buffer_add(&l->stream.out, place->bytes + PLACE_HEAD + in,
				     place->len - PLACE_HEAD - in);
	return r;
}

/* Bytes that wait to be written go out with the next dispatch: the descriptor is asked for room then. */
int group_local_adopt(struct group **groupp, const char *path, bool deputy,
		      const struct group_place *place)
{
	OS_CLEANUP_FD int fd = place->fd_count ? place->fds[0] : -1;
	struct local *l;
	int r;

	for (int i = 1; i < place->fd_count; i++)
		os_close(place->fds[i]);
	r = place->fd_count == 1 ? local_new(&l, path, deputy, fd) : -EBADMSG;
	if (r < 0)
		return r;
	fd = -1;
	r = fill_from_place(l, place);
	if (r < 0) {
		local_free(&l->group);
		return r;
	}
	local_watch(l);
	*groupp = &l->group;
	return 0;
}

int group_local_resume(struct group **groupp, const char *path, bool deputy, int nodeid,
		       uint64_t order)
{
	OS_CLEANUP_FD int fd = os_unix_connect_trusted(path, OS_STREAM, WELCOME_TIMEOUT_MS);
	struct local *l;
	int r = fd < 0 ? fd : say_resume(fd, nodeid, order);

	if (!r)
		r = local_new(&l, path, deputy, fd);
	if (r < 0)
		return r;
	fd = -1;
	l->behind = true;
	*groupp = &l->group;
	return 0;
}
