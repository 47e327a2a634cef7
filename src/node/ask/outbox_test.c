/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/outbox.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/test.h"
#include "os/loop.h"
#include "os/socket.h"

#define ROWS 5000

static struct os_loop *loop;
static int fd[2]; /* daemon, client */
static struct outbox *box;
static int sent;

static int send_row(int number)
{
	uint8_t filler[300] = { 0 };
	struct iovec parts[2] = { { &number, sizeof(number) }, { filler, sizeof(filler) } };
	int r = box ? -EAGAIN : os_packet_sendv(fd[0], parts, 2, NULL, 0);

	return r == -EAGAIN ? outbox_add(&box, loop, fd[0], parts, 2) : r;
}

static void on_read(void *ctx, int client, int events)
{
	static int next;
	uint8_t packet[512];
	ssize_t n = os_packet_recv(client, packet, sizeof(packet), NULL, NULL);
	int number;

	(void)ctx, (void)events;
	if (n == -EAGAIN)
		return;
	if (n < (ssize_t)sizeof(number)) {
		os_loop_stop(loop);
		return;
	}
	memcpy(&number, packet, sizeof(number));
	CHECK_EQ(number, next);
	next++;
	sent = next;
}

static void set_up(void)
{
	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	CHECK_EQ(os_unix_pair(OS_PACKET, fd), 0);
	os_set_nonblock(fd[0], 1);
	os_set_nonblock(fd[1], 1);
	box = NULL;
}

/* Many more rows than the socket holds: all of them arrive, in order, and the connection is closed then. */
static void test_all_rows_in_order(void)
{
	struct os_source *source;

	set_up();
	for (int i = 0; i < ROWS; i++)
		CHECK_EQ(send_row(i), 0);
	CHECK_OR_RETURN(box);
	outbox_finish(box);
	CHECK_EQ(os_source_io(loop, fd[1], OS_READ, on_read, NULL, &source), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(sent, ROWS);
	os_source_free(source);
	os_close(fd[1]);
	os_loop_free(loop);
}

/* A client that reads nothing makes the daemon keep a bounded amount. */
static void test_bounded(void)
{
	int r = 0;

	set_up();
	for (int i = 0; !r && i < (int)(OUTBOX_BYTES_MAX / 100); i++)
		r = send_row(i);
	CHECK_EQ(r, -ENOBUFS);
	box = outbox_drop(box);
	os_close(fd[0]);
	os_close(fd[1]);
	os_loop_free(loop);
}

/* A client that goes away while packets wait: nothing of them is left. */
static void test_client_gone(void)
{
	set_up();
	for (int i = 0; i < ROWS; i++)
		CHECK_EQ(send_row(i), 0);
	os_close(fd[1]);
	CHECK_OR_RETURN(box);
	box = outbox_drop(box);
	CHECK(!box);
	os_close(fd[0]);
	os_loop_free(loop);
}

int main(void)
{
	TEST(test_all_rows_in_order);
	TEST(test_bounded);
	TEST(test_client_gone);
	return test_end();
}
