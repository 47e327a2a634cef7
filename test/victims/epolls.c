/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epoll instances: their items with data words, edges told and not told, one-shots, nested ones, threads that wait;
 * numbers that were closed, or stand for something else, while what they stood for is open.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "victims/victim.h"

#define WORD(n) (0xfedcba9876543200ull + (n))

static int waited; /* an instance that a thread waits for */
static uint32_t told;

static int make(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	VICTIM_CHECK(fd >= 0);
	return fd;
}

static int counter(uint64_t count)
{
	int fd = eventfd((unsigned)count, EFD_NONBLOCK);

	VICTIM_CHECK(fd >= 0);
	return fd;
}

static void put(int fd)
{
	uint64_t one = 1;

	VICTIM_CHECK(write(fd, &one, sizeof(one)) == sizeof(one));
}

static void control(int epoll, int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	VICTIM_CHECK(epoll_ctl(epoll, operation, fd, &event) == 0);
}

/* How many events there are now; the first one's word. */
static int look(int epoll, uint64_t *word)
{
	struct epoll_event event[8];
	int count = epoll_wait(epoll, event, 8, 0);

	*word = count > 0 ? event[0].data.u64 : 0;
	return count;
}

static bool tells(int epoll, uint64_t wanted)
{
	uint64_t word;

	return look(epoll, &word) == 1 && word == wanted;
}

static bool is_silent(int epoll)
{
	uint64_t word;

	return look(epoll, &word) == 0;
}

/* ---- levels ---- */

static int levels, ready, ready_again, empty;

static void begin_levels(void)
{
	levels = make();
	ready = counter(1);
	empty = counter(0);
	ready_again = dup(ready);
	control(levels, EPOLL_CTL_ADD, ready, EPOLLIN, WORD(1));
	control(levels, EPOLL_CTL_ADD, empty, EPOLLIN | EPOLLPRI, WORD(2));
	control(levels, EPOLL_CTL_ADD, ready_again, EPOLLIN, WORD(3));
}

static void check_levels(void)
{
	struct epoll_event event[8];
	uint64_t sum = 0, value;
	int count = epoll_wait(levels, event, 8, 0);

	for (int i = 0; i < count; i++)
		sum += event[i].data.u64;
	VICTIM_CHECK(count == 2 && sum == WORD(1) + WORD(3) && event[0].events == EPOLLIN);
	put(empty);
	VICTIM_CHECK(epoll_wait(levels, event, 8, 0) == 3);
	VICTIM_CHECK(read(empty, &value, sizeof(value)) == sizeof(value));
	VICTIM_CHECK(fcntl(levels, F_GETFD) == FD_CLOEXEC);
}

/* ---- edges ---- */

static int edges, old_edge, new_edge, ended[2];

static void begin_edges(void)
{
	edges = make();
	old_edge = counter(1);
	new_edge = counter(1);
	VICTIM_CHECK(pipe(ended) == 0);
	close(ended[1]);
	control(edges, EPOLL_CTL_ADD, old_edge, EPOLLIN | EPOLLET, WORD(1));
	VICTIM_CHECK(tells(edges, WORD(1)) && is_silent(edges));
	control(edges, EPOLL_CTL_ADD, ended[0], EPOLLIN | EPOLLET, WORD(2));
	VICTIM_CHECK(tells(edges, WORD(2)) && is_silent(edges));
	control(edges, EPOLL_CTL_ADD, new_edge, EPOLLIN | EPOLLET, WORD(3));
}

static void check_edges(void)
{
	VICTIM_CHECK(tells(edges, WORD(3)));
	VICTIM_CHECK(is_silent(edges));
	put(old_edge);
	VICTIM_CHECK(tells(edges, WORD(1)) && is_silent(edges));
	put(new_edge); /* not told when the next move comes */
}

/* ---- once ---- */

static int once, fired, armed, fired_pipe[2], fired_empty;

static void begin_once(void)
{
	once = make();
	fired = counter(1);
	armed = counter(1);
	fired_empty = counter(1);
	VICTIM_CHECK(pipe2(fired_pipe, O_NONBLOCK) == 0 && write(fired_pipe[1], "x", 1) == 1);
	control(once, EPOLL_CTL_ADD, fired, EPOLLIN | EPOLLONESHOT, WORD(1));
	VICTIM_CHECK(tells(once, WORD(1)));
	control(once, EPOLL_CTL_ADD, fired_pipe[0], EPOLLIN | EPOLLONESHOT | EPOLLET, WORD(2));
	VICTIM_CHECK(tells(once, WORD(2)));
	control(once, EPOLL_CTL_ADD, fired_empty, EPOLLIN | EPOLLONESHOT, WORD(3));
	VICTIM_CHECK(tells(once, WORD(3)));
	control(once, EPOLL_CTL_ADD, armed, EPOLLIN | EPOLLONESHOT, WORD(4));
}

static void check_once(void)
{
	uint64_t value = 0;

	VICTIM_CHECK(tells(once, WORD(4)));
	VICTIM_CHECK(is_silent(once));
	control(once, EPOLL_CTL_MOD, fired, EPOLLIN | EPOLLONESHOT, WORD(1));
	VICTIM_CHECK(tells(once, WORD(1)));
	control(once, EPOLL_CTL_MOD, fired_pipe[0], EPOLLIN | EPOLLONESHOT | EPOLLET, WORD(2));
	VICTIM_CHECK(tells(once, WORD(2)));
	put(fired_empty);
	VICTIM_CHECK(is_silent(once));
	VICTIM_CHECK(read(fired_empty, &value, sizeof(value)) == sizeof(value));
	control(once, EPOLL_CTL_MOD, armed, EPOLLIN | EPOLLONESHOT, WORD(4));
}

/* ---- nested ---- */

static int outer, middle, inner, inner_count;

static void begin_nested(void)
{
	outer = make();
	middle = make();
	inner = make();
	inner_count = counter(0);
	control(middle, EPOLL_CTL_ADD, inner, EPOLLIN, WORD(2));
	control(outer, EPOLL_CTL_ADD, middle, EPOLLIN, WORD(1));
	control(inner, EPOLL_CTL_ADD, inner_count, EPOLLIN, WORD(3));
}

static void check_nested(void)
{
	uint64_t value;

	VICTIM_CHECK(is_silent(outer));
	put(inner_count);
	VICTIM_CHECK(tells(outer, WORD(1)) && tells(middle, WORD(2)) && tells(inner, WORD(3)));
	VICTIM_CHECK(read(inner_count, &value, sizeof(value)) == sizeof(value));
}

/* ---- numbers that were closed ---- */

#define COUNTERS 3
#define CLOSED	 700 /* of all of them, one after another */

static int left, counters[COUNTERS], taken, taken_by;

static void begin_left(void)
{
	left = make();
	for (int i = 0; i < COUNTERS; i++) {
		counters[i] = counter(0);
		VICTIM_CHECK(dup2(counters[i], CLOSED) == CLOSED);
		control(left, EPOLL_CTL_ADD, CLOSED, EPOLLIN, WORD(i));
	}
	close(CLOSED);
	/* Another descriptor has the number now. */
	taken = dup(counters[0]);
	control(left, EPOLL_CTL_ADD, taken, EPOLLIN | EPOLLONESHOT, WORD(7));
	taken_by = counter(5);
	VICTIM_CHECK(dup3(taken_by, taken, O_CLOEXEC) == taken);
	control(left, EPOLL_CTL_ADD, taken, EPOLLIN | EPOLLET, WORD(8));
}

static void check_left(bool first)
{
	uint64_t value, word;

	VICTIM_CHECK(tells(left, WORD(8))); /* which was not told yet */
	VICTIM_CHECK(is_silent(left) && fcntl(taken, F_GETFD) == FD_CLOEXEC);
	VICTIM_CHECK(fcntl(CLOSED, F_GETFD) < 0);
	for (int i = COUNTERS - 1; i >= 0; i--) {
		put(counters[i]);
		if (i == 0 && first)
			VICTIM_CHECK(look(left, &word) == 2 && is_silent(left) == false);
		else
			VICTIM_CHECK(tells(left, WORD(i)));
		VICTIM_CHECK(read(counters[i], &value, sizeof(value)) == sizeof(value));
	}
	VICTIM_CHECK(is_silent(left));
	VICTIM_CHECK(read(taken, &value, sizeof(value)) == sizeof(value) && value == 5);
	value = 5;
	VICTIM_CHECK(write(taken, &value, sizeof(value)) == sizeof(value));
}

/* ---- a thread that waits ---- */

static int bell, ticking;

/* Ticks that nobody reads are edges, each told once. */
static void *in_wait(void *unused)
{
	for (bool end = false; !end;) {
		struct epoll_event event;
		uint64_t value = 0;

		VICTIM_CHECK(epoll_wait(waited, &event, 1, -1) == 1);
		if (event.data.fd != bell)
			continue;
		VICTIM_CHECK(read(bell, &value, sizeof(value)) == sizeof(value));
		end = value > 1;
		__atomic_add_fetch(&told, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static void begin_waited(void)
{
	const struct itimerspec when = { { 0, 2000000 }, { 0, 1 } };

	waited = make();
	bell = eventfd(0, 0);
	ticking = timerfd_create(CLOCK_MONOTONIC, 0);
	VICTIM_CHECK(timerfd_settime(ticking, 0, &when, NULL) == 0);
	control(waited, EPOLL_CTL_ADD, bell, EPOLLIN, (unsigned)bell);
	control(waited, EPOLL_CTL_ADD, ticking, EPOLLIN | EPOLLET, (unsigned)ticking);
}

static void check_waited(void)
{
	uint32_t before = __atomic_load_n(&told, __ATOMIC_ACQUIRE);

	put(bell);
	VICTIM_CHECK(victim_counts(&told, before + 1));
}

int main(void)
{
	uint64_t end = 2;
	pthread_t waiter;
	bool first = true;

	victim_begin();
	begin_levels();
	begin_edges();
	begin_once();
	begin_nested();
	begin_left();
	begin_waited();
	pthread_create(&waiter, NULL, in_wait, NULL);
	victim_ready();
	while (victim_moved()) {
		check_levels();
		check_edges();
		check_once();
		check_nested();
		check_left(first);
		first = false;
		check_waited();
	}
	VICTIM_CHECK(write(bell, &end, sizeof(end)) == sizeof(end));
	pthread_join(waiter, NULL);
	return victim_end();
}
