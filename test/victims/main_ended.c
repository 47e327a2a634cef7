/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process whose main thread has ended while others live, and a child of that kind: they work, are told signals, know
 * their files and children, and the parent is told of the end of the child as of one that was not moved.
 *
 *	argument late	the main thread ends when the page says 1, another one leaves its work to a new one at 2
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define BYTES 30000

static uint32_t turns, told, seen;
static bool is_late;
static int ends[2], to_child[2], from_child[2], pair[2], locked, counter;
static pid_t child, self;
static char lock_path[64];
static uint8_t pattern[BYTES];

static void on_signal(int number)
{
	(void)number;
	__atomic_add_fetch(&told, 1, __ATOMIC_RELEASE);
}

/* What the kernel says of the main thread. */
static char state_of_main(void)
{
	char text[512] = "", *at;
	FILE *file = fopen("/proc/self/stat", "r");

	if (file && fgets(text, sizeof(text), file) && (at = strrchr(text, ')')))
		text[0] = at[2];
	if (file)
		fclose(file);
	return text[0];
}

/* It ends by itself where it arrives. */
static bool main_has_ended(void)
{
	for (int ms = 0; ms < 2000 && state_of_main() != 'Z'; ms++)
		victim_nap();
	return state_of_main() == 'Z';
}

/* Ends only this thread, as the last of the child does. */
static void end_thread(int status)
{
	syscall(SYS_exit, status);
}

static void *serve(void *unused)
{
	char byte;

	while (read(to_child[0], &byte, 1) == 1 && byte == 'q') {
		byte = main_has_ended() && getpid() == child ? 'a' : 'w';
		if (write(from_child[1], &byte, 1) != 1)
			end_thread(99);
	}
	end_thread(3); /* one kernel tells this, another one the status of the main thread */
	return unused;
}

static void begin_child(void)
{
	pthread_t thread;

	child = fork();
	if (child)
		return;
	child = getpid();
	close(to_child[1]);
	pthread_create(&thread, NULL, serve, NULL);
	end_thread(7);
}

static void check_child(void)
{
	char byte = 'q';

	VICTIM_CHECK(write(to_child[1], &byte, 1) == 1 && read(from_child[0], &byte, 1) == 1);
	VICTIM_CHECK(byte == 'a');
}

static int end_child(void)
{
	const char byte = 'e';
	int status = 0;

	VICTIM_CHECK(write(to_child[1], &byte, 1) == 1);
	VICTIM_CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return status;
}

/* Things that a look takes out of the process, or that are the process's by its number. */
static void build_files(void)
{
	const struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[] = "/tmp/dvs-victim-main-XXXXXX";

	VICTIM_CHECK(pipe(ends) + pipe(to_child) + pipe(from_child) == 0);
	VICTIM_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	counter = eventfd(5, 0);
	locked = mkstemp(path);
	snprintf(lock_path, sizeof(lock_path), "%s", path);
	VICTIM_CHECK(counter >= 0 && locked >= 0 && fcntl(locked, F_SETLK, &whole) == 0);
	VICTIM_CHECK(write(pair[0], "pair", 4) == 4);
}

static void check_files(void)
{
	struct flock found = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	uint64_t count = 5;
	char text[4] = "";

	VICTIM_CHECK(read(pair[1], text, 4) == 4 && memcmp(text, "pair", 4) == 0);
	VICTIM_CHECK(write(pair[0], "pair", 4) == 4);
	VICTIM_CHECK(read(counter, &count, 8) == 8 && count == 5);
	VICTIM_CHECK(write(counter, &count, 8) == 8);
	/* The lock is seen by another process only. */
	pid_t other = fork();

	if (other == 0) {
		int fd = open(lock_path, O_RDWR);

		_exit(fd >= 0 && fcntl(fd, F_GETLK, &found) == 0 && found.l_type == F_WRLCK &&
				      found.l_pid == self
			      ? 0
			      : 1);
	}
	int status = 1;

	VICTIM_CHECK(waitpid(other, &status, 0) == other && status == 0);
}

static void check(uint32_t round)
{
	uint32_t before = __atomic_load_n(&turns, __ATOMIC_ACQUIRE);
	char byte = (char)round;

	VICTIM_CHECK(is_late || main_has_ended());
	VICTIM_CHECK(getpid() == self && syscall(SYS_gettid) != self);
	VICTIM_CHECK(write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1);
	VICTIM_CHECK(byte == (char)round);
	for (unsigned i = 0; i < BYTES; i++)
		VICTIM_CHECK(pattern[i] == (uint8_t)(i * 13));
	check_files();
	kill(self, SIGUSR1);
	VICTIM_CHECK(victim_counts(&told, round));
	check_child();
	for (int ms = 0; ms < 2000 && __atomic_load_n(&turns, __ATOMIC_ACQUIRE) == before; ms++)
		victim_nap();
	VICTIM_CHECK(__atomic_load_n(&turns, __ATOMIC_ACQUIRE) != before);
}

static void *turn(void *unused)
{
	pthread_t next;

	for (;;) {
		uint32_t argument = __atomic_load_n(&victim_page->argument, __ATOMIC_ACQUIRE);

		__atomic_add_fetch(&turns, 1, __ATOMIC_RELEASE);
		if (argument == 2 && __atomic_exchange_n(&seen, 2, __ATOMIC_ACQ_REL) != 2)
			break;
		victim_nap();
	}
	pthread_create(&next, NULL, turn, NULL);
	return unused;
}

static void *live(void *unused)
{
	uint32_t round = 1;

	VICTIM_CHECK(is_late || main_has_ended());
	begin_child();
	check_child(); /* its main thread has ended first */

	const int status = end_child();

	begin_child();
	check(round++);
	victim_ready();
	while (victim_moved()) {
		is_late = false;
		check(round++);
	}
	VICTIM_CHECK(end_child() == status);
	unlink(lock_path);
	exit(victim_end());
	return unused;
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t thread;

	victim_begin();
	self = getpid();
	is_late = argc > 1 && strcmp(argv[1], "late") == 0;
	for (unsigned i = 0; i < BYTES; i++)
		pattern[i] = (uint8_t)(i * 13);
	sigaction(SIGUSR1, &action, NULL);
	build_files();
	pthread_create(&thread, NULL, turn, NULL);
	pthread_create(&thread, NULL, live, NULL);
	while (argc > 1 && !__atomic_load_n(&victim_page->argument, __ATOMIC_ACQUIRE))
		victim_nap();
	end_thread(0);
	return 0;
}
