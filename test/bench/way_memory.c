/* SPDX-License-Identifier: Apache-2.0 */

/* The least that two processes can do: a word in memory that both see, without a message. */

#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/way.h"

/* ---- both look at memory all the time: one word each, on a cache line of its own ---- */

struct ping {
	_Alignas(64) _Atomic uint64_t there;
	_Alignas(64) _Atomic uint64_t back;
};

static uint64_t look_for_change(_Atomic uint64_t *word, uint64_t seen)
{
	uint64_t now;

	do {
		__builtin_ia32_pause();
		now = atomic_load_explicit(word, memory_order_acquire);
	} while (now == seen);
	return now;
}

static void line_serve(struct way_pair *pair)
{
	struct ping *ping = pair->memory;
	uint64_t seen = 0;

	for (;;) {
		seen = look_for_change(&ping->there, seen);
		atomic_store_explicit(&ping->back, seen, memory_order_release);
	}
}

static void line_trip(struct way_pair *pair)
{
	struct ping *ping = pair->memory;
	uint64_t last = atomic_load_explicit(&ping->there, memory_order_relaxed);

	atomic_store_explicit(&ping->there, last + 1, memory_order_release);
	look_for_change(&ping->back, last);
}

/* ---- neither looks: each wakes the other and sleeps ---- */

static void hand_over(_Atomic uint32_t *turn, uint32_t to)
{
	atomic_store(turn, to);
	syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
	while (atomic_load(turn) == to)
		syscall(SYS_futex, turn, FUTEX_WAIT, to, NULL, NULL, 0);
}

static void futex_serve(struct way_pair *pair)
{
	_Atomic uint32_t *turn = pair->memory;

	while (atomic_load(turn) == 0)
		syscall(SYS_futex, turn, FUTEX_WAIT, 0, NULL, NULL, 0);
	for (;;)
		hand_over(turn, 0);
}

static void futex_trip(struct way_pair *pair)
{
	hand_over(pair->memory, 1);
}

/* ---- neither sleeps: each lets others go first until it is its turn ---- */

static void yield_serve(struct way_pair *pair)
{
	_Atomic uint32_t *turn = pair->memory;

	for (;;) {
		while (atomic_load(turn) == 0)
			sched_yield();
		atomic_store(turn, 0);
	}
}

static void yield_trip(struct way_pair *pair)
{
	_Atomic uint32_t *turn = pair->memory;

	atomic_store(turn, 1);
	while (atomic_load(turn) == 1)
		sched_yield();
}

const struct way ways_memory[] = {
	{ "line", NULL, line_serve, NULL, line_trip, NULL },
	{ "futex", NULL, futex_serve, NULL, futex_trip, NULL },
	{ "yield", NULL, yield_serve, NULL, yield_trip, NULL },
	{ 0 },
};
