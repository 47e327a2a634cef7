/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_TOTEM_H
#define DVS_GROUP_TOTEM_H

/*
 * A member of the closed process group "dvs" of this machine's Corosync: agreed order and views from libcpg, the
 * quorum of the machines from libquorum and libvotequorum, both named by the ring that they are about. The node
 * number is Corosync's node id less one.
 *
 * A Corosync that is not there, or that ends, is looked for again until it is there. The two libraries may wait for a
 * Corosync that hangs: this runs in a process that may.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os_loop;
struct totem;

struct totem_calls {
	/* As envoy_...() of group/envoy.h. */
	void (*unsettle)(void *ctx);
	void (*cut)(void *ctx);
	void (*view)(void *ctx, uint64_t ring, uint32_t present);
	void (*present)(void *ctx, uint32_t present);
	void (*quorum)(void *ctx, uint64_t ring, bool have, uint32_t majority);
	void (*hear)(void *ctx, int from, const uint8_t *bytes, size_t len);
	void (*settle)(void *ctx); /* after a batch of these */
};

/* 0 or negative errno; Corosync need not be there. */
int totem_new(struct totem **totemp, struct os_loop *loop, int node, const struct totem_calls *call,
	      void *ctx);
struct totem *totem_free(struct totem *totem); /* leaves; returns NULL */
/* Returns when Corosync has answered, or at once where there is none. It hangs as long as Corosync does. */
void totem_ask(struct totem *totem);
/*
 * Sends in this order as soon as flow control lets it. Messages that wait are dropped when Corosync is lost, and when
 * the machines change: they are of a ring that nobody is on any more.
 */
void totem_send(struct totem *totem, const uint8_t *head, size_t head_bytes, const uint8_t *payload,
		size_t bytes);
/*
 * Few messages wait. While this is false the sender keeps what can wait; settle() is called when it is true again.
 * A message that is sent all the same waits with the others.
 */
bool totem_has_room(const struct totem *totem);

#endif
