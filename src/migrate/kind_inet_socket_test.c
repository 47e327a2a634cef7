/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of this very process, read as those of another one, and made anew beside them. */
#include "migrate/kind.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "migrate/restore_test.h"

static struct refusal why;
static struct description one;

static struct descriptions none;

static int find(int fd)
{
	const struct kind_seen seen = {
		.pid = getpid(), .number = fd, .link = "socket:[1]", .socket = fd, .info = ""
	};

	why = REFUSAL_NONE;
	contents_free(&one.contents);
	one = (struct description){ .image = { .id = 1,
					       .kind = IMAGE_DESCRIPTION_INET_SOCKET,
					       .flags = O_RDWR | O_NONBLOCK },
				    .pid = getpid(),
				    .number = fd };
	return kind_inet_socket.find(&seen, &one.image, &why);
}

static int write_one(void)
{
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = &none };

	return kind_inet_socket.write(&frozen, &one, &why);
}

static bool is_taken(int fd)
{
	return find(fd) == 1 && kind_inet_socket.check(getpid(), NULL, &one, &why) == 0 &&
	       write_one() == 0 && kind_inet_socket.read(&one.image, NULL, NULL, true) &&
	       kind_inet_socket.whole(&one, NULL, NULL);
}

static struct sockaddr_in bind_any(int fd, uint32_t address)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	socklen_t bytes = sizeof(name);

	CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&name, &bytes), 0);
	return name;
}

static void test_carried(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	struct sockaddr_in name = bind_any(fd, INADDR_LOOPBACK), copied;
	socklen_t bytes = sizeof(copied);

	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0); /* to itself */
	CHECK_OR_RETURN(is_taken(fd));
	CHECK(is_refusal(kind_inet_socket.fits(&one.image, &why), &why, EDVSPROCSTS,
			 "is in use on the target"));
	close(fd);
	CHECK_EQ(kind_inet_socket.fits(&one.image, &why), 0);
	int copy = kind_inet_socket.open(NULL, &one, &why);

	CHECK_OR_RETURN(copy >= 0);
	CHECK_EQ(fcntl(copy, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_EQ(getpeername(copy, (struct sockaddr *)&copied, &bytes), 0);
	CHECK(copied.sin_port == name.sin_port && copied.sin_addr.s_addr == name.sin_addr.s_addr);
	CHECK(send(copy, "x", 1, 0) == 1 && recv(copy, &on, 1, 0) == 1);
	on = 0;
	bytes = sizeof(on);
	CHECK(getsockopt(copy, SOL_SOCKET, SO_BROADCAST, &on, &bytes) == 0 && on == 1);
	close(copy);
}

/* One that nobody has received comes when the move is decided. */
static void test_queue(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in name = bind_any(fd, INADDR_LOOPBACK), from;
	socklen_t bytes = sizeof(from);
	char byte = 0;

	CHECK_EQ(sendto(fd, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)), 1);
	CHECK_OR_RETURN(is_taken(fd));
	close(fd);
	one.pid = getpid();
	one.number = kind_inet_socket.open(NULL, &one, &why);
	CHECK_OR_RETURN(one.number >= 0);
	CHECK(recv(one.number, &byte, 1, MSG_DONTWAIT) < 0);
	kind_inet_socket.resume(&none, &one);
	CHECK_EQ(recvfrom(one.number, &byte, 1, 0, (struct sockaddr *)&from, &bytes), 1);
	CHECK(byte == 'x' && from.sin_port == name.sin_port);
	close(one.number);
}

/* It listens when all are bound, and the process has it. */
static void test_listens(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct tcp_info info;
	socklen_t bytes = sizeof(info);

	bind_any(fd, INADDR_ANY);
	CHECK_EQ(listen(fd, 9), 0);
	CHECK_OR_RETURN(is_taken(fd));
	CHECK(strstr(kind_inet_socket.label(&one.image, NULL), "listening"));
	close(fd);
	restore_begin();
	restore->pid = getpid();
	one.number = kind_inet_socket.open(restore, &one, &why);
	CHECK_OR_RETURN(one.number >= 0);
	CHECK_EQ(kind_inet_socket.join(restore, &one, &why), 0);
	CHECK_EQ(getsockopt(one.number, IPPROTO_TCP, TCP_INFO, &info, &bytes), 0);
	CHECK(info.tcpi_state == TCP_LISTEN && info.tcpi_sacked == 9);
	close(one.number);
	restore_end();
}

static void test_refused(void)
{
	struct sockaddr_in name;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK_EQ(find(unix_socket), 0);
	CHECK_EQ(find(-1), 0);
	close(unix_socket);
	name = bind_any(fd, INADDR_LOOPBACK);
	CHECK_EQ(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	CHECK_EQ(send(fd, "x", 1, MSG_MORE), 1);
	CHECK_EQ(find(fd), 1);
	CHECK(is_refusal(write_one(), &why, EDVSPROCSTS, "has not left"));
	close(fd);
}

/* An address and an interface that are not here, as an offer tells them. */
static void test_fits(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };

	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)), 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	CHECK(is_taken(fd));
	close(fd);
	CHECK_EQ(kind_inet_socket.fits(&one.image, &why), 0);
	one.image.body[42] &= (uint8_t)~64u; /* the flag for that */
	CHECK(is_refusal(kind_inet_socket.fits(&one.image, &why), &why, EDVSPROCSTS,
			 "192.0.2.1, which the target does not have"));
	memcpy(one.image.body + 16, "nowhere", 8);
	why = REFUSAL_NONE;
	CHECK(is_refusal(kind_inet_socket.fits(&one.image, &why), &why, EDVSPROCSTS,
			 "the interface nowhere"));
}

/* The source is not at that address either. */
static void test_nowhere(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };
	socklen_t bytes = sizeof(name);

	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)), 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	on = 0;
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)), 0);
	why = REFUSAL_NONE;
	CHECK(is_taken(fd));
	close(fd);
	CHECK_EQ(kind_inet_socket.fits(&one.image, &why), 0);
	restore_begin();
	restore->pid = getpid();
	one.number = kind_inet_socket.open(restore, &one, &why);
	CHECK_OR_RETURN(one.number >= 0);
	CHECK_EQ(kind_inet_socket.join(restore, &one, &why), 0);
	memset(&name, 0, sizeof(name));
	CHECK(getsockname(one.number, (struct sockaddr *)&name, &bytes) == 0 &&
	      ntohl(name.sin_addr.s_addr) == 0xc0000201);
	bytes = sizeof(on);
	CHECK(getsockopt(one.number, IPPROTO_IP, IP_FREEBIND, &on, &bytes) == 0 && !on);
	CHECK(getsockopt(one.number, IPPROTO_IP, IP_TRANSPARENT, &on, &bytes) == 0 && !on);
	close(one.number);
	restore_end();
}

/* From outside. */
static void test_bad(void)
{
	const uint32_t option[] = { 1, 4, 7 }; /* a head, and one number */
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	CHECK_OR_RETURN(is_taken(fd));
	close(fd);
	one.image.body[43] = 1; /* a flag that there is not */
	CHECK(!kind_inet_socket.read(&one.image, NULL, NULL, true));
	one.image.body[43] = 0;
	one.image.body[42] |= 2 | 4; /* a UDP socket that listens */
	CHECK(!kind_inet_socket.read(&one.image, NULL, NULL, true));
	one.image.body[42] &= (uint8_t) ~(2u | 4u);
	memset(one.image.body + 16, 'x', 16); /* a name without an end */
	CHECK(!kind_inet_socket.read(&one.image, NULL, NULL, true));
	memset(one.image.body + 16, 0, 16);
	CHECK(kind_inet_socket.read(&one.image, NULL, NULL, true));
	CHECK_EQ(contents_append(&one.contents, option, 7), 0); /* no whole head */
	CHECK(!kind_inet_socket.whole(&one, NULL, NULL));
	contents_free(&one.contents);
	CHECK(!kind_inet_socket.whole(&one, NULL, NULL)); /* nothing */
}

int main(void)
{
	TEST(test_carried);
	TEST(test_queue);
	TEST(test_listens);
	TEST(test_refused);
	TEST(test_fits);
	TEST(test_nowhere);
	TEST(test_bad);
	contents_free(&one.contents);
	return test_end();
}
