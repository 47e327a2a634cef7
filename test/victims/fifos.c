/* SPDX-License-Identifier: Apache-2.0 */
/* FIFOs of the process's own: contents, size, packets, one description of both ends, ends that are alone, a thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "victims/victim.h"

#define CAPACITY (256 << 10)

enum {
	STREAM,
	BOTH,
	PACKETS,
	UNTOUCHED,
	ENDED,
	DEAF,
	AWAITED,
	NAMED,
	DELETED,
	FIFOS
};

static char folder[] = "/tmp/dvs-victim-fifos-XXXXXX";
static char path[FIFOS][64];
static int reader[FIFOS], writer[FIFOS];
static uint32_t reads;

static int open_one(int which, int flags)
{
	int fd = open(path[which], flags);

	VICTIM_CHECK(fd >= 0);
	return fd;
}

/* A reader that does not wait for a writer, and one that does. */
static void open_ends(int which)
{
	int first = open_one(which, O_RDONLY | O_NONBLOCK);

	writer[which] = open_one(which, O_WRONLY);
	reader[which] = open_one(which, O_RDONLY);
	close(first);
}

static void put(int fd, const char *text)
{
	VICTIM_CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static bool has(int fd, const char *text)
{
	char got[64] = "";

	return read(fd, got, sizeof(got) - 1) == (ssize_t)strlen(text) && strcmp(got, text) == 0;
}

static bool holds(int fd, int length)
{
	int bytes = -1;

	return ioctl(fd, FIONREAD, &bytes) == 0 && bytes == length;
}

static short told(int fd)
{
	struct pollfd seen = { .fd = fd, .events = POLLIN };

	return poll(&seen, 1, 0) < 0 ? -1 : seen.revents;
}

static void *in_read(void *unused)
{
	for (char byte = 0; byte != 'e';) {
		VICTIM_CHECK(read(reader[AWAITED], &byte, 1) == 1 && (byte == 'r' || byte == 'e'));
		__atomic_add_fetch(&reads, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static void build(void)
{
	VICTIM_CHECK(mkdtemp(folder) != NULL);
	for (int i = 0; i < FIFOS; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%d", folder, i);
		VICTIM_CHECK(mkfifo(path[i], 0600) == 0);
	}
	open_ends(STREAM);
	VICTIM_CHECK(fcntl(writer[STREAM], F_SETPIPE_SZ, CAPACITY) == CAPACITY);
	reader[BOTH] = open_one(BOTH, O_RDWR | O_CLOEXEC);
	open_ends(PACKETS);
	VICTIM_CHECK(fcntl(writer[PACKETS], F_SETFL, O_DIRECT) == 0);
	reader[UNTOUCHED] = open_one(UNTOUCHED, O_RDONLY | O_NONBLOCK);
	open_ends(ENDED);
	put(writer[ENDED], "last words");
	close(writer[ENDED]);
	open_ends(DEAF);
	close(reader[DEAF]);
	open_ends(AWAITED);
	reader[NAMED] = open_one(NAMED, O_PATH);
	open_ends(DELETED);
	VICTIM_CHECK(fchmod(reader[DELETED], 0640) == 0 && fchown(reader[DELETED], 5, 6) == 0);
	VICTIM_CHECK(unlink(path[DELETED]) == 0);
}

static void fill(void)
{
	put(writer[STREAM], "in a stream");
	put(reader[BOTH], "both");
	put(writer[PACKETS], "one");
	put(writer[PACKETS], "two");
	put(writer[DELETED], "of no name");
}

static void check(void)
{
	uint32_t before = __atomic_load_n(&reads, __ATOMIC_ACQUIRE);
	struct stat status;

	VICTIM_CHECK(has(reader[STREAM], "in a stream") && holds(reader[STREAM], 0));
	VICTIM_CHECK(fcntl(reader[STREAM], F_GETPIPE_SZ) == CAPACITY);
	VICTIM_CHECK(has(reader[BOTH], "both") && holds(reader[BOTH], 0));
	VICTIM_CHECK(fcntl(reader[BOTH], F_GETFD) == FD_CLOEXEC);
	VICTIM_CHECK(has(reader[PACKETS], "one") && has(reader[PACKETS], "two"));
	VICTIM_CHECK(told(reader[UNTOUCHED]) == 0 &&
		     fcntl(reader[UNTOUCHED], F_GETFL) & O_NONBLOCK);
	VICTIM_CHECK(told(reader[ENDED]) == (POLLIN | POLLHUP) && holds(reader[ENDED], 10));
	VICTIM_CHECK(told(writer[DEAF]) & POLLERR && write(writer[DEAF], "x", 1) < 0 &&
		     errno == EPIPE);
	VICTIM_CHECK(fstat(reader[NAMED], &status) == 0 && S_ISFIFO(status.st_mode));
	VICTIM_CHECK(has(reader[DELETED], "of no name") && told(reader[DELETED]) == 0);
	VICTIM_CHECK(fstat(reader[DELETED], &status) == 0 && status.st_nlink == 0 &&
		     status.st_mode == (S_IFIFO | 0640) && status.st_uid == 5 &&
		     status.st_gid == 6);
	put(writer[AWAITED], "r");
	VICTIM_CHECK(victim_counts(&reads, before + 1));
}

int main(void)
{
	pthread_t thread;

	victim_begin();
	signal(SIGPIPE, SIG_IGN);
	build();
	fill();
	pthread_create(&thread, NULL, in_read, NULL);
	victim_ready();
	while (victim_moved()) {
		check();
		fill();
	}
	put(writer[AWAITED], "e");
	pthread_join(thread, NULL);
	VICTIM_CHECK(has(reader[ENDED], "last words"));
	for (int i = 0; i < FIFOS; i++)
		unlink(path[i]);
	rmdir(folder);
	return victim_end();
}
