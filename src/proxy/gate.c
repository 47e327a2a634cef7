/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The thread of the gate, and the notes between it and the node: addresses of structures, in a pair of sockets each
 * way. Neither side waits for the other; a note for which there is no room is over.
 */

#include "proxy/gate.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/confine.h"
#include "os/log.h"
#include "os/socket.h"
#include "os/threads.h"
#include "proxy/gate_part.h"

/* The log is told of refusals, but nobody fills it from outside. */
#define TOLD_NS (10 * OS_SECOND_NS)
#define TOLD_US (TOLD_NS / 1000)

static int note_send(int fd, const struct note *note)
{
	struct note *copy = malloc(sizeof(*copy));
	int r;

	if (!copy)
		return -ENOMEM;
	*copy = *note;
	r = os_write_full(fd, &copy, sizeof(copy), 0);
	if (r)
		free(copy);
	return r ? -EAGAIN : 0;
}

/* False: there is none. */
static bool note_take(int fd, struct note *note)
{
	struct note *copy;

	if (os_read_some(fd, &copy, sizeof(copy)) != (ssize_t)sizeof(copy))
		return false;
	*note = *copy;
	free(copy);
	return true;
}

void gate_tell(struct gate *gate, const struct note *note)
{
	assert(note->kind >= NOTE_CALLED);
	if (note_send(gate->out[1], note))
		secure_free(note->secure);
}

/* ---- on the gate's thread ---- */

bool gate_is_of_node(const struct gate *gate, struct address address)
{
	uint64_t half[2];

	memcpy(half, address.byte, sizeof(half));
	for (int node = 0; node < NR_NODES; node++) {
		const _Atomic uint64_t *known = gate->known[node];

		if (atomic_load_explicit(&known[0], memory_order_relaxed) == half[0] &&
		    atomic_load_explicit(&known[1], memory_order_relaxed) == half[1])
			return true;
	}
	return false;
}

struct address gate_party(const struct gate *gate, struct address address)
{
	return gate_is_of_node(gate, address) ? address : address_network(address);
}

/* Each party once in a while; of many parties as many as there are places. */
static bool may_tell(struct gate *gate, struct address party, int64_t now)
{
	struct told *place = NULL;

	for (int i = 0; i < GATE_TOLD_MAX; i++) {
		struct told *told = &gate->told[i];
		bool old = !told->ns || now - told->ns >= TOLD_NS;

		if (address_same(told->party, party) && !old)
			return false;
		if (old)
			place = told;
	}
	if (place)
		*place = (struct told){ .party = party, .ns = now };
	return place != NULL;
}

void gate_log_refusal(struct gate *gate, struct address address, const char *way, const char *why)
{
	char text[ADDRESS_TEXT];

	gate->refused++;
	if (may_tell(gate, gate_party(gate, address), os_now_ns()))
		os_log(OS_LOG_WARN, "a connection %s %s was refused: %s (%llu so far)", way,
		       address_print(address, text), why, (unsigned long long)gate->refused);
	else if (!gate->untold++)
		os_timer_set(gate->untold_timer, TOLD_US);
}

/* The end of a flood: its size is told, one line for all. */
static void on_untold(void *ctx)
{
	struct gate *gate = ctx;

	assert(gate->untold > 0);
	os_log(OS_LOG_WARN, "%llu connections more were refused (%llu so far)",
	       (unsigned long long)gate->untold, (unsigned long long)gate->refused);
	gate->untold = 0;
}

static void on_in(void *ctx, int fd, int events)
{
	struct gate *gate = ctx;
	struct note note;

	(void)events;
	while (note_take(fd, &note)) {
		assert(note.kind < NOTE_CALLED);
		if (note.kind == NOTE_CALL)
			gate_dial(gate, &note);
		else
			gate_log_refusal(gate, note.address, "from", note.why);
	}
}

static void end_sources(struct gate *gate)
{
	gate_dial_end(gate);
	gate_listen_end(gate);
	gate->in_io = os_source_free(gate->in_io);
	gate->untold_timer = os_source_free(gate->untold_timer);
}

static void *run(void *ctx)
{
	struct gate *gate = ctx;
	int r = os_confine_thread();

	if (r < 0)
		os_log(OS_LOG_WARN,
		       "the thread that hears strangers has more rights than it needs: %s",
		       strerror(-r));
	os_loop_run(gate->loop);
	end_sources(gate);
	return NULL;
}

/* ---- on the node's loop ---- */

static void on_out(void *ctx, int fd, int events)
{
	struct gate *gate = ctx;
	const struct gate_callbacks *callbacks = &gate->callbacks;
	struct note note;

	(void)events;
	while (note_take(fd, &note)) {
		assert(note.kind >= NOTE_CALLED);
		if (note.kind == NOTE_CALLED)
			callbacks->called(callbacks->ctx, note.secure, &note.hello, note.address);
		else
			callbacks->made(callbacks->ctx, &note.identity, note.number, note.secure);
	}
}

static int prepare(struct gate *gate, struct os_loop *loop)
{
	int r = os_loop_new(&gate->loop, NULL);

	if (!r)
		r = os_unix_pair(OS_STREAM, gate->in);
	if (!r)
		r = os_unix_pair(OS_STREAM, gate->out);
	for (int i = 0; i < 2 && !r; i++) {
		r = os_set_nonblock(gate->in[i], 1);
		if (!r)
			r = os_set_nonblock(gate->out[i], 1);
	}
	if (!r)
		r = os_source_io(gate->loop, gate->in[0], OS_READ, on_in, gate, &gate->in_io);
	if (!r)
		r = os_source_timer(gate->loop, -1, on_untold, gate, &gate->untold_timer);
	if (!r)
		r = os_source_io(loop, gate->out[0], OS_READ, on_out, gate, &gate->out_io);
	if (!r)
		r = gate_listen(gate);
	return r;
}

int gate_new(struct gate **gatep, struct os_loop *loop, const struct gate_place *place,
	     const struct gate_callbacks *callbacks)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate) {
		os_close(place->listen_fd);
		return -ENOMEM;
	}
	assert(callbacks->called);
	assert(callbacks->made);
	gate->place = *place;
	gate->listen_fd = place->listen_fd;
	gate->spare = -1;
	gate->callbacks = *callbacks;
	secure_keys_share(place->keys);
	gate->in[0] = gate->in[1] = gate->out[0] = gate->out[1] = -1;
	r = prepare(gate, loop);
	if (r) {
		gate_free(gate);
		return r;
	}
	*gatep = gate;
	return 0;
}

int gate_open(struct gate *gate)
{
	int r;

	assert(!gate->running);
	r = os_thread_start_joined(&gate->thread, run, gate);
	gate->running = !r;
	return r;
}

static void forget_notes(int fd)
{
	struct note note;

	while (fd >= 0 && note_take(fd, &note))
		secure_free(note.secure);
}

struct gate *gate_free(struct gate *gate)
{
	if (!gate)
		return NULL;
	if (gate->running) {
		os_loop_stop(gate->loop);
		os_thread_join(gate->thread);
	} else {
		end_sources(gate);
	}
	assert(!gate->knocks);
	assert(!gate->dials);
	gate->out_io = os_source_free(gate->out_io);
	forget_notes(gate->in[0]);
	forget_notes(gate->out[0]);
	for (int i = 0; i < 2; i++) {
		os_close(gate->in[i]);
		os_close(gate->out[i]);
	}
	os_close(gate->listen_fd);
	if (gate->loop)
		os_loop_free(gate->loop);
	secure_keys_free(gate->place.keys);
	free(gate);
	return NULL;
}

int gate_listen_fd(const struct gate *gate)
{
	return gate->listen_fd;
}

void gate_know(struct gate *gate, int node, struct address address)
{
	uint64_t half[2];

	assert(node >= 0 && node < NR_NODES);
	_Static_assert(sizeof(half) == ADDRESS_BYTES, "two halves are an address");
	memcpy(half, address.byte, sizeof(half));
	/* Not a note, for which there might be no room: no other memory is told by it. */
	for (int i = 0; i < 2; i++)
		atomic_store_explicit(&gate->known[node][i], half[i], memory_order_relaxed);
}

int gate_call(struct gate *gate, const struct os_tcp_route *route, const struct identity *identity,
	      uint64_t number)
{
	const struct note note = {
		.kind = NOTE_CALL, .route = *route, .identity = *identity, .number = number
	};

	assert(identity->to != gate->place.node);
	return note_send(gate->in[1], &note);
}

void gate_refused(struct gate *gate, struct address address, const char *why)
{
	struct note note = { .kind = NOTE_REFUSED, .address = address };

	snprintf(note.why, sizeof(note.why), "%s", why);
	note_send(gate->in[1], &note);
}

unsigned gate_unproven(const struct gate *gate)
{
	return gate->unproven;
}
