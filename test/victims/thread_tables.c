/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads with descriptor tables of their own: one number stands for another thing in each. One table is that of two
 * threads, one thread has its directory with a thread of another table, and one reads from its pipe all the time.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "victims/victim.h"

#define WHERE  20 /* the number that each table has for something else */
#define ONLY   21 /* open in the tables of threads alone */
#define TABLES 3

enum {
	MAIN,
	FIRST,
	SECOND
};

static char folder[] = "/tmp/dvs-victim-tables-XXXXXX";
static char names[TABLES][64];
static int common, to_reader[2], waits_for; /* numbers of descriptors */
static uint32_t asked, answered, over, got;
static uint32_t threads;

/* The file of the table, by its name, and its position, which every look moves on. */
static bool has_own_file(int table, off_t position)
{
	struct stat here, named;

	return fstat(WHERE, &here) == 0 && stat(names[table], &named) == 0 &&
	       here.st_ino == named.st_ino && lseek(WHERE, 0, SEEK_CUR) == position;
}

static void open_own_file(int table)
{
	int fd = open(names[table], O_RDWR | O_CREAT, 0600);

	VICTIM_CHECK(fd >= 0 && dup2(fd, WHERE) == WHERE && close(fd) == 0);
	VICTIM_CHECK(lseek(WHERE, table + 1, SEEK_SET) == table + 1);
	const struct flock range = { .l_type = F_WRLCK, .l_start = table, .l_len = 1 };

	/* A lock of a process is one of its table. */
	VICTIM_CHECK(fcntl(WHERE, F_SETLK, &range) == 0);
}

/* Another table does not get it: the kernel tells one of a lock only where it is not its own. */
static bool is_locked_by_another(int table)
{
	struct flock range = { .l_type = F_WRLCK, .l_start = table, .l_len = 1 };
	int fd = open(names[table], O_RDWR);
	bool is = fd >= 0 && fcntl(fd, F_GETLK, &range) == 0 && range.l_type == F_WRLCK;

	return close(fd) == 0 && is;
}

/* One description in all tables: each sees the position that the others have left. */
static bool shares_position(void)
{
	return lseek(common, 0, SEEK_CUR) == 77;
}

static bool tells_of_its_event(void)
{
	struct epoll_event event = { 0 };
	uint64_t value = 1;

	if (write(waits_for, &value, sizeof(value)) != sizeof(value) ||
	    epoll_wait(ONLY, &event, 1, 1000) != 1 || event.data.u64 != 0x1234567890ull)
		return false;
	return read(waits_for, &value, sizeof(value)) == sizeof(value) && value == 1 &&
	       epoll_wait(ONLY, &event, 1, 0) == 0;
}

static void serve(void (*look)(void))
{
	uint32_t round = 0;

	__atomic_add_fetch(&threads, 1, __ATOMIC_RELEASE);
	for (;;) {
		while (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) == round)
			victim_nap();
		round++;
		if (__atomic_load_n(&over, __ATOMIC_ACQUIRE))
			return;
		look();
		__atomic_add_fetch(&answered, 1, __ATOMIC_RELEASE);
	}
}

static void look_at_first(void)
{
	struct stat status;

	VICTIM_CHECK(has_own_file(FIRST, FIRST + 1) && shares_position());
	VICTIM_CHECK(tells_of_its_event());
	/* The other thread of the table opens files meanwhile. */
	VICTIM_CHECK(fstat(to_reader[0], &status) < 0 || !S_ISFIFO(status.st_mode));
	VICTIM_CHECK(fcntl(to_reader[1], F_GETFD) == FD_CLOEXEC);
}

static void look_at_guest(void)
{
	char byte = 'x';

	VICTIM_CHECK(has_own_file(FIRST, FIRST + 1) && shares_position());
	VICTIM_CHECK(is_locked_by_another(SECOND));
	VICTIM_CHECK(write(to_reader[1], &byte, 1) == 1);
}

/* It has the table of the thread that has made it, and another directory. */
static void *be_guest(void *unused)
{
	VICTIM_CHECK(unshare(CLONE_FS) == 0 && chdir(folder) == 0);
	serve(look_at_guest);
	return unused;
}

static void *be_first(void *unused)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0x1234567890ull };
	pthread_t guest;

	VICTIM_CHECK(unshare(CLONE_FILES) == 0 && close(to_reader[0]) == 0);
	open_own_file(FIRST);
	int epoll = epoll_create1(0);

	waits_for = eventfd(0, EFD_CLOEXEC);
	VICTIM_CHECK(dup2(epoll, ONLY) == ONLY && close(epoll) == 0);
	VICTIM_CHECK(epoll_ctl(ONLY, EPOLL_CTL_ADD, waits_for, &event) == 0);
	VICTIM_CHECK(fcntl(to_reader[1], F_SETFD, FD_CLOEXEC) == 0);
	pthread_create(&guest, NULL, be_guest, NULL);
	serve(look_at_first);
	pthread_join(guest, NULL);
	return unused;
}

static void look_at_second(void)
{
	VICTIM_CHECK(has_own_file(SECOND, SECOND + 1) && shares_position());
	VICTIM_CHECK(is_locked_by_another(FIRST) && fcntl(ONLY, F_GETFD) < 0);
}

/* It stays in a call on a descriptor of its own table. */
static void *be_reader(void *unused)
{
	char byte;

	VICTIM_CHECK(unshare(CLONE_FILES) == 0 && close(to_reader[1]) == 0);
	__atomic_add_fetch(&threads, 1, __ATOMIC_RELEASE);
	while (read(to_reader[0], &byte, 1) == 1)
		__atomic_add_fetch(&got, 1, __ATOMIC_RELEASE);
	return unused;
}

static void *be_second(void *unused)
{
	VICTIM_CHECK(unshare(CLONE_FILES | CLONE_FS) == 0);
	close(to_reader[0]);
	close(to_reader[1]);
	open_own_file(SECOND);
	serve(look_at_second);
	return unused;
}

int main(void)
{
	pthread_t first, second, reader;
	uint32_t rounds = 0;

	victim_begin();
	VICTIM_CHECK(mkdtemp(folder) != NULL);
	for (int i = 0; i < TABLES; i++)
		snprintf(names[i], sizeof(names[i]), "%s/%d", folder, i);
	open_own_file(MAIN);
	common = open(names[MAIN], O_RDONLY);
	VICTIM_CHECK(lseek(common, 77, SEEK_SET) == 77 && pipe(to_reader) == 0);
	pthread_create(&reader, NULL, be_reader, NULL);
	VICTIM_CHECK(victim_counts(&threads, 1));
	pthread_create(&first, NULL, be_first, NULL);
	VICTIM_CHECK(victim_counts(&threads, 3));
	pthread_create(&second, NULL, be_second, NULL);
	VICTIM_CHECK(victim_counts(&threads, 4));
	/* Open in the tables of threads alone from here on. */
	close(to_reader[0]);
	close(to_reader[1]);
	VICTIM_CHECK(open("/dev/null", O_RDONLY) >= 0);
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(has_own_file(MAIN, MAIN + 1) && shares_position());
		VICTIM_CHECK(is_locked_by_another(FIRST) && fcntl(ONLY, F_GETFD) < 0);
		__atomic_store_n(&asked, ++rounds, __ATOMIC_RELEASE);
		VICTIM_CHECK(victim_counts(&answered, rounds * 3));
		VICTIM_CHECK(victim_counts(&got, rounds));
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&asked, ++rounds, __ATOMIC_RELEASE);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	/* The last writer has ended with its table. */
	pthread_join(reader, NULL);
	for (int i = 0; i < TABLES; i++)
		unlink(names[i]);
	VICTIM_CHECK(rmdir(folder) == 0);
	return victim_end();
}
