/* SPDX-License-Identifier: Apache-2.0 */
/* A connection over the loopback is taken out of the kernel, ends silently, and goes on from the state it was in. */
#include "os/inet_repair.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

#define ROOM 512

struct taken {
	struct os_inet inet;
	struct os_inet_stream stream;
	uint8_t received[ROOM], sent[ROOM];
	size_t received_length, sent_length;
};

static int on_bytes(void *ctx, bool sending, const uint8_t *bytes, size_t length)
{
	struct taken *taken = ctx;
	size_t *at = sending ? &taken->sent_length : &taken->received_length;

	CHECK(*at + length <= ROOM);
	memcpy((sending ? taken->sent : taken->received) + *at, bytes, length);
	*at += length;
	return 0;
}

static void await_input(int fd)
{
	CHECK_EQ(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000), 1);
}

static void make(int pair[2])
{
	const struct os_inet_end any = { .address = address_v4((const uint8_t[]){ 127, 0, 0, 1 }) };
	const struct os_inet_kind kind = { .uid = geteuid(), .gid = getegid() };
	int listener = os_inet_new(&kind);
	struct os_inet inet;

	CHECK_EQ(os_inet_bind(listener, false, &any), 0);
	CHECK_EQ(os_inet_listen(listener, 1), 0);
	CHECK_EQ(os_inet_look(listener, &inet), 0);
	pair[0] = os_inet_new(&kind);
	CHECK_EQ(os_inet_connect(pair[0], false, &inet.own), 0);
	pair[1] = accept(listener, NULL, NULL);
	CHECK(pair[1] >= 0);
	close(listener);
}

static struct taken take(int fd)
{
	struct taken taken = { 0 };

	CHECK_EQ(os_inet_look(fd, &taken.inet), 0);
	CHECK_EQ(os_inet_repair_look(fd, &taken.stream, on_bytes, &taken), 0);
	return taken;
}

static int make_anew(const struct taken *taken, const struct taken *other)
{
	int fd = os_inet_new(&taken->inet.kind);
	const struct os_inet_made made = {
		.own = taken->inet.own,
		.peer = taken->inet.peer,
		.sent = other->stream.received,
		.received = taken->stream.received - (uint32_t)taken->received_length,
		.stream = &taken->stream,
	};

	CHECK_EQ(os_inet_repair_make(fd, &made), 0);
	CHECK_EQ(os_inet_repair_fill(fd, false, taken->received, taken->received_length), 0);
	CHECK_EQ(os_inet_repair_window(fd, taken->stream.window), 0);
	return fd;
}

static bool has(int fd, const char *text)
{
	char got[64] = "";

	return recv(fd, got, strlen(text), MSG_WAITALL) == (ssize_t)strlen(text) &&
	       strcmp(got, text) == 0;
}

static void test_goes_on(void)
{
	struct taken taken[2];
	int pair[2], on = 1;
	socklen_t bytes = sizeof(on);

	make(pair);
	CHECK_EQ(setsockopt(pair[1], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	CHECK(send(pair[0], "there", 5, 0) == 5 && send(pair[1], "and back", 8, 0) == 8);
	await_input(pair[0]);
	await_input(pair[1]);
	/* Looked at, it is as it was. */
	for (int end = 0; end < 2; end++)
		taken[end] = take(pair[end]);
	CHECK(getsockopt(pair[1], SOL_SOCKET, SO_REUSEADDR, &on, &bytes) == 0 && on == 1);
	CHECK(getsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &on, &bytes) == 0 && on == 0);
	CHECK(taken[0].received_length == 8 && memcmp(taken[0].received, "and back", 8) == 0);
	CHECK(taken[1].received_length == 5 && memcmp(taken[1].received, "there", 5) == 0);
	CHECK_EQ(taken[0].stream.sent, taken[1].stream.received);
	CHECK_EQ(taken[1].stream.sent, taken[0].stream.received);
	for (int end = 0; end < 2; end++) {
		CHECK_EQ(os_inet_repair_silence(pair[end]), 0);
		close(pair[end]);
	}
	for (int end = 0; end < 2; end++)
		pair[end] = make_anew(&taken[end], &taken[!end]);
	for (int end = 0; end < 2; end++) {
		CHECK_EQ(os_inet_repair_leave(pair[end], end, false), 0);
		CHECK_EQ(os_inet_repair_finish(pair[end], &taken[end].stream), 0);
	}
	CHECK_EQ(os_inet_repair_send(pair[0], (const uint8_t *)" more", 5), 0);
	CHECK(has(pair[0], "and back") && has(pair[1], "there more"));
	shutdown(pair[1], SHUT_WR);
	CHECK(recv(pair[0], &on, 1, 0) == 0);
	close(pair[0]);
	close(pair[1]);
}

static void test_ends(void)
{
	int pair[2];

	make(pair);
	CHECK_EQ(take(pair[0]).stream.ends, 0);
	uint32_t before = take(pair[0]).stream.sent;

	CHECK_EQ(shutdown(pair[0], SHUT_WR), 0);
	await_input(pair[1]);
	CHECK_EQ(take(pair[0]).stream.ends, OS_INET_SENT_END);
	CHECK_EQ(take(pair[1]).stream.ends, OS_INET_GOT_END);
	/* Which is not counted. */
	CHECK_EQ(take(pair[0]).stream.sent, before);
	CHECK_EQ(take(pair[1]).stream.received, before);
	CHECK_EQ(shutdown(pair[0], SHUT_RD), 0);
	CHECK_EQ(take(pair[0]).stream.ends, OS_INET_SENT_END | OS_INET_READS_END);
	close(pair[0]);
	close(pair[1]);
}

/* Of a connection of which the other end is gone, and which hears nothing of that but its end. */
static void test_gets_end(void)
{
	int pair[2], error;
	socklen_t bytes = sizeof(error);

	make(pair);
	CHECK_EQ(send(pair[1], "last", 4, 0), 4);
	await_input(pair[0]);
	struct taken taken = take(pair[0]), other = take(pair[1]);

	for (int end = 0; end < 2; end++) {
		CHECK_EQ(os_inet_repair_silence(pair[end]), 0);
		close(pair[end]);
	}
	int fd = make_anew(&taken, &other);
	const struct os_inet_made made = {
		.own = taken.inet.own,
		.peer = taken.inet.peer,
		.sent = taken.stream.sent,
		.received = taken.stream.received,
		.stream = &taken.stream,
	};

	CHECK_EQ(os_inet_repair_get_end(fd, &made, true), 0);
	CHECK_EQ(os_inet_repair_leave(fd, false, false), 0);
	CHECK(has(fd, "last") && recv(fd, &error, 1, 0) == 0);
	CHECK_EQ(take(fd).stream.ends, OS_INET_GOT_END);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && !error);
	close(fd);
}

static void try_over(int error)
{
	int pair[2], on = 1;
	struct taken over = { 0 };

	make(pair);
	CHECK_EQ(send(pair[1], "last", 4, 0), 4);
	await_input(pair[0]);
	const struct taken taken = take(pair[0]);
	const struct os_inet_made made = { .own = taken.inet.own,
					   .peer = taken.inet.peer,
					   .sent = taken.stream.sent,
					   .received = taken.stream.received,
					   .stream = &taken.stream };

	CHECK_EQ(os_inet_repair_end(pair[0], &made, error), 0);
	CHECK_EQ(os_inet_look(pair[0], &over.inet), 0);
	CHECK(over.inet.state == OS_INET_OVER && over.inet.has_error == !!error);
	CHECK_EQ(os_inet_repair_look_over(pair[0], &over.stream, on_bytes, &over), 0);
	CHECK(over.received_length == 4 && memcmp(over.received, "last", 4) == 0);
	CHECK(has(pair[0], "last"));
	/* When all has been read, it is known which of the two it is. */
	CHECK(os_inet_look(pair[0], &over.inet) == 0 && over.inet.error == error);
	CHECK(send(pair[1], &on, 1, MSG_NOSIGNAL) ==
	      1); /* the other end knows nothing of that yet */
	close(pair[0]);
	close(pair[1]);
}

static void test_over(void)
{
	try_over(0);
	try_over(ECONNRESET);
	try_over(EPIPE);
}

/* A filter of the socket lets no packet come, as the packet filter of a machine may do. */
static void refuse_packets(int fd)
{
	struct sock_filter none = { BPF_RET | BPF_K, 0, 0, 0 };
	const struct sock_fprog program = { 1, &none };

	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

static void test_over_unheard(void)
{
	for (int error = 0; error <= ECONNRESET; error += ECONNRESET) {
		int pair[2];
		uint8_t byte;
		struct taken over = { 0 };

		make(pair);
		const struct taken taken = take(pair[0]);
		const struct os_inet_made made = { .own = taken.inet.own,
						   .peer = taken.inet.peer,
						   .sent = taken.stream.sent,
						   .received = taken.stream.received,
						   .stream = &taken.stream };

		CHECK_EQ(os_inet_repair_silence(pair[0]), 0);
		refuse_packets(pair[0]);
		CHECK_EQ(os_inet_repair_end(pair[0], &made, error), error ? -ETIMEDOUT : 0);
		if (error)
			os_inet_repair_give_up(pair[0]);
		else
			CHECK_EQ(os_inet_repair_leave(pair[0], false, false), 0);
		CHECK_EQ(recv(pair[0], &byte, 1, 0), 0);
		CHECK(send(pair[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
		CHECK_EQ(os_inet_look(pair[0], &over.inet), 0);
		CHECK(error || (over.inet.state == OS_INET_OVER && !over.inet.has_error &&
				over.inet.peer.port == made.peer.port));
		close(pair[0]);
		close(pair[1]);
	}
}

static void test_urgent(void)
{
	struct os_inet_stream stream;
	struct taken unused = { 0 };
	int pair[2];

	make(pair);
	CHECK_EQ(send(pair[0], "u", 1, MSG_OOB), 1);
	CHECK_EQ(poll(&(struct pollfd){ .fd = pair[1], .events = POLLPRI }, 1, 5000), 1);
	CHECK_EQ(os_inet_repair_look(pair[1], &stream, on_bytes, &unused), -EUCLEAN);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	if (geteuid()) {
		puts("ok - # skip only root may set these options");
		return 77;
	}
	TEST(test_goes_on);
	TEST(test_ends);
	TEST(test_gets_end);
	TEST(test_over);
	TEST(test_over_unheard);
	TEST(test_urgent);
	return test_end();
}
