/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers that only a signal can cut short, and no signal comes: each of them is whole. */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "victims/victim.h"

#define BYTES (8u << 20)

static volatile bool over;
static volatile int cut;
static int from, to;

static void *draw(void *bytes)
{
	while (!over) {
		if (getrandom(bytes, BYTES, 0) != BYTES)
			cut++;
	}
	return NULL;
}

static void *copy(void *unused)
{
	(void)unused;
	while (!over) {
		off_t offset = 0;

		lseek(to, 0, SEEK_SET);
		if (sendfile(to, from, &offset, BYTES) != BYTES || offset != BYTES)
			cut++;
	}
	return NULL;
}

/* ---- streams, whose readers are slower, and stand as well ---- */

#define SENT (1u << 20)

#define STREAMS 4 /* of TCP and of Unix sockets; the last two are read by calls that wait for all */

static struct stream {
	int reader, writer;
	pthread_t reads, writes;
} streams[STREAMS];

static void *take(void *argument)
{
	const struct stream *stream = argument;
	static char bytes[2][16384];

	while (recv(stream->reader, bytes[stream - streams], sizeof(bytes[0]), 0) > 0)
		if (!over)
			victim_nap();
	return NULL;
}

/* No byte is sent but by calls of that many, and none of these is left in the middle. */
static void *take_all(void *argument)
{
	static char bytes[2][SENT];
	const struct stream *stream = argument;
	char *place = bytes[stream - streams - 2];
	struct iovec half[2] = { { place, SENT / 4 }, { place + SENT / 4, SENT - SENT / 4 } };
	struct msghdr head = { .msg_iov = half, .msg_iovlen = 2 };

	for (bool odd = false;; odd = !odd) {
		ssize_t got = odd ? recv(stream->reader, place, SENT, MSG_WAITALL)
				  : recvmsg(stream->reader, &head, MSG_WAITALL);

		if (got == 0)
			return NULL;
		if (got != SENT)
			cut++;
	}
}

static void *give(void *argument)
{
	static const char bytes[SENT];
	const struct stream *stream = argument;

	while (!over) {
		if (send(stream->writer, bytes, SENT, MSG_NOSIGNAL) != SENT)
			cut++;
		if (write(stream->writer, bytes, SENT) != SENT)
			cut++;
	}
	shutdown(stream->writer, SHUT_WR);
	return NULL;
}

static void begin_streams(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM, 0), pair[2];

	VICTIM_CHECK(bind(listener, (struct sockaddr *)&name, length) == 0);
	VICTIM_CHECK(listen(listener, 1) == 0);
	VICTIM_CHECK(getsockname(listener, (struct sockaddr *)&name, &length) == 0);
	for (int i = 0; i < STREAMS; i += 2) {
		streams[i].writer = socket(AF_INET, SOCK_STREAM, 0);
		VICTIM_CHECK(connect(streams[i].writer, (struct sockaddr *)&name, length) == 0);
		streams[i].reader = accept(listener, NULL, NULL);
		VICTIM_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
		streams[i + 1].reader = pair[0];
		streams[i + 1].writer = pair[1];
	}
	close(listener);
	for (int i = 0; i < STREAMS; i++) {
		pthread_create(&streams[i].reads, NULL, i < 2 ? take : take_all, &streams[i]);
		pthread_create(&streams[i].writes, NULL, give, &streams[i]);
	}
}

static void end_streams(void)
{
	for (int i = 0; i < STREAMS; i++) {
		pthread_join(streams[i].writes, NULL);
		pthread_join(streams[i].reads, NULL);
	}
}

int main(void)
{
	static char bytes[BYTES];
	char path[2][40] = { "/tmp/dvs-victim-transfers-XXXXXX",
			     "/tmp/dvs-victim-transfers-XXXXXX" };
	pthread_t thread[2];

	victim_begin();
	from = mkstemp(path[0]);
	to = mkstemp(path[1]);
	VICTIM_CHECK(from >= 0 && to >= 0 && ftruncate(from, BYTES) == 0);
	VICTIM_CHECK(sendfile(to, from, &(off_t){ 0 }, BYTES) == BYTES);
	pthread_create(&thread[0], NULL, draw, bytes);
	pthread_create(&thread[1], NULL, copy, NULL);
	begin_streams();
	victim_ready();
	while (victim_moved())
		victim_nap();
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	end_streams();
	for (int i = 0; i < 2; i++)
		unlink(path[i]);
	VICTIM_CHECK(!cut);
	return victim_end();
}
