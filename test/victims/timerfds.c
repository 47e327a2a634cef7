/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that are descriptors: clocks, rests, intervals, moments, what has expired, with threads that wait. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/timerfd.h>

#include "victims/victim.h"

#define FAR 100000

static int ticking; /* one that a thread reads */
static uint32_t ticks_read, done;

static int make(int clock, int flags)
{
	int fd = timerfd_create(clock, flags);

	VICTIM_CHECK(fd >= 0);
	return fd;
}

static void set(int fd, int flags, struct timespec first, struct timespec interval)
{
	const struct itimerspec when = { interval, first };

	VICTIM_CHECK(timerfd_settime(fd, flags, &when, NULL) == 0);
}

static void *in_read(void *unused)
{
	uint64_t ticks = 0;

	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		VICTIM_CHECK(read(ticking, &ticks, sizeof(ticks)) == sizeof(ticks) && ticks);
		__atomic_add_fetch(&ticks_read, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static uint64_t take(int fd)
{
	uint64_t ticks = 0;

	return read(fd, &ticks, sizeof(ticks)) == sizeof(ticks) ? ticks : 0;
}

static struct itimerspec left_of(int fd)
{
	struct itimerspec left = { 0 };

	VICTIM_CHECK(timerfd_gettime(fd, &left) == 0);
	return left;
}

static struct timespec after(int clock, time_t seconds, long ns)
{
	struct timespec now;

	clock_gettime(clock, &now);
	now.tv_sec += seconds + (now.tv_nsec + ns) / 1000000000;
	now.tv_nsec = (now.tv_nsec + ns) % 1000000000;
	return now;
}

/* How many intervals have passed since then, by the program's own clock. */
static uint64_t passed(int clock, struct timespec since, long interval_ns)
{
	struct timespec now;

	clock_gettime(clock, &now);
	int64_t ns = (now.tv_sec - since.tv_sec) * 1000000000ll + now.tv_nsec - since.tv_nsec;

	return ns < 0 ? 0 : (uint64_t)(ns / interval_ns) + 1;
}

/* One that expires at moments of a clock has counted each of them, also those at which nothing ran. */
static void check_moments(int fd, int clock, struct timespec first, uint64_t *taken)
{
	uint64_t least = passed(clock, first, 1000000);
	uint64_t ticks = take(fd);
	uint64_t most = passed(clock, first, 1000000);

	VICTIM_CHECK(*taken + ticks >= least - 1 && *taken + ticks <= most);
	*taken += ticks;
}

int main(void)
{
	pthread_t reader;

	victim_begin();
	int far = make(CLOCK_MONOTONIC, TFD_CLOEXEC), second = dup(far),
	    idle = make(CLOCK_BOOTTIME, 0);
	int once = make(CLOCK_MONOTONIC, TFD_NONBLOCK), at = make(CLOCK_REALTIME, TFD_NONBLOCK);
	int moments = make(CLOCK_MONOTONIC, TFD_NONBLOCK),
	    real = make(CLOCK_REALTIME, TFD_NONBLOCK);
	uint64_t taken[2] = { 0 };
	struct timespec first = after(CLOCK_MONOTONIC, 0, 1),
			real_first = after(CLOCK_REALTIME, 0, 1);

	ticking = make(CLOCK_MONOTONIC, 0);
	set(far, 0, (struct timespec){ FAR, 0 }, (struct timespec){ 7, 8 });
	set(idle, 0, (struct timespec){ 0, 0 }, (struct timespec){ 9, 1 });
	set(ticking, 0, (struct timespec){ 0, 1 }, (struct timespec){ 0, 3000000 });
	set(at, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, after(CLOCK_REALTIME, FAR, 0),
	    (struct timespec){ 0, 0 });
	set(moments, TFD_TIMER_ABSTIME, first, (struct timespec){ 0, 1000000 });
	set(real, TFD_TIMER_ABSTIME, real_first, (struct timespec){ 0, 1000000 });
	pthread_create(&reader, NULL, in_read, NULL);
	set(once, 0, (struct timespec){ 0, 1 }, (struct timespec){ 0, 0 });
	VICTIM_CHECK(poll(&(struct pollfd){ .fd = once, .events = POLLIN }, 1, 1000) == 1);
	victim_ready();
	while (victim_moved()) {
		uint32_t before = __atomic_load_n(&ticks_read, __ATOMIC_ACQUIRE);
		struct itimerspec left = left_of(second);

		VICTIM_CHECK(left.it_value.tv_sec > FAR - 1000 && left.it_value.tv_sec < FAR &&
			     left.it_interval.tv_sec == 7 && left.it_interval.tv_nsec == 8);
		VICTIM_CHECK(fcntl(far, F_GETFD) == FD_CLOEXEC && fcntl(far, F_GETFL) == O_RDWR);
		left = left_of(idle);
		VICTIM_CHECK(!left.it_value.tv_sec && !left.it_value.tv_nsec &&
			     left.it_interval.tv_sec == 9 && left.it_interval.tv_nsec == 1);
		VICTIM_CHECK(left_of(at).it_value.tv_sec > FAR - 1000 && take(at) == 0 &&
			     errno == EAGAIN);
		VICTIM_CHECK(take(once) == 1 && take(once) == 0 && errno == EAGAIN);
		set(once, 0, (struct timespec){ 0, 1 }, (struct timespec){ 0, 0 });
		check_moments(moments, CLOCK_MONOTONIC, first, &taken[0]);
		check_moments(real, CLOCK_REALTIME, real_first, &taken[1]);
		for (int ms = 0;
		     ms < 2000 && __atomic_load_n(&ticks_read, __ATOMIC_ACQUIRE) < before + 3; ms++)
			victim_nap();
		VICTIM_CHECK(__atomic_load_n(&ticks_read, __ATOMIC_ACQUIRE) >= before + 3);
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	pthread_join(reader, NULL);
	return victim_end();
}
