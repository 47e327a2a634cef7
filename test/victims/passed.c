/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that wait in Unix sockets of all types (SCM_RIGHTS), with their message or their byte of a stream; also
 * in sockets of datagrams that have a name, with a listening socket, and with one end of a pipe. A socket that has
 * itself in it is none of them: until the kernel has found the circle, its name is taken where the process comes from.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "victims/victim.h"

#define TYPES 4
#define NAMED 3 /* the last pair is */

static const int types[TYPES] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_DGRAM };
static int pair[TYPES][2], early, late, pipes[2], file, looped, listener, half;

/* None of the descriptors: -1. */
static void put(int fd, const char *text, int first, int second)
{
	int passed[2] = { first, second };
	size_t bytes = (size_t)((first >= 0) + (second >= 0)) * sizeof(int);
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(passed))];
	} control = { .head = { CMSG_LEN(bytes), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec io = { (void *)text, strlen(text) };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = bytes ? &control : NULL,
				  .msg_controllen = bytes ? CMSG_SPACE(bytes) : 0 };

	memcpy(CMSG_DATA(&control.head), passed, bytes);
	VICTIM_CHECK(sendmsg(fd, &message, MSG_DONTWAIT) == (ssize_t)strlen(text));
}

/* How many descriptors came with that text. */
static int get(int fd, const char *text, int passed[2])
{
	char bytes[16], control[CMSG_SPACE(2 * sizeof(int))];
	struct iovec io = { bytes, strlen(text) };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };

	VICTIM_CHECK(recvmsg(fd, &message, MSG_DONTWAIT) == (ssize_t)strlen(text) &&
		     memcmp(bytes, text, strlen(text)) == 0);
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	if (!head)
		return 0;
	VICTIM_CHECK(head->cmsg_type == SCM_RIGHTS && !(message.msg_flags & MSG_CTRUNC));
	size_t length = head->cmsg_len - CMSG_LEN(0);

	memcpy(passed, CMSG_DATA(head), length);
	return (int)(length / sizeof(int));
}

static void fill(int fd)
{
	put(fd, "abc", -1, -1);
	put(fd, "d", early, late);
	put(fd, "efgh", -1, -1);
	put(fd, "ij", pipes[1], -1);
	put(fd, "k", file, -1);
	int alone = eventfd(5, 0), ends[2];

	/* Nothing but the queue has these open. */
	VICTIM_CHECK(alone >= 0 && pipe(ends) == 0 && write(ends[1], "q", 1) == 1);
	put(fd, "lm", alone, ends[0]);
	close(alone);
	close(ends[0]);
	close(ends[1]);
}

/* The counter that one adds to is that of the other. */
static void check_counter(int own, int passed)
{
	uint64_t one = 1, all = 0;

	VICTIM_CHECK(write(passed, &one, sizeof(one)) == sizeof(one));
	VICTIM_CHECK(read(own, &all, sizeof(all)) == sizeof(all) && all == 1);
	close(passed);
}

static void check(int fd)
{
	int passed[2];
	char byte;

	VICTIM_CHECK(get(fd, "abc", passed) == 0);
	VICTIM_CHECK(get(fd, "d", passed) == 2);
	check_counter(early, passed[0]);
	check_counter(late, passed[1]);
	VICTIM_CHECK(get(fd, "efgh", passed) == 0);
	VICTIM_CHECK(get(fd, "ij", passed) == 1);
	VICTIM_CHECK(write(passed[0], "p", 1) == 1 && read(pipes[0], &byte, 1) == 1 && byte == 'p');
	close(passed[0]);
	VICTIM_CHECK(get(fd, "k", passed) == 1);
	VICTIM_CHECK(lseek(passed[0], 1, SEEK_CUR) == lseek(file, 0, SEEK_CUR));
	close(passed[0]);
	uint64_t all = 0;

	VICTIM_CHECK(get(fd, "lm", passed) == 2);
	VICTIM_CHECK(read(passed[0], &all, sizeof(all)) == sizeof(all) && all == 5);
	VICTIM_CHECK(read(passed[1], &byte, 1) == 1 && byte == 'q' &&
		     read(passed[1], &byte, 1) == 0);
	close(passed[0]);
	close(passed[1]);
	VICTIM_CHECK(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

static void bind_to_any(int fd)
{
	const struct sockaddr_un name = { .sun_family = AF_UNIX };

	VICTIM_CHECK(bind(fd, (const struct sockaddr *)&name, sizeof(sa_family_t)) == 0);
}

/* Of a pipe the process has the other end. */
static void fill_half(void)
{
	int ends[2];

	VICTIM_CHECK(pipe(ends) == 0);
	half = ends[0];
	put(looped, "half", ends[1], -1);
	close(ends[1]);
}

/* Connected to itself. */
static void fill_looped(void)
{
	struct sockaddr_un name;
	socklen_t bytes = sizeof(name);

	looped = socket(AF_UNIX, SOCK_DGRAM, 0);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	bind_to_any(looped);
	bind_to_any(listener);
	VICTIM_CHECK(listen(listener, 5) == 0 &&
		     getsockname(looped, (struct sockaddr *)&name, &bytes) == 0 &&
		     connect(looped, (struct sockaddr *)&name, bytes) == 0);
	put(looped, "loop", early, listener);
	fill_half();
}

static void check_half(void)
{
	int passed[2];
	char byte;

	VICTIM_CHECK(get(looped, "half", passed) == 1);
	VICTIM_CHECK(write(passed[0], "w", 1) == 1 && read(half, &byte, 1) == 1);
	close(passed[0]);
	VICTIM_CHECK(read(half, &byte, 1) == 0);
	close(half);
}

static void check_looped(void)
{
	int passed[2], value = 0;
	socklen_t bytes = sizeof(value);
	char text[8] = "";

	VICTIM_CHECK(get(looped, "loop", passed) == 2);
	check_half();
	check_counter(early, passed[0]);
	VICTIM_CHECK(send(looped, "self", 4, 0) == 4 &&
		     recv(looped, text, sizeof(text), MSG_DONTWAIT) == 4);
	VICTIM_CHECK(getsockopt(passed[1], SOL_SOCKET, SO_ACCEPTCONN, &value, &bytes) == 0 &&
		     value == 1);
	close(passed[1]);
	put(looped, "loop", early, listener);
	fill_half();
}

int main(void)
{
	victim_begin();
	early = eventfd(0, 0);
	for (int i = 0; i < TYPES; i++)
		VICTIM_CHECK(socketpair(AF_UNIX, types[i], 0, pair[i]) == 0);
	bind_to_any(pair[NAMED][0]);
	bind_to_any(pair[NAMED][1]);
	late = eventfd(0, EFD_NONBLOCK);
	file = open("/proc/self/exe", O_RDONLY);
	VICTIM_CHECK(early >= 0 && late >= 0 && file >= 0 && pipe(pipes) == 0);
	for (int i = 0; i < TYPES; i++)
		fill(pair[i][0]);
	fill_looped();
	victim_ready();
	while (victim_moved()) {
		for (int i = 0; i < TYPES; i++) {
			check(pair[i][1]);
			fill(pair[i][0]);
		}
		check_looped();
	}
	return victim_end();
}
