/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/aio.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/affinity.h"
#include "os/clock.h"
#include "os/kernel.h"
#include "os/thread.h"
#include "os/trace.h"

#define RING_MAGIC  0xa10a10a1u
#define MARK	    0x5f6f6961d57d5602ull /* of requests that are ours */
#define BATCH	    64u			  /* fewer than the smallest ring has room for */
#define ROUNDS	    128u		  /* batches in one list */
#define PATIENCE_NS 1000000000
#define NAP_NS	    1000000

_Static_assert(sizeof(struct aio_ring) == AIO_RING_HEAD_BYTES, "the kernel's layout");
_Static_assert(sizeof(struct aio_event) == AIO_EVENT_BYTES, "the kernel's layout");

bool aio_ring_ok(const struct aio_ring *ring, uint64_t bytes)
{
	return ring->magic == RING_MAGIC && ring->entries > 1 &&
	       ring->entries == (bytes - AIO_RING_HEAD_BYTES) / AIO_EVENT_BYTES &&
	       ring->head < ring->entries && ring->tail < ring->entries;
}

uint32_t aio_ring_count(const struct aio_ring *ring)
{
	assert(ring->head < ring->entries && ring->tail < ring->entries);
	return ring->tail >= ring->head ? ring->tail - ring->head
					: ring->entries - ring->head + ring->tail;
}

void aio_ring_leave(struct aio_ring *ring, uint64_t mark)
{
	uint32_t to = ring->tail, from = ring->tail;

	/* From the last one backwards, each to the place before that of the one behind it. */
	for (uint32_t left = aio_ring_count(ring); left; left--) {
		from = (from ? from : ring->entries) - 1;
		if (ring->event[from].data == mark)
			continue;
		to = (to ? to : ring->entries) - 1;
		ring->event[to] = ring->event[from];
	}
	ring->head = to;
}

void aio_ring_put(struct aio_ring *ring, const struct aio_ring *from)
{
	uint32_t count = aio_ring_count(from);

	assert(ring->entries == from->entries && ring->tail < ring->entries);
	ring->head = (ring->tail + ring->entries - count) % ring->entries;
	for (uint32_t i = 0; i < count; i++)
		ring->event[(ring->head + i) % ring->entries] =
			from->event[(from->head + i) % from->entries];
}

/* The kernel hands requests to its CPUs in portions. Requests that do not make up a portion are never given. */
uint32_t aio_requests(uint32_t entries, uint32_t cpus)
{
	assert(entries > 1 && cpus);
	uint32_t portion = (entries - 1) / (cpus * 4);

	return portion ? (entries - 1) / portion * portion : entries - 1;
}

/* A request that ends at once: to read nothing from a file of ours, which has nothing. */
static struct remote_ptr put_request(struct calls *calls, uint32_t fd)
{
	const struct iocb request = { .aio_data = MARK,
				      .aio_lio_opcode = IOCB_CMD_PREAD,
				      .aio_fildes = fd };
	const struct remote_ptr at = calls_put(calls, &request, sizeof(request));
	uint64_t batch[BATCH];

	for (unsigned i = 0; i < BATCH; i++)
		batch[i] = at.at;
	return calls_put(calls, batch, sizeof(batch));
}

static uint32_t add_open(struct calls *calls)
{
	const struct remote_ptr name = calls_put(calls, "aio", 4);

	return calls_add(calls, "make an empty file", CALL_OK, SYS_memfd_create, name.at,
			 1 /* MFD_CLOEXEC */);
}

/* Each brings the tail of the ring to its next place; taken: the head, too. */
static void add_requests(struct calls *calls, const struct image_map *map, uint32_t fd,
			 uint32_t count, bool taken)
{
	for (uint32_t now; count; count -= now) {
		now = count < BATCH ? count : BATCH;
		calls_room(calls, 2,
			   sizeof(struct iocb) + BATCH * (sizeof(uint64_t) + AIO_EVENT_BYTES) +
				   sizeof(struct timespec));
		const struct remote_ptr batch = put_request(calls, fd);
		const struct remote_ptr events = calls_space(calls, BATCH * AIO_EVENT_BYTES);
		const struct remote_ptr at_once = calls_space(calls, sizeof(struct timespec));

		calls_expect(calls, "bring its asynchronous I/O context (AIO) forward", now,
			     SYS_io_submit, map->start, now, batch.at);
		if (taken)
			calls_expect(calls, "bring its asynchronous I/O context (AIO) forward", now,
				     SYS_io_getevents, map->start, now, now, events.at, at_once.at);
	}
}

/* ---- source ---- */

struct taking {
	struct calls *calls;
	struct image_map *map;
	struct aio_ring *ring; /* a copy */
	pid_t pid;
	uint32_t fd;
	struct refusal *refusal;
};

static int refuse(const struct taking *taking, const char *why)
{
	return refusal_set(taking->refusal, EDVSPROCSTS,
			   "the process has an asynchronous I/O context (AIO) at " MAPS_RANGE_FORMAT
			   " %s",
			   MAPS_RANGE(taking->map), why);
}

static int read_ring(struct taking *taking)
{
	uint64_t bytes = taking->map->end - taking->map->start;

	if (trace_read(taking->pid, taking->map->start, taking->ring, bytes))
		return refuse(taking, "with a ring that cannot be read");
	return aio_ring_ok(taking->ring, bytes) ? 0 : refuse(taking, "with a ring that is damaged");
}

static int run(struct taking *taking)
{
	int r = calls_run(taking->calls);

	return r ? calls_refuse(taking->calls, r, "the process", taking->refusal) : 0;
}

/* A process that was forked has the ring of its parent mapped, and no context. */
static int check_context(struct taking *taking)
{
	calls_room(taking->calls, 1, sizeof(struct timespec));
	const struct remote_ptr now = calls_space(taking->calls, sizeof(struct timespec));
	uint32_t asked = calls_add(taking->calls, "ask for events", CALL_ANY, SYS_io_getevents,
				   taking->map->start, 0, 0, 0, now.at);
	int r = run(taking);

	if (r)
		return r;
	return calls_result(taking->calls, asked) == 0
		       ? 0
		       : refuse(taking, "that is another process's: it has mapped the ring alone");
}

/* Requests until no more is given on the CPU that the process is on. */
static int exhaust_here(struct taking *taking)
{
	for (;;) {
		int64_t given = 0;

		calls_room(taking->calls, ROUNDS, sizeof(struct iocb) + BATCH * sizeof(uint64_t));
		const struct remote_ptr batch = put_request(taking->calls, taking->fd);
		uint32_t last = 0;

		for (unsigned i = 0; i < ROUNDS; i++)
			last = calls_add(taking->calls, "submit requests of nothing", CALL_ANY,
					 SYS_io_submit, taking->map->start, BATCH, batch.at);
		int r = run(taking);

		if (r)
			return r;
		given = calls_result(taking->calls, last);
		if (given <= 0)
			return given == -EAGAIN ? 0 : refuse(taking, "that takes no requests");
	}
}

static int under_way(struct taking *taking, uint32_t cpus, int64_t *count)
{
	int r = read_ring(taking);

	*count = r ? 0
		   : (int64_t)aio_requests(taking->ring->entries, cpus) -
				 aio_ring_count(taking->ring);
	return r;
}

/* Each CPU may have some that others are not given. */
static int exhaust(struct taking *taking, uint32_t cpus, int64_t *count)
{
	struct os_affinity own, one;
	int r = exhaust_here(taking);

	if (r == 0)
		r = under_way(taking, cpus, count);
	if (r || *count <= 0 || os_affinity(taking->pid, &own) < 0)
		return r;
	for (unsigned cpu = 0; cpu < 8 * OS_AFFINITY_BYTES && r == 0 && *count > 0; cpu++) {
		memset(&one, 0, sizeof(one));
		one.cpu[cpu / 8] = (uint8_t)(1u << cpu % 8);
		if (os_affinity_set(taking->pid, &one) < 0)
			continue;
		r = exhaust_here(taking);
		if (r == 0)
			r = under_way(taking, cpus, count);
	}
	os_affinity_set(taking->pid, &own);
	return r;
}

static int await_end(struct taking *taking, uint32_t cpus, int64_t *count)
{
	int64_t deadline_ns = os_now_ns() + PATIENCE_NS;
	int r = 0;

	while (*count > 0 && r == 0 && os_now_ns() < deadline_ns) {
		os_thread_sleep_ns(NAP_NS);
		r = under_way(taking, cpus, count);
	}
	return r;
}

static int write_head(const struct taking *taking, uint32_t head)
{
	return trace_write(taking->pid, taking->map->start + offsetof(struct aio_ring, head), &head,
			   sizeof(head));
}

/* The head last: until it is written, the events before the tail are all there. */
static int write_ring(struct taking *taking)
{
	struct aio_ring *ring = taking->ring;
	const uint64_t at = taking->map->start;
	uint64_t events = taking->map->end - at - sizeof(*ring);
	int r = trace_write(taking->pid, at + sizeof(*ring), ring->event, events);

	if (r == 0)
		r = write_head(taking, ring->head);
	return r ? refuse(taking, "with a ring that cannot be written") : 0;
}

/* The requests that follow have all room: the events are kept here meanwhile. */
static int run_requests(struct taking *taking, uint32_t count)
{
	const struct aio_ring *ring = taking->ring;
	uint32_t kept = aio_ring_count(ring);

	assert(count > kept);
	if (write_head(taking, ring->tail))
		return refuse(taking, "with a ring that cannot be written");
	add_requests(taking->calls, taking->map, taking->fd, count - kept, true);
	add_requests(taking->calls, taking->map, taking->fd, kept, false);
	return run(taking);
}

/* So many requests of ours have ended: as many more as bring the tail round to where it would be without them. */
static int bring_round(struct taking *taking, uint32_t ours)
{
	struct aio_ring *kept = taking->ring;

	if (ours == 0)
		return 0;
	assert(ours + aio_ring_count(kept) < kept->entries);
	struct aio_ring *now = malloc(taking->map->end - taking->map->start);

	if (!now)
		return refusal_set(taking->refusal, EDVSNOMEM, "out of memory");
	int r = run_requests(taking, kept->entries - ours);

	/* The events go back wherever the tail has come to. */
	taking->ring = now;
	int written = read_ring(taking);

	if (written == 0) {
		aio_ring_put(now, kept);
		written = write_ring(taking);
	}
	free(kept);
	return r ? r : written;
}

static int settle(struct taking *taking)
{
	assert(taking->ring && taking->map->kind == IMAGE_MAP_AIO);
	uint32_t ours = 0;
	uint32_t cpus = os_affinity_possible();
	int64_t count = 0;
	int r = exhaust(taking, cpus, &count);

	if (r == 0)
		r = await_end(taking, cpus, &count);
	if (aio_ring_ok(taking->ring, taking->map->end - taking->map->start)) {
		ours = aio_ring_count(taking->ring);
		aio_ring_leave(taking->ring, MARK);
		ours -= aio_ring_count(taking->ring);
		int written = write_ring(taking);

		r = r ? r : written;
	}
	if (r == 0 && count > 0)
		return refuse(taking, "with requests that have not ended within a second");
	if (r == 0 && count < 0)
		return refuse(taking,
			      "that cannot be known: the kernel gives more requests than expected");
	if (r == 0)
		r = bring_round(taking, ours);
	if (r == 0)
		taking->map->object = taking->ring->head | (uint64_t)taking->ring->tail << 32;
	return r;
}

static int take_one(struct taking *taking)
{
	const uint32_t needed = IMAGE_MAP_READ | IMAGE_MAP_WRITE;
	int r = (taking->map->flags & needed) == needed
			? check_context(taking)
			: refuse(taking, "with a ring that is protected");

	if (r)
		return r;
	taking->ring = malloc(taking->map->end - taking->map->start);
	if (!taking->ring)
		return refusal_set(taking->refusal, EDVSNOMEM, "out of memory");
	r = read_ring(taking);
	if (r == 0)
		r = settle(taking);
	free(taking->ring);
	return r;
}

static int take_all(struct taking *taking, struct maps *maps)
{
	int r = 0;

	for (uint32_t i = 0; i < maps->count && r == 0; i++) {
		taking->map = &maps->map[i];
		if (taking->map->kind == IMAGE_MAP_AIO)
			r = take_one(taking);
	}
	return r;
}

int aio_take(struct calls *calls, struct maps *maps, struct refusal *refusal)
{
	struct taking taking = { .calls = calls, .pid = calls->tracee->tid, .refusal = refusal };
	bool any = false;

	assert(calls->tracee->borrowed);
	for (uint32_t i = 0; i < maps->count; i++)
		any = any || maps->map[i].kind == IMAGE_MAP_AIO;
	if (!any)
		return 0;
	calls_room(calls, 1, 8);
	uint32_t opened = add_open(calls);
	int r = run(&taking);

	if (r)
		return r;
	taking.fd = (uint32_t)calls_result(calls, opened);
	r = take_all(&taking, maps);
	calls_room(calls, 1, 0);
	calls_add(calls, "close an empty file", CALL_ANY, SYS_close, taking.fd);
	calls_run(calls);
	return r;
}

/* ---- target ---- */

int aio_make(struct calls *calls, const struct image_map *map)
{
	uint64_t bytes = map->end - map->start;
	uint32_t entries = (uint32_t)((bytes - AIO_RING_HEAD_BYTES) / AIO_EVENT_BYTES);
	struct aio_ring ring = { .entries = entries,
				 .head = (uint32_t)map->object,
				 .tail = map->object >> 32 };
	uint64_t context;

	assert(ring.head < entries && ring.tail < entries); /* image_map_ok() saw to it */
	calls_room(calls, 2, sizeof(context));
	/* So that the ring is not made across its own place. */
	calls_expect(calls, "map its memory", (int64_t)map->start, SYS_mmap, map->start, bytes,
		     PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, ~0ull, 0);
	const struct remote_ptr at = calls_space(calls, sizeof(context));

	/* The kernel doubles what is asked for, and adds two. */
	calls_add(calls, "make its asynchronous I/O context (AIO; fs.aio-max-nr limits them)",
		  CALL_OK, SYS_io_setup, (entries - 2) / 2, at.at);
	int r = calls_run(calls);

	if (r)
		return r;
	memcpy(&context, calls_at(calls, at), sizeof(context));
	calls_room(calls, 2, 8);
	/* Which the kernel does for a ring of this size alone: on a machine with more CPUs it may be longer. */
	calls_expect(calls, "have an asynchronous I/O context (AIO) of this size",
		     (int64_t)map->start, SYS_mremap, context, bytes, bytes,
		     MREMAP_MAYMOVE | MREMAP_FIXED, map->start);
	add_open(calls);
	add_requests(calls, map, 0, ring.head, true);
	add_requests(calls, map, 0, aio_ring_count(&ring), false);
	calls_room(calls, 1, 0);
	calls_expect(calls, "close an empty file", 0, SYS_close, 0);
	return 0;
}

int aio_receive(pid_t pid, const struct image_map *map, const struct image_pages *pages,
		struct refusal *refusal)
{
	uint64_t skip = pages->address == map->start ? AIO_OWN_BYTES : 0;
	uint64_t bytes = pages->count * (uint64_t)IMAGE_PAGE - skip;
	const uint8_t *from = (const uint8_t *)(pages + 1) + skip;

	assert(pages->count && pages->address >= map->start);
	int r = trace_write(pid, pages->address + skip, from, bytes);

	return r ? refusal_set(
			   refusal, EDVSPROCSTS,
			   "the asynchronous I/O context (AIO) of the process cannot be written "
			   "on the target: %s",
			   strerror(-r))
		 : 0;
}
