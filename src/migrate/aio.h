/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_AIO_H
#define DVS_MIGRATE_AIO_H

#include "migrate/calls.h"
#include "migrate/maps.h"

/*
 * Contexts of asynchronous I/O (io_setup). A context is known by the address of its ring, a shared mapping: a head, of
 * which the program and the kernel are owners, a tail, which is the kernel's, and the events of requests that ended.
 *
 * The source has to know that no request is under way. The kernel does not tell. But it gives out no more requests
 * than the ring has room for events, so the requests that it still gives, and the events in the ring, tell how many
 * there are: the process submits requests of nothing until it is given no more. Afterwards its ring holds what it held
 * before, at the same places, for the program can see them: further requests of nothing bring the tail round.
 *
 * The target makes a context and moves its ring to the old address. The tail is brought to its place by requests of
 * nothing. The events come as pages of the mapping.
 */
#define AIO_RING_HEAD_BYTES 32u
#define AIO_EVENT_BYTES	    32u
#define AIO_OWN_BYTES \
	4u /* of the ring: the kernel's number of it, which is another one on the target */

struct aio_ring {
	uint32_t id, entries, head, tail;
	uint32_t magic, compatible, incompatible, head_bytes;
	struct aio_event {
		uint64_t data, request;
		int64_t result, more;
	} event[];
};

/* Whether the ring of a mapping of so many bytes is whole. */
bool aio_ring_ok(const struct aio_ring *ring, uint64_t bytes);

/* How many events wait in it. */
uint32_t aio_ring_count(const struct aio_ring *ring);

/* Takes those with this mark out. The others keep their order, and the tail its place. */
void aio_ring_leave(struct aio_ring *ring, uint64_t mark);

/* Puts the events that wait in the other ring, which is as long, before the tail of this one, and no others. */
void aio_ring_put(struct aio_ring *ring, const struct aio_ring *from);

/* How many requests the kernel gives in all of a ring with so many entries, on a machine that can have so many CPUs. */
uint32_t aio_requests(uint32_t entries, uint32_t cpus);

/*
 * Source: the process stands. Waits for requests that are under way, for a second at most. Notes in the mapping of each
 * ring where its head and tail are. 0 or a refusal.
 */
int aio_take(struct calls *calls, struct maps *maps, struct refusal *refusal);

/*
 * Target: the addresses of the mapping are free, and so is descriptor 0. Runs what is listed. 0, or the result of
 * calls_run(), for calls_refuse().
 */
int aio_make(struct calls *calls, const struct image_map *map);

/* Target: writes pages of the ring, all but the kernel's number of it. 0 or a refusal. */
int aio_receive(pid_t pid, const struct image_map *map, const struct image_pages *pages,
		struct refusal *refusal);

#endif
