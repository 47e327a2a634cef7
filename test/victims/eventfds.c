/* SPDX-License-Identifier: Apache-2.0 */
/* Counters (eventfd): their value, mode, flags and sharing, with threads that wait to read and to write. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "victims/victim.h"

#define FULL (UINT64_MAX - 1)

static int awaited, full; /* one that a thread reads, one that a thread writes to */
static uint32_t reads, writes;

static uint64_t take(int fd)
{
	uint64_t value = 0;

	return read(fd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

static bool put(int fd, uint64_t value)
{
	return write(fd, &value, sizeof(value)) == sizeof(value);
}

static void *in_read(void *unused)
{
	for (uint64_t value = 0; value != FULL;) {
		value = take(awaited);
		VICTIM_CHECK(value == 7 || value == FULL);
		__atomic_add_fetch(&reads, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static void *in_write(void *unused)
{
	while (!victim_must_end()) {
		VICTIM_CHECK(put(full, FULL));
		__atomic_add_fetch(&writes, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static void check_waiters(void)
{
	uint32_t before = __atomic_load_n(&reads, __ATOMIC_ACQUIRE);

	VICTIM_CHECK(put(awaited, 7) && victim_counts(&reads, before + 1));
	before = __atomic_load_n(&writes, __ATOMIC_ACQUIRE);
	VICTIM_CHECK(take(full) == FULL);
	VICTIM_CHECK(victim_counts(&writes, before + 1));
	victim_nap(); /* it waits again, for there is no room but for one */
	VICTIM_CHECK(__atomic_load_n(&writes, __ATOMIC_ACQUIRE) == before + 1);
}

static void check_values(int counter, int second, int semaphore, int empty)
{
	uint64_t value;

	VICTIM_CHECK(take(counter) == 1ull << 40 && put(second, 1ull << 40));
	VICTIM_CHECK(syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, counter, second) == 0);
	VICTIM_CHECK(fcntl(counter, F_GETFL) == O_RDWR && fcntl(second, F_GETFD) == FD_CLOEXEC);
	for (int i = 0; i < 3; i++)
		VICTIM_CHECK(take(semaphore) == 1);
	VICTIM_CHECK(read(semaphore, &value, sizeof(value)) < 0 && errno == EAGAIN);
	VICTIM_CHECK(put(semaphore, 3));
	VICTIM_CHECK(fcntl(empty, F_GETFL) & O_NONBLOCK);
	VICTIM_CHECK(read(empty, &value, sizeof(value)) < 0 && errno == EAGAIN);
}

int main(void)
{
	pthread_t reader, writer;

	victim_begin();
	int counter = eventfd(0, 0), second = fcntl(counter, F_DUPFD_CLOEXEC, 60);
	int semaphore = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK), empty = eventfd(0, EFD_NONBLOCK);

	awaited = eventfd(0, 0);
	full = eventfd(0, 0);
	VICTIM_CHECK(counter >= 0 && second >= 0 && semaphore >= 0 && empty >= 0 && full >= 0);
	VICTIM_CHECK(put(counter, 1ull << 40) && put(full, FULL));
	pthread_create(&reader, NULL, in_read, NULL);
	pthread_create(&writer, NULL, in_write, NULL);
	victim_nap();
	victim_ready();
	while (victim_moved()) {
		check_waiters();
		check_values(counter, second, semaphore, empty);
	}
	VICTIM_CHECK(put(awaited, FULL));
	take(full);
	pthread_join(reader, NULL);
	pthread_join(writer, NULL);
	return victim_end();
}
