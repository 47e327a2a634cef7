/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_RING_RIG_TEST_H
#define DVS_GROUP_RING_RIG_TEST_H

/*
 * The rig of the corosync engine on a Corosync that is made up: a deputy for each of four machines in a child process,
 * and in place of totem.c a multicast between them. The machines are cut off and come back as the test says. The
 * fourth one has no vote, so that two members are a majority. For test programs.
 *
 *	test: members --sockets--> child: four deputies --totem_...()--> the rings
 *	      rig_cut() --bytes----------------------------------------------^
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "group/child_rig_test.h"
#include "group/deputy.h"
#include "group/totem.h"
#include "os/loop.h"
#include "os/socket.h"

#define RIG_MACHINES  4
#define RIG_VOTES     7u /* the machines that have one */
#define RIG_MAJORITY  2u
#define RIG_CUTS      12    /* times that a test cuts machines off; 0: none can be */
#define RIG_SLOW      0x80u /* orders of rig_slow() */
#define RIG_FAST      0x81u
#define RIG_BLINKS    false /* its machines do not see a cut, or its end, at the same moment */
#define RIG_SILENT_MS 3000  /* a member that does not give its state is passed over then */
#define PACKETS_ROOM  256
#define PACKETS_MORE  256
#define RIG_LOST      (-ESTALE) /* a member with another deputy: the others go on */

static char dir[] = "/tmp/dvs-ring-XXXXXX";

static const char *rig_path(int node)
{
	static char path[96];

	snprintf(path, sizeof(path), "%s/%d", dir, node);
	return path;
}

static const char *rig_spec(int node)
{
	static char spec[128];

	snprintf(spec, sizeof(spec), "corosync:%s",
		 rig_path(node >= 0 && node < RIG_MACHINES ? node : 0));
	return spec;
}

/* ---- in the child: the multicast ---- */

struct totem {
	struct totem_calls call;
	void *ctx;
	int node;
	bool is_new; /* it has been told no view */
};

struct packet {
	struct packet *next;
	int from;
	size_t len;
	uint8_t bytes[];
};

static struct os_loop *loop;
static struct totem *totems[RIG_MACHINES];
static struct packet *packets, **last_packet = &packets;
static unsigned waiting; /* packets */
static bool is_slow;
static uint64_t ring_of[RIG_MACHINES], last_ring = RIG_MACHINES;

static uint32_t ring_machines(uint64_t ring, bool with_totem)
{
	uint32_t set = 0;

	for (int node = 0; node < RIG_MACHINES; node++)
		if (ring_of[node] == ring && (totems[node] || !with_totem))
			set |= 1u << node;
	return set;
}

/* Each message to all on the ring of its sender, also those that answer it. */
static void carry(void)
{
	struct packet *packet;

	while (!is_slow && (packet = packets)) {
		packets = packet->next;
		waiting--;
		if (!packets)
			last_packet = &packets;
		for (int node = 0; node < RIG_MACHINES; node++)
			if (totems[node] && !totems[node]->is_new &&
			    ring_of[node] == ring_of[packet->from])
				totems[node]->call.hear(totems[node]->ctx, packet->from,
							packet->bytes, packet->len);
		free(packet);
	}
}

static void tell_view(struct totem *t)
{
	uint64_t ring = ring_of[t->node];
	bool quorate =
		__builtin_popcount(ring_machines(ring, false) & RIG_VOTES) >= (int)RIG_MAJORITY;

	t->is_new = false;
	t->call.view(t->ctx, ring, ring_machines(ring, true));
	t->call.quorum(t->ctx, ring, quorate, RIG_MAJORITY);
}

/* The messages that were sent, and the members that have come to their machine. */
static void turn(void *ctx)
{
	(void)ctx;
	carry();
	for (int node = 0; node < RIG_MACHINES; node++) {
		struct totem *t = totems[node];

		if (!t || !t->is_new)
			continue;
		for (int other = 0; other < RIG_MACHINES; other++)
			if (other != node && totems[other] && ring_of[other] == ring_of[node])
				totems[other]->call.present(totems[other]->ctx,
							    ring_machines(ring_of[node], true));
		tell_view(t);
	}
	for (int node = 0; node < RIG_MACHINES; node++)
		if (totems[node])
			totems[node]->call.settle(totems[node]->ctx);
}

static void turn_soon(void)
{
	if (os_loop_post(loop, turn, NULL) < 0)
		_exit(1);
}

int totem_new(struct totem **totemp, struct os_loop *on, int node, const struct totem_calls *call,
	      void *ctx)
{
	struct totem *t = calloc(1, sizeof(*t));

	if (!t || on != loop || node >= RIG_MACHINES || totems[node])
		_exit(1);
	*t = (struct totem){ *call, ctx, node, true };
	*totemp = totems[node] = t;
	turn_soon();
	return 0;
}

struct totem *totem_free(struct totem *t)
{
	int node;

	if (!t)
		return NULL;
	node = t->node;
	totems[node] = NULL;
	free(t);
	for (int other = 0; other < RIG_MACHINES; other++)
		if (totems[other] && ring_of[other] == ring_of[node])
			totems[other]->call.present(totems[other]->ctx,
						    ring_machines(ring_of[node], true));
	turn_soon();
	return NULL;
}

void totem_ask(struct totem *t)
{
	(void)t;
}

void totem_send(struct totem *t, const uint8_t *head, size_t head_bytes, const uint8_t *payload,
		size_t bytes)
{
	struct packet *packet = calloc(1, sizeof(*packet) + head_bytes + bytes);

	if (!packet)
		_exit(1);
	packet->from = t->node;
	packet->len = head_bytes + bytes;
	memcpy(packet->bytes, head, head_bytes);
	if (bytes)
		memcpy(packet->bytes + head_bytes, payload, bytes);
	*last_packet = packet;
	last_packet = &packet->next;
	/* A few messages do not wait for room. */
	if (++waiting > PACKETS_ROOM + PACKETS_MORE)
		_exit(1);
	turn_soon();
}

bool totem_has_room(const struct totem *t)
{
	(void)t;
	return waiting < PACKETS_ROOM;
}

/* Machines are cut off, each from all others, or all come together: new rings, after the messages of the old ones. */
static void change_rings(uint32_t alone)
{
	last_ring += RIG_MACHINES + 1;
	for (int node = 0; node < RIG_MACHINES; node++)
		ring_of[node] = last_ring - (alone >> node & 1 ? (uint64_t)node + 1 : 0);
	for (int node = 0; node < RIG_MACHINES; node++)
		if (totems[node]) {
			totems[node]->call.unsettle(totems[node]->ctx);
			tell_view(totems[node]);
		}
}

static void on_order(void *ctx, int fd, int events)
{
	uint8_t order;

	(void)ctx;
	(void)events;
	if (read(fd, &order, 1) != 1) {
		os_loop_stop(loop);
		return;
	}
	is_slow = order == RIG_SLOW;
	turn(NULL);
	if (order != RIG_SLOW && order != RIG_FAST)
		change_rings(order);
	turn(NULL);
	if (write(fd, &order, 1) != 1)
		_exit(1);
}

static void server_run(int orders)
{
	struct deputy *deputy;
	struct os_source *source;

	for (int node = 0; node < RIG_MACHINES; node++)
		ring_of[node] = last_ring;
	if (os_loop_new(&loop, NULL) ||
	    os_source_io(loop, orders, OS_READ, on_order, NULL, &source))
		_exit(1);
	for (int node = 0; node < RIG_MACHINES; node++)
		if (deputy_new(&deputy, loop, rig_path(node)))
			_exit(1);
	if (write(orders, "1", 1) != 1)
		_exit(1);
	_exit(os_loop_run(loop) ? 1 : 0);
}

/* ---- in the test ---- */

static void rig_start(void)
{
	server_start(server_run);
}

static void rig_order(uint8_t order)
{
	CHECK_EQ(write(server_orders, &order, 1), 1);
	CHECK_EQ(os_read_full(server_orders, &order, 1, 3000), 0);
}

/* Bit by node: these reach nobody, and all others each other. */
static void rig_cut(uint32_t alone)
{
	rig_order((uint8_t)alone);
}

/* The ring takes no message, or does again. */
static void rig_slow(bool slow)
{
	rig_order(slow ? RIG_SLOW : RIG_FAST);
}

static inline void rig_come_back(void)
{
	rig_start();
}

/* Before the first test. */
static void rig_init(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	alarm(55);
	if (!mkdtemp(dir))
		exit(1);
}

static int rig_end(void)
{
	for (int node = 0; node < RIG_MACHINES; node++)
		unlink(rig_path(node));
	rmdir(dir);
	return test_end();
}

#endif
