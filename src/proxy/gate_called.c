/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Connections made to our port, until it is proven that a node made them:
 *
 *	the handshake	the caller knows a key of the cluster, and calls this node for a purpose, as a node, in its life
 *	its HELLO	comes in time, whole, and says the same
 *
 * Whether both lives are those that the order knows is then looked at with the node lock, by called().
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "os/socket.h"
#include "proxy/gate_part.h"

/* Accepted in one turn of the loop: those that came before are heard in between. */
#define ACCEPTED_MAX 16

/* Forgets the knock; the connection is the caller's. */
static struct secure *knock_end(struct knock *knock)
{
	struct gate *gate = knock->gate;
	struct knock **place = &gate->knocks;
	struct secure *secure = knock->secure;

	assert(knock->ready || gate->unproven > 0);
	while (*place != knock)
		place = &(*place)->next;
	*place = knock->next;
	gate->unproven -= !knock->ready;
	knock->io = os_source_free(knock->io);
	knock->timer = os_source_free(knock->timer);
	free(knock);
	return secure;
}

static void refuse(struct knock *knock, const char *why)
{
	gate_log_refusal(knock->gate, knock->address, "from", why);
	secure_free(knock_end(knock));
}

/* One that is ready has proven its key: its end is no refusal, and its node makes another one. */
static void give_up(struct knock *knock, const char *why)
{
	if (knock->ready)
		secure_free(knock_end(knock));
	else
		refuse(knock, why);
}

static void on_late(void *ctx)
{
	give_up(ctx, "its greeting did not come in time");
}

/*
 * A connection that was proven for a move or a lane is kept until it is needed; of one node the
 * oldest makes room.
 */
static void keep_ready(struct knock *knock)
{
	struct gate *gate = knock->gate;
	const struct identity *identity = secure_identity(knock->secure);
	struct knock *oldest = NULL;
	int count = 0;

	assert(!knock->ready);
	if (!identity || identity->purpose == FRAME_KIND_LINK)
		return;
	for (struct knock *k = gate->knocks; k; k = k->next) {
		if (k->ready && secure_identity(k->secure)->from == identity->from) {
			count++;
			oldest = k;
		}
	}
	assert(count <= GATE_READY_OF_NODE_MAX);
	if (count == GATE_READY_OF_NODE_MAX)
		secure_free(knock_end(oldest));
	knock->ready = true;
	assert(gate->unproven > 0);
	gate->unproven--;
	os_timer_set(knock->timer, GATE_READY_US);
}

/* Whether the HELLO says what was proven. */
static bool is_proven(const struct frame_hello *hello, const struct identity *identity)
{
	return !identity ||
	       (hello->kind == identity->purpose && hello->node == identity->from &&
		hello->peer == identity->to && hello->incarnation == identity->from_life &&
		hello->peer_incarnation == identity->to_life);
}

static void on_words(struct knock *knock)
{
	struct note note = { .kind = NOTE_CALLED, .address = knock->address };
	struct gate *gate = knock->gate;
	int r = frame_read_hello(&note.hello, knock->buf);

	if (r) {
		refuse(knock, r == -EPROTO
				      ? "it is of another release of dvs, whose greeting cannot be "
					"read: install one release on both nodes"
				      : "its greeting is none of ours");
		return;
	}
	if (!is_proven(&note.hello, secure_identity(knock->secure))) {
		refuse(knock, "its greeting is another than it has proven");
		return;
	}
	note.secure = knock_end(knock);
	gate_tell(gate, &note);
}

/* Goes on as far as the bytes that have come allow. */
static void step(struct knock *knock)
{
	int r = secure_greet(knock->secure);

	if (r > 0) {
		os_source_set(knock->io, r);
		return;
	}
	if (r == -EACCES || r == -EMSGSIZE) {
		refuse(knock, r == -EACCES ? secure_why(knock->secure) : "it greets without end");
		return;
	}
	if (!r && !knock->ready)
		keep_ready(knock);
	while (!r && knock->count < sizeof(knock->buf)) {
		ssize_t n = secure_read(knock->secure, knock->buf + knock->count,
					sizeof(knock->buf) - knock->count);

		if (n > 0)
			knock->count += (size_t)n;
		else
			r = (int)n;
	}
	if (!r)
		on_words(knock);
	else if (r == -EAGAIN)
		os_source_set(knock->io, OS_READ);
	else /* it went away */
		secure_free(knock_end(knock));
}

static void on_io(void *ctx, int fd, int events)
{
	(void)fd;
	(void)events;
	step(ctx);
}

/*
 * A node greets at once. The oldest connection of a party that has too many of them has therefore waited longest
 * for nothing; so has the oldest of all strangers.
 */
static void make_room(struct gate *gate, const struct knock *newest)
{
	struct knock *oldest = NULL, *oldest_stranger = NULL;
	unsigned count = 0, strangers = 0;

	for (struct knock *k = gate->knocks; k; k = k->next) {
		if (k->ready)
			continue;
		if (k->of_node == newest->of_node && address_same(k->party, newest->party)) {
			count++;
			oldest = k;
		}
		if (!k->of_node) {
			strangers++;
			oldest_stranger = k;
		}
	}
	assert(count <= GATE_OF_ADDRESS_MAX);
	if (count == GATE_OF_ADDRESS_MAX)
		refuse(oldest, "it proves nothing, as others from there");
	else if (!newest->of_node && strangers >= GATE_STRANGERS_MAX)
		refuse(oldest_stranger, "it proves nothing, as other strangers");
}

static void knock_new(struct gate *gate, int fd, struct address address)
{
	struct knock *knock = calloc(1, sizeof(*knock));

	if (!knock) {
		os_close(fd);
		return;
	}
	knock->secure = secure_answer(gate->place.keys, gate->place.node, fd);
	if (!knock->secure) {
		free(knock);
		return;
	}
	knock->gate = gate;
	knock->address = address;
	knock->of_node = gate_is_of_node(gate, address);
	knock->party = knock->of_node ? address : address_network(address);
	make_room(gate, knock);
	knock->next = gate->knocks;
	gate->knocks = knock;
	gate->unproven++;
	if (os_source_timer(gate->loop, GATE_GREETING_US, on_late, knock, &knock->timer) ||
	    os_source_io(gate->loop, fd, OS_READ, on_io, knock, &knock->io))
		secure_free(knock_end(knock));
	else
		step(knock);
}

/*
 * No descriptor is left, and a connection that cannot be taken would wake the loop for ever. The oldest one that the
 * gate still has makes room; if there is none then the new one is taken and closed, and its node tries again.
 */
static void make_descriptor(struct gate *gate, int fd)
{
	static const char why[] = "all descriptors of the daemon are in use";
	struct knock *oldest = gate->knocks;
	struct os_tcp_caller caller;
	int r;

	/* The kernel takes a descriptor before it looks whether anybody waits. */
	if (os_poll(fd, OS_READ, 0) < 0)
		return;
	while (oldest && oldest->next)
		oldest = oldest->next;
	if (oldest) {
		give_up(oldest, why);
		return;
	}
	gate->spare = os_close(gate->spare);
	r = os_tcp_accept(fd, &caller);
	if (r >= 0)
		gate_log_refusal(gate, caller.address, "from", why);
	os_close(r);
	gate->spare = os_dup(fd);
}

static void on_listen(void *ctx, int fd, int events)
{
	struct gate *gate = ctx;

	(void)events;
	for (int i = 0; i < ACCEPTED_MAX; i++) {
		struct os_tcp_caller caller;
		int r = os_tcp_accept(fd, &caller);

		if (r == -EMFILE || r == -ENFILE)
			make_descriptor(gate, fd);
		if (r < 0)
			return;
		knock_new(gate, r, caller.address);
	}
}

int gate_listen(struct gate *gate)
{
	if (gate->listen_fd < 0)
		gate->listen_fd = os_tcp_listen(
			gate->place.every ? ADDRESS_NONE : gate->place.address, gate->place.port);
	if (gate->listen_fd < 0)
		return gate->listen_fd;
	gate->spare = os_dup(gate->listen_fd);
	return os_source_io(gate->loop, gate->listen_fd, OS_READ, on_listen, gate,
			    &gate->listen_io);
}

void gate_listen_end(struct gate *gate)
{
	while (gate->knocks)
		secure_free(knock_end(gate->knocks));
	assert(!gate->unproven);
	gate->listen_io = os_source_free(gate->listen_io);
	gate->spare = os_close(gate->spare);
}
