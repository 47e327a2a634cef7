/* SPDX-License-Identifier: Apache-2.0 */
#include "os/unix_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/test.h"

static void make(int pair[2])
{
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_both(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void test_type(void)
{
	int pair[2], packets[2], bound = socket(AF_UNIX, SOCK_STREAM, 0),
				 tcp = socket(AF_INET, SOCK_STREAM, 0);
	const struct sockaddr_un name = { .sun_family = AF_UNIX };

	make(pair);
	CHECK(os_unix_pair_type(pair[0]) == OS_UNIX_STREAM &&
	      os_unix_pair_type(pair[1]) == OS_UNIX_STREAM);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets), 0);
	CHECK(os_unix_pair_type(packets[0]) == OS_UNIX_SEQPACKET && !os_unix_pair_type(bound) &&
	      !os_unix_pair_type(tcp) && !os_unix_pair_type(-1));
	/* One that the kernel gives an abstract name. */
	CHECK_EQ(bind(pair[0], (const struct sockaddr *)&name, sizeof(sa_family_t)), 0);
	CHECK(!os_unix_pair_type(pair[0]) && !os_unix_pair_type(pair[1]));
	close_both(pair);
	close_both(packets);
	close(bound);
	close(tcp);
}

/* Asked with room for n bytes the kernel gives n instructions of a filter, which are 8 bytes each. */
static void test_filter(void)
{
	static struct sock_filter code[250];
	const struct sock_fprog program = { 250, code };
	struct os_unix_pair end;
	int pair[2];

	for (int i = 0; i < 250; i++)
		code[i] = (struct sock_filter){ BPF_RET | BPF_K, 0, 0, 1 };
	make(pair);
	CHECK_EQ(setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	CHECK_EQ(os_unix_pair_look(pair[0], &end), 0);
	CHECK_EQ(end.option, SO_ATTACH_FILTER);
	close_both(pair);
}

static void test_look(void)
{
	struct os_unix_pair end;
	int pair[2], on = 1;

	make(pair);
	CHECK_EQ(os_unix_pair_look(pair[0], &end), 0);
	CHECK(end.pid == getpid() && end.uid == geteuid() && end.gid == getegid());
	CHECK(!end.reads_end && !end.writes_end && !end.has_error && !end.option);
	CHECK_EQ(os_unix_pair_set_sizes(pair[0], 100000, 200000), 0);
	CHECK_EQ(os_unix_pair_look(pair[0], &end), 0);
	CHECK(end.send_bytes == 100000 && end.receive_bytes == 200000 && !end.option);
	CHECK_EQ(os_unix_pair_end(pair[0], false, true), 0);
	CHECK_EQ(os_unix_pair_look(pair[0], &end), 0);
	CHECK(!end.reads_end && end.writes_end);
	CHECK_EQ(os_unix_pair_look(pair[1], &end), 0);
	CHECK(end.reads_end && !end.writes_end);
	CHECK_EQ(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	CHECK_EQ(os_unix_pair_look(pair[1], &end), 0);
	CHECK(!end.option && end.options == 8);
	CHECK_EQ(setsockopt(pair[1], SOL_SOCKET, SO_PRIORITY, &on, sizeof(on)), 0);
	CHECK_EQ(os_unix_pair_look(pair[1], &end), 0);
	CHECK_EQ(end.option, SO_PRIORITY);
	CHECK_EQ(send(pair[1], "x", 1, 0), 1);
	close(pair[0]); /* with something that nobody has read */
	CHECK_EQ(os_unix_pair_look(pair[1], &end), 0);
	CHECK(end.has_error && end.reads_end);
	close(pair[1]);
	CHECK_EQ(os_unix_pair_look(pair[1], &end), -EBADF);
}

static uint32_t inode_of(int fd)
{
	struct stat status;

	CHECK_EQ(fstat(fd, &status), 0);
	return (uint32_t)status.st_ino;
}

struct seen {
	uint32_t inode[2], peer[2];
	unsigned count;
};

static int on_socket(void *ctx, uint32_t inode, uint32_t peer)
{
	struct seen *seen = ctx;

	for (int i = 0; i < 2; i++)
		if (seen->inode[i] == inode) {
			seen->peer[i] = peer;
			seen->count++;
		}
	return 0;
}

static int stop_at_once(void *ctx, uint32_t inode, uint32_t peer)
{
	(void)ctx, (void)inode, (void)peer;
	return 77;
}

static void test_each(void)
{
	struct seen seen = { 0 };
	int pair[2];

	make(pair);
	for (int i = 0; i < 2; i++)
		seen.inode[i] = inode_of(pair[i]);
	CHECK_EQ(os_unix_pair_each(on_socket, &seen), 0);
	CHECK(seen.count == 2 && seen.peer[0] == seen.inode[1] && seen.peer[1] == seen.inode[0]);
	close(pair[1]);
	seen.count = 0;
	CHECK_EQ(os_unix_pair_each(on_socket, &seen), 0);
	CHECK(seen.count == 1 && seen.peer[0] == 0);
	CHECK_EQ(os_unix_pair_each(stop_at_once, NULL), 77);
	close(pair[0]);
}

struct waiting {
	uint32_t listener, inode[3];
	unsigned count;
};

static int on_waiting(void *ctx, uint32_t listener, uint32_t place, uint32_t inode)
{
	struct waiting *waiting = ctx;

	if (listener != waiting->listener)
		return 0;
	CHECK_EQ(place, waiting->count);
	if (waiting->count < 3)
		waiting->inode[waiting->count++] = inode;
	return 0;
}

static int stop_waiting(void *ctx, uint32_t listener, uint32_t place, uint32_t inode)
{
	(void)ctx, (void)listener, (void)place, (void)inode;
	return 77;
}

/* Those that wait are told in their order, and one that is closed is none. */
static void test_waiting(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t bytes = sizeof(name);
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client[3];

	CHECK(bind(server, (const struct sockaddr *)&name, sizeof(sa_family_t)) == 0 &&
	      listen(server, 5) == 0 && getsockname(server, (struct sockaddr *)&name, &bytes) == 0);
	struct waiting waiting = { .listener = inode_of(server) };

	for (int i = 0; i < 3; i++) {
		client[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_EQ(connect(client[i], (const struct sockaddr *)&name, bytes), 0);
		CHECK(!os_unix_pair_is_over(client[i]));
	}
	const uint32_t last = inode_of(client[2]);

	close(client[1]);
	CHECK_EQ(os_unix_pair_each_waiting(on_waiting, &waiting), 0);
	CHECK(waiting.count == 3 && waiting.inode[0] == inode_of(client[0]) && !waiting.inode[1] &&
	      waiting.inode[2] == last);
	CHECK_EQ(os_unix_pair_each_waiting(stop_waiting, NULL), 77);
	close(accept(server, NULL, NULL));
	CHECK(os_unix_pair_is_over(client[0]) && !os_unix_pair_is_over(client[2]));
	close(client[0]);
	close(client[2]);
	close(server);
}

/* Each type is as a fresh one, and the end of one direction is seen where there is one. */
static void test_types(void)
{
	static const enum os_unix_type types[] = { OS_UNIX_DATAGRAM, OS_UNIX_SEQPACKET };
	struct os_unix_pair end;
	int pair[2];

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(os_unix_pair_new(types[i], pair), 0);
		CHECK_EQ(os_unix_pair_type(pair[1]), types[i]);
		CHECK_EQ(os_unix_pair_look(pair[0], &end), 0);
		CHECK(!end.option && !end.reads_end && !end.writes_end && !end.has_error);
		CHECK_EQ(os_unix_pair_end(pair[0], false, true), 0);
		CHECK(os_unix_pair_look(pair[0], &end) == 0 && end.writes_end && !end.reads_end);
		CHECK(os_unix_pair_look(pair[1], &end) == 0 && !end.writes_end);
		CHECK_EQ(end.reads_end, types[i] == OS_UNIX_SEQPACKET);
		close(pair[0]);
		CHECK(os_unix_pair_look(pair[1], &end) == 0 && !end.has_error);
		close(pair[1]);
	}
}

/* As another one is looked at. */
static void test_settle(void)
{
	const struct os_unix_pair wanted = {
		.send_bytes = 100000, .receive_bytes = 200000, .writes_end = true, .options = 9
	};
	struct os_unix_pair end;
	int pair[2];

	make(pair);
	CHECK_EQ(os_unix_pair_settle(pair[0], &wanted), 0);
	CHECK_EQ(os_unix_pair_look(pair[0], &end), 0);
	CHECK(end.send_bytes == 100000 && end.receive_bytes == 200000 && !end.reads_end &&
	      end.writes_end && end.options == 9);
	close_both(pair);
}

/* Options that are on or off. */
static void test_options(void)
{
	struct os_unix_pair end;
	int pair[2];

	make(pair);
	CHECK_EQ(os_unix_pair_options(pair[0]), 0);
	CHECK_EQ(os_unix_pair_set_options(pair[0], OS_UNIX_OPTIONS), 0);
	CHECK_EQ(os_unix_pair_options(pair[0]), OS_UNIX_OPTIONS);
	CHECK_EQ(os_unix_pair_odd_option(pair[0]), 0);
	close_both(pair);
	/* A look gives none of them a name, as a send would. */
	CHECK_EQ(os_unix_pair_new(OS_UNIX_DATAGRAM, pair), 0);
	CHECK_EQ(os_unix_pair_set_options(pair[0], OS_UNIX_OPTIONS), 0);
	CHECK_EQ(os_unix_pair_look(pair[0], &end), 0);
	CHECK(os_unix_pair_type(pair[0]) == OS_UNIX_DATAGRAM &&
	      os_unix_pair_type(pair[1]) == OS_UNIX_DATAGRAM);
	close_both(pair);
}

int main(void)
{
	TEST(test_type);
	TEST(test_look);
	TEST(test_filter);
	TEST(test_each);
	TEST(test_waiting);
	TEST(test_types);
	TEST(test_settle);
	TEST(test_options);
	return test_end();
}
