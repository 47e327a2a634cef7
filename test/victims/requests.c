/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts of asynchronous I/O (AIO): events that nobody has fetched, in a ring that goes on at its begin; a ring that
 * was moved; a request that is under way, and a thread that waits for its event.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "victims/victim.h"

#define PAGE	4096
#define WANTED	60 /* one page of ring, of 127 places */
#define TICK_NS 20000000

struct ring {
	uint32_t id, entries, head, tail, magic;
};

static int file;
static char contents[] = "asynchronous", buffer[sizeof(contents)];
static aio_context_t turning, moved, waiting;
static uint64_t submitted, fetched;
static uint32_t woken;

static long setup(unsigned count, aio_context_t *context)
{
	return syscall(SYS_io_setup, count, context);
}

static bool submit(aio_context_t context, struct iocb *request)
{
	return syscall(SYS_io_submit, context, 1L, &request) == 1;
}

static bool submit_read(aio_context_t context, uint64_t data)
{
	struct iocb request = { .aio_data = data,
				.aio_lio_opcode = IOCB_CMD_PREAD,
				.aio_fildes = (uint32_t)file,
				.aio_buf = (uint64_t)buffer,
				.aio_nbytes = sizeof(contents) - 1 };

	return submit(context, &request);
}

static long fetch(aio_context_t context, struct io_event *event, bool waits)
{
	struct timespec now = { 0 };

	return syscall(SYS_io_getevents, context, waits ? 1L : 0L, 1L, event, waits ? NULL : &now);
}

/* Each event of the context comes once, in its order, with its result. */
static bool fetch_numbered(unsigned count)
{
	struct io_event event;

	for (unsigned i = 0; i < count; i++)
		if (fetch(turning, &event, false) != 1 || event.data != fetched++ ||
		    event.res != (long)sizeof(contents) - 1)
			return false;
	return true;
}

static bool submit_numbered(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!submit_read(turning, submitted++))
			return false;
	return true;
}

/* Most of the time one is under way: it ends when the timer tells. */
static void *poll_timer(void *unused)
{
	const struct itimerspec often = { { 0, TICK_NS }, { 0, TICK_NS } };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct iocb request = { .aio_data = 7,
				.aio_lio_opcode = IOCB_CMD_POLL,
				.aio_fildes = (uint32_t)timer,
				.aio_buf = POLLIN };
	bool good = timerfd_settime(timer, 0, &often, NULL) == 0;

	while (good) {
		struct io_event event = { 0 };
		uint64_t ticks;

		good = submit(waiting, &request) && fetch(waiting, &event, true) == 1;
		good = good && event.data == 7 && event.res == POLLIN &&
		       read(timer, &ticks, sizeof(ticks)) == sizeof(ticks);
		__atomic_fetch_add(&woken, 1, __ATOMIC_RELEASE);
	}
	VICTIM_CHECK(!"each poll ends with its event");
	return unused;
}

/* As many as were asked for, at once. */
static bool has_room(aio_context_t context)
{
	struct io_event event;

	for (unsigned i = 0; i < WANTED; i++)
		if (!submit_read(context, i))
			return false;
	for (unsigned i = 0; i < WANTED; i++)
		if (fetch(context, &event, false) != 1 || event.data != i)
			return false;
	return fetch(context, &event, false) == 0;
}

/* Nothing of the engine's is left in the ring. */
static bool is_whole(aio_context_t context)
{
	const struct ring *ring = (const struct ring *)context;
	struct io_event event;

	return ring->magic == 0xa10a10a1 && ring->head == ring->tail &&
	       fetch(context, &event, false) == 0;
}

/* Where the head and the tail of those two are that nobody uses meanwhile. */
struct places {
	uint32_t head[2], tail[2];
};

static struct places places(void)
{
	const struct ring *one = (const struct ring *)turning;
	const struct ring *other = (const struct ring *)moved;

	return (struct places){ { one->head, other->head }, { one->tail, other->tail } };
}

static bool goes_on(void)
{
	uint32_t before = __atomic_load_n(&woken, __ATOMIC_ACQUIRE);

	for (int ms = 0; ms < 2000 && __atomic_load_n(&woken, __ATOMIC_ACQUIRE) < before + 2; ms++)
		victim_nap();
	return __atomic_load_n(&woken, __ATOMIC_ACQUIRE) >= before + 2;
}

static void start(void)
{
	pthread_t thread;

	file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	VICTIM_CHECK(write(file, contents, sizeof(contents) - 1) == sizeof(contents) - 1);
	VICTIM_CHECK(setup(WANTED, &turning) == 0 && setup(WANTED, &moved) == 0 &&
		     setup(WANTED, &waiting) == 0);
	char *place = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	VICTIM_CHECK(mremap((void *)moved, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) ==
		     place);
	moved = (aio_context_t)place;
	VICTIM_CHECK(submit_numbered(50) && fetch_numbered(45));
	VICTIM_CHECK(submit_numbered(50) && fetch_numbered(50));
	VICTIM_CHECK(pthread_create(&thread, NULL, poll_timer, NULL) == 0);
}

int main(void)
{
	victim_begin();
	start();
	VICTIM_CHECK(has_room(moved) && is_whole(moved));
	struct places before = places();

	victim_ready();
	while (victim_moved()) {
		const struct places now = places();

		VICTIM_CHECK(memcmp(&before, &now, sizeof(now)) == 0);
		VICTIM_CHECK(submitted - fetched == 5 && submit_numbered(40) && fetch_numbered(40));
		VICTIM_CHECK(is_whole(moved) && has_room(moved));
		VICTIM_CHECK(goes_on());
		before = places();
	}
	return victim_end();
}
