/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of this very process. */
#include "os/socket_room.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/test.h"

#define BUF_LOCK 72

static char bytes[1 << 20];

static int option(int fd, int number)
{
	int value = -1;
	socklen_t length = sizeof(value);

	getsockopt(fd, SOL_SOCKET, number, &value, &length);
	return value;
}

static void fill(int fd)
{
	while (send(fd, bytes, 4096, MSG_DONTWAIT) > 0)
		continue;
	CHECK_EQ(errno, EAGAIN);
}

static void test_sending(void)
{
	struct os_socket_room before;
	int fd[2], size;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	size = option(fd[0], SO_SNDBUF);
	fill(fd[0]);
	CHECK_EQ(os_socket_room_widen(fd[0], true, 4 * sizeof(bytes), &before), 0);
	CHECK_EQ(send(fd[0], bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
	CHECK_EQ(os_socket_room_narrow(fd[0], &before), 0);
	CHECK_EQ(option(fd[0], SO_SNDBUF), size);
	CHECK_EQ(option(fd[0], BUF_LOCK), 0); /* nobody has chosen it */
	CHECK_EQ(os_socket_room_widen(fd[0], true, UINT32_MAX, &before), -EMSGSIZE);
	CHECK_EQ(option(fd[0], SO_SNDBUF), size);
	close(fd[0]);
	close(fd[1]);
}

static void test_receiving(void)
{
	struct os_socket_room before;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), wanted = 8192;

	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted)), 0);
	int size = option(fd, SO_RCVBUF), chosen = option(fd, BUF_LOCK);

	CHECK_EQ(os_socket_room_widen(fd, false, 1 << 20, &before), 0);
	CHECK(option(fd, SO_RCVBUF) >= 1 << 20);
	CHECK_EQ(os_socket_room_narrow(fd, &before), 0);
	CHECK_EQ(option(fd, SO_RCVBUF), size);
	CHECK_EQ(option(fd, BUF_LOCK), chosen);
	close(fd);
}

static void test_awaited(void)
{
	const struct timeval limit = { .tv_sec = 1 };
	int fd[2], datagram = socket(AF_INET, SOCK_DGRAM, 0);
	int other = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	CHECK(os_socket_room_is_awaited(fd[0]));
	CHECK(!os_socket_room_is_awaited(datagram));
	CHECK(!os_socket_room_is_awaited(other));
	CHECK(!os_socket_room_is_awaited(STDIN_FILENO));
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	CHECK(!os_socket_room_is_awaited(fd[0]));
	close(fd[0]);
	close(fd[1]);
	close(datagram);
	close(other);
}

int main(void)
{
	TEST(test_sending);
	TEST(test_receiving);
	TEST(test_awaited);
	return test_end();
}
