/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes of the process's own: contents, size, packets, flags, closed ends, and threads that wait at both ends. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "victims/victim.h"

#define BYTES	 30000
#define CAPACITY (256 << 10)
#define PIECE	 4096	/* written as a whole or not at all */
#define LONG	 300000 /* more than a pipe holds */

static int stream[2], packets[2], awaited[2], full[2], large[2], start[2], deaf[2], ended[2];
static int both; /* one description of both ends of the stream */
static char pattern[LONG];
static uint32_t reads, writes;

static void *in_read(void *unused)
{
	for (char byte = 0; byte != 'e';) {
		VICTIM_CHECK(read(awaited[0], &byte, 1) == 1 && (byte == 'r' || byte == 'e'));
		__atomic_add_fetch(&reads, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static void *in_write(void *unused)
{
	while (!victim_must_end()) {
		VICTIM_CHECK(write(full[1], pattern, PIECE) == PIECE);
		__atomic_add_fetch(&writes, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

/* A write that the first move finds begun is whole. */
static void *in_long_write(void *unused)
{
	for (char byte; read(start[0], &byte, 1) == 1 && byte != 'e';)
		VICTIM_CHECK(write(large[1], pattern, LONG) == LONG);
	return unused;
}

static void check_long_write(void)
{
	static char got[LONG];
	size_t have = 0;

	for (ssize_t more = 1; have < LONG && more > 0; have += more > 0 ? (size_t)more : 0)
		more = read(large[0], got + have, LONG - have);
	VICTIM_CHECK(have == LONG && memcmp(got, pattern, LONG) == 0);
	VICTIM_CHECK(write(start[1], "s", 1) == 1);
}

static void check_waiters(void)
{
	uint32_t before = __atomic_load_n(&reads, __ATOMIC_ACQUIRE);
	char got[PIECE];

	VICTIM_CHECK(write(awaited[1], "r", 1) == 1 && victim_counts(&reads, before + 1));
	before = __atomic_load_n(&writes, __ATOMIC_ACQUIRE);
	VICTIM_CHECK(read(full[0], got, PIECE) == PIECE && memcmp(got, pattern, PIECE) == 0);
	VICTIM_CHECK(victim_counts(&writes, before + 1));
}

static void check_stream(void)
{
	char got[BYTES + 1];
	int bytes = 0;

	VICTIM_CHECK(ioctl(stream[0], FIONREAD, &bytes) == 0 && bytes == BYTES);
	VICTIM_CHECK(fcntl(stream[1], F_GETPIPE_SZ) == CAPACITY);
	VICTIM_CHECK(fcntl(stream[0], F_GETFL) == O_NONBLOCK &&
		     fcntl(stream[1], F_GETFL) == O_WRONLY);
	VICTIM_CHECK(fcntl(stream[0], F_GETFD) == FD_CLOEXEC && fcntl(stream[1], F_GETFD) == 0);
	VICTIM_CHECK((fcntl(both, F_GETFL) & O_ACCMODE) == O_RDWR);
	VICTIM_CHECK(read(stream[0], got, 100) == 100 && memcmp(got, pattern, 100) == 0);
	VICTIM_CHECK(read(both, got + 100, sizeof(got) - 100) == BYTES - 100);
	VICTIM_CHECK(memcmp(got, pattern, BYTES) == 0);
	VICTIM_CHECK(read(stream[0], got, 1) < 0 && errno == EAGAIN);
	VICTIM_CHECK(write(both, pattern, 50) == 50);
	VICTIM_CHECK(write(stream[1], pattern + 50, BYTES - 50) == BYTES - 50);
}

static void send_packets(void)
{
	VICTIM_CHECK(write(packets[1], "five.", 5) == 5 && write(packets[1], "1", 1) == 1);
	VICTIM_CHECK(write(packets[1], pattern, 4096) == 4096);
}

static void check_packets(void)
{
	char got[4096];

	VICTIM_CHECK(fcntl(packets[1], F_GETFL) & O_DIRECT);
	VICTIM_CHECK(read(packets[0], got, 3) == 3); /* the rest of a packet is lost */
	VICTIM_CHECK(read(packets[0], got, sizeof(got)) == 1);
	VICTIM_CHECK(read(packets[0], got, sizeof(got)) == 4096 && memcmp(got, pattern, 4096) == 0);
	send_packets();
}

static void check_ends(int round)
{
	char byte;

	VICTIM_CHECK(write(deaf[1], "x", 1) < 0 && errno == EPIPE);
	VICTIM_CHECK(read(ended[0], &byte, 1) == (round < 3) &&
		     (round >= 3 || byte == "abc"[round]));
}

static void build(void)
{
	char name[40];

	for (int i = 0; i < LONG; i++)
		pattern[i] = (char)(i * 5 >> 2);
	signal(SIGPIPE, SIG_IGN);
	VICTIM_CHECK(pipe(stream) == 0 && pipe2(packets, O_DIRECT) == 0 && pipe(awaited) == 0);
	VICTIM_CHECK(pipe(large) == 0 && pipe(start) == 0 && write(start[1], "s", 1) == 1);
	VICTIM_CHECK(pipe(full) == 0 && pipe(deaf) == 0 && pipe(ended) == 0);
	VICTIM_CHECK(fcntl(stream[1], F_SETPIPE_SZ, CAPACITY) == CAPACITY);
	VICTIM_CHECK(fcntl(stream[0], F_SETFL, O_NONBLOCK) == 0);
	VICTIM_CHECK(fcntl(stream[0], F_SETFD, FD_CLOEXEC) == 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", stream[0]);
	both = open(name, O_RDWR);
	VICTIM_CHECK(both >= 0 && write(both, pattern, 50) == 50);
	VICTIM_CHECK(write(stream[1], pattern + 50, BYTES - 50) == BYTES - 50);
	send_packets();
	close(deaf[0]);
	VICTIM_CHECK(write(ended[1], "abc", 3) == 3);
	close(ended[1]);
}

int main(void)
{
	pthread_t thread[3];

	victim_begin();
	build();
	int second = dup(stream[1]);

	pthread_create(&thread[0], NULL, in_read, NULL);
	pthread_create(&thread[1], NULL, in_write, NULL);
	pthread_create(&thread[2], NULL, in_long_write, NULL);
	for (int i = 0; i < 20; i++)
		victim_nap();
	victim_ready();
	for (int round = 0; victim_moved(); round++) {
		check_waiters();
		check_long_write();
		check_stream();
		check_packets();
		check_ends(round);
		VICTIM_CHECK(syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, stream[1], second) ==
			     0);
	}
	VICTIM_CHECK(write(awaited[1], "e", 1) == 1);
	pthread_join(thread[0], NULL);
	return victim_end();
}
