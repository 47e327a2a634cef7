// SPDX-License-Identifier: Apache-2.0
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/test.h"
#include "os/clock.h"
#include "os/loop.h"

static char dir[] = "/tmp/dvs-socket-XXXXXX", path[64], abstract[64];
static char own_name[80], taken_name[80]; /* of this process alone, as abstract is */

/* Those of this process, which made the connection. */
static void check_groups(int server)
{
	gid_t own[256];
	uint32_t *groups = NULL;
	int count = getgroups(256, own);

	CHECK_EQ(os_unix_peer_groups(server, &groups), count);
	CHECK(!groups == !count);
	for (int i = 0; i < count; i++)
		CHECK_EQ(groups[i], own[i]);
	free(groups);
	CHECK_EQ(os_unix_peer_groups(-1, &groups), 0);
	CHECK(!groups);
}

static void check_talk(const char *name, enum os_socket_kind kind)
{
	OS_CLEANUP_FD int listener = os_unix_listen(name, kind);
	OS_CLEANUP_FD int client = -1;
	OS_CLEANUP_FD int server = -1;
	struct os_peer peer = { 0 };
	char buf[16] = { 0 };

	CHECK_OR_RETURN(listener >= 0);
	CHECK_EQ(os_unix_accept(listener), -EAGAIN);
	client = os_unix_connect(name, kind, 1000);
	CHECK_OR_RETURN(client >= 0);
	server = os_unix_accept(listener);
	CHECK_OR_RETURN(server >= 0);
	CHECK(fcntl(server, F_GETFL) & O_NONBLOCK);
	CHECK(!(fcntl(client, F_GETFL) & O_NONBLOCK));
	CHECK(fcntl(server, F_GETFD) & fcntl(client, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(os_unix_peer(server, &peer), 0);
	CHECK_EQ(peer.pid, getpid());
	CHECK_EQ(peer.uid, geteuid());
	CHECK_EQ(peer.gid, getegid());
	check_groups(server);
	CHECK_EQ(os_write_full(client, "hello", 5, 1000), 0);
	CHECK_EQ(os_read_full(server, buf, 5, 1000), 0);
	CHECK(!strcmp(buf, "hello"));
}

static void test_names(void)
{
	check_talk(path, OS_PACKET);
	check_talk(path, OS_STREAM); /* the leftover of the one before is replaced */
	check_talk(abstract, OS_PACKET);
}

static void test_bad_names(void)
{
	char longer[200];

	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	CHECK_EQ(os_unix_listen("", OS_PACKET), -EINVAL);
	CHECK_EQ(os_unix_listen("@", OS_PACKET), -EINVAL);
	CHECK_EQ(os_unix_listen(longer, OS_PACKET), -ENAMETOOLONG);
	CHECK_EQ(os_unix_connect("@dvs nobody is here", OS_PACKET, 100), -ECONNREFUSED);
	CHECK_EQ(os_unix_connect("/tmp/dvs nobody is here", OS_PACKET, 100), -ENOENT);
}

static void test_second_listener_is_refused(void)
{
	OS_CLEANUP_FD int a = os_unix_listen(path, OS_PACKET);
	OS_CLEANUP_FD int b = os_unix_listen(abstract, OS_PACKET);
	OS_CLEANUP_FD int file = -1;
	char name[80];

	CHECK(a >= 0 && b >= 0);
	CHECK_EQ(os_unix_listen(path, OS_PACKET), -EADDRINUSE);
	CHECK_EQ(os_unix_listen(abstract, OS_PACKET), -EADDRINUSE);
	snprintf(name, sizeof(name), "%s/file", dir);
	file = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK_EQ(os_unix_listen(name, OS_PACKET), -EADDRINUSE);
	CHECK_EQ(access(name, F_OK), 0);
	unlink(name);
}

/* A name that another user took first is told nothing. */
static void test_squatted_name(void)
{
	OS_CLEANUP_FD int listener = os_unix_listen(own_name, OS_PACKET);
	OS_CLEANUP_FD int own = os_unix_connect_trusted(own_name, OS_PACKET, 1000);
	int ready[2];
	char byte;
	pid_t child;

	CHECK(listener >= 0 && own >= 0);
	CHECK_EQ(os_unix_connect_trusted("@dvs nobody is here", OS_PACKET, 100), -ECONNREFUSED);
	if (geteuid())
		return; /* only root can become the other user */
	CHECK_OR_RETURN(pipe(ready) == 0);
	child = fork();
	if (!child) {
		if (setuid(65534) || os_unix_listen(taken_name, OS_PACKET) < 0 ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_EQ(os_unix_connect_trusted(taken_name, OS_PACKET, 1000), -EKEYREJECTED);
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
	close(ready[0]);
}

static void test_full_backlog_is_bounded(void)
{
	OS_CLEANUP_FD int listener = os_unix_listen(path, OS_PACKET);
	int fds[256], count = 0, r = 0;
	int64_t start;

	for (; count < 256 && r >= 0; count++)
		r = fds[count] = os_unix_connect(path, OS_PACKET, 0);
	CHECK_EQ(r, -EAGAIN);
	start = os_now_ns();
	CHECK_EQ(os_unix_connect(path, OS_PACKET, 50), -EAGAIN);
	CHECK(os_now_ns() - start >= 30 * OS_MS_NS);
	CHECK(os_now_ns() - start < 5000 * OS_MS_NS);
	while (count--)
		os_close(fds[count]);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A program that connects to a listener cannot burden it with files, whose end may take time. */
static void test_no_descriptors_from_strangers(void)
{
	OS_CLEANUP_FD int listener = os_unix_listen(path, OS_PACKET);
	OS_CLEANUP_FD int client = os_unix_connect(path, OS_PACKET, 1000);
	OS_CLEANUP_FD int server = os_unix_accept(listener);
	int before = count_fds(), got[OS_FDS_MAX], count = 0, r;
	char buf[8];

	r = os_packet_send(client, "abc", 3, &client, 1);
	CHECK(r == -EPERM || r == 0); /* 0: before 6.16 */
	if (!r) {
		CHECK_EQ(os_packet_recv(server, buf, sizeof(buf), NULL, NULL), 3);
		test_skip("this kernel lets descriptors come");
	}
	CHECK_EQ(count_fds(), before);
	CHECK_EQ(os_packet_send(client, "de", 2, NULL, 0), 0);
	CHECK_EQ(os_packet_recv(server, buf, sizeof(buf), NULL, NULL), 2);
	/* The other way they come as ever. */
	CHECK_EQ(os_packet_send(server, "f", 1, &listener, 1), 0);
	CHECK_EQ(os_packet_recv(client, buf, sizeof(buf), got, &count), 1);
	CHECK_EQ(count, 1);
	os_close(got[0]);
}

/* A receiver that may open one more: told so, or given what there is room for. */
static void check_few_descriptors(const int pair[2], const int *sent)
{
	struct rlimit limit, few;
	int got[OS_FDS_MAX], n = -1, next = dup(0);
	char buf[8];

	close(next);
	CHECK_OR_RETURN(!getrlimit(RLIMIT_NOFILE, &limit));
	few = limit;
	few.rlim_cur = (rlim_t)next + 1;
	CHECK_EQ(os_packet_send(pair[0], "ab", 2, sent, 2), 0);
	CHECK_EQ(os_packet_send(pair[0], "cd", 2, sent, 2), 0);
	CHECK_OR_RETURN(!setrlimit(RLIMIT_NOFILE, &few));
	CHECK_EQ(os_packet_recv(pair[1], buf, sizeof(buf), got, &n), -EMFILE);
	CHECK_EQ(n, 0);
	CHECK_EQ(os_packet_recv_fewer(pair[1], buf, sizeof(buf), got, &n), 2);
	CHECK_EQ(n, 1);
	CHECK(buf[0] == 'c' && got[0] == next);
	os_close(got[0]);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void test_packets_with_descriptors(void)
{
	int pair[2], sent[OS_FDS_MAX], got[OS_FDS_MAX], n = -1, before;
	char buf[8] = { 0 }, c = 0;

	CHECK_OR_RETURN(!os_unix_pair(OS_PACKET, pair));
	CHECK_OR_RETURN(!pipe(sent) && !pipe(sent + 2));
	before = count_fds();
	CHECK_EQ(os_packet_send(pair[0], "abc", 3, sent, OS_FDS_MAX), 0);
	CHECK_EQ(os_packet_send(pair[0], "de", 2, NULL, 0), 0);
	CHECK_EQ(os_packet_send(pair[0], "de", 2, sent, OS_FDS_MAX + 1), -EINVAL);
	CHECK_EQ(os_packet_recv(pair[1], buf, sizeof(buf), got, &n), 3);
	CHECK_EQ(n, OS_FDS_MAX);
	CHECK(!memcmp(buf, "abc", 3));
	CHECK_EQ(write(got[1], "x", 1), 1);
	CHECK_EQ(read(sent[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	for (int i = 0; i < n; i++) {
		CHECK(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		os_close(got[i]);
	}
	CHECK_EQ(os_packet_recv(pair[1], buf, sizeof(buf), got, &n), 2);
	CHECK_EQ(n, 0);
	CHECK_EQ(count_fds(), before);
	/* A packet that is too long, and descriptors nobody asked for, leave nothing behind. */
	CHECK_EQ(os_packet_send(pair[0], "0123456789", 10, sent, 2), 0);
	CHECK_EQ(os_packet_recv(pair[1], buf, sizeof(buf), got, &n), -EMSGSIZE);
	CHECK_EQ(n, 0);
	CHECK_EQ(os_packet_send(pair[0], "0", 1, sent, 2), 0);
	CHECK_EQ(os_packet_recv(pair[1], buf, sizeof(buf), NULL, NULL), 1);
	check_few_descriptors(pair, sent);
	CHECK_EQ(count_fds(), before);
	os_close(pair[0]);
	CHECK_EQ(os_packet_recv(pair[1], buf, sizeof(buf), got, &n), 0);
	CHECK_EQ(os_packet_send(pair[1], "0", 1, NULL, 0), -EPIPE);
	os_close(pair[1]);
	for (int i = 0; i < OS_FDS_MAX; i++)
		os_close(sent[i]);
}

static void test_sendv_joins_parts(void)
{
	struct iovec parts[2] = { { "ab", 2 }, { "cd", 2 } };
	char buf[8] = { 0 };
	int pair[2];

	CHECK_OR_RETURN(!os_unix_pair(OS_PACKET, pair));
	CHECK_EQ(os_packet_sendv(pair[0], parts, 2, NULL, 0), 0);
	CHECK_EQ(os_packet_recv(pair[1], buf, sizeof(buf), NULL, NULL), 4);
	CHECK(!memcmp(buf, "abcd", 4));
	os_close(pair[0]);
	os_close(pair[1]);
}

static void test_full_read_and_write(void)
{
	static char big[1 << 20];
	int64_t start = os_now_ns();
	int pair[2];
	char c;

	CHECK_OR_RETURN(!os_unix_pair(OS_STREAM, pair));
	CHECK_EQ(os_read_full(pair[0], &c, 1, 30), -ETIMEDOUT);
	CHECK(os_now_ns() - start >= 30 * OS_MS_NS);
	CHECK_EQ(os_write_full(pair[0], big, sizeof(big), 30), -ETIMEDOUT);
	CHECK_EQ(os_set_nonblock(pair[1], 1), 0);
	CHECK_EQ(os_read_full(pair[1], big, 1000, 1000), 0);
	os_close(pair[0]);
	CHECK_EQ(os_read_full(pair[1], big, sizeof(big), 1000), -ECONNRESET);
	CHECK_EQ(os_write_full(pair[1], big, 1, 1000), -EPIPE);
	CHECK_EQ(os_poll(pair[1], OS_READ, 1000), 0);
	os_close(pair[1]);
	CHECK_EQ(os_poll(pair[1], OS_READ, 0), -EBADF);
}

static void test_send_room(void)
{
	static char packet[32768];
	int pair[2], count = 0;

	CHECK_OR_RETURN(!os_unix_pair(OS_PACKET, pair));
	CHECK_EQ(os_set_nonblock(pair[0], 1), 0);
	while (count < 1000 && !os_packet_send(pair[0], packet, sizeof(packet), NULL, 0))
		count++;
	CHECK(count < 100);
	os_shutdown(pair[0]);
	CHECK_EQ(os_packet_send(pair[1], packet, 1, NULL, 0), -EPIPE);
	os_close(pair[0]);
	os_close(pair[1]);
}

/* A listener of another user is found out before anything is sent to it. */
static void test_trusted(void)
{
	int ready[2], fd;
	pid_t pid;
	char byte;

	fd = os_unix_listen(abstract, OS_PACKET);
	CHECK_OR_RETURN(fd >= 0);
	os_close(os_unix_connect_trusted(abstract, OS_PACKET, 100));
	os_close(fd);
	if (geteuid() != 0) {
		test_skips++;
		return;
	}
	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (setresuid(65534, 65534, 65534) < 0 || os_unix_listen(abstract, OS_PACKET) < 0 ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	fd = os_unix_connect(abstract, OS_PACKET, 100);
	CHECK(fd >= 0);
	os_close(fd);
	CHECK_EQ(os_unix_connect_trusted(abstract, OS_PACKET, 100), -EKEYREJECTED);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(abstract, sizeof(abstract), "@dvs-socket-test-%d", (int)getpid());
	snprintf(own_name, sizeof(own_name), "%s, own", abstract);
	snprintf(taken_name, sizeof(taken_name), "%s, taken", abstract);
	TEST(test_names);
	TEST(test_bad_names);
	TEST(test_second_listener_is_refused);
	TEST(test_squatted_name);
	TEST(test_full_backlog_is_bounded);
	TEST(test_packets_with_descriptors);
	TEST(test_no_descriptors_from_strangers);
	TEST(test_sendv_joins_parts);
	TEST(test_full_read_and_write);
	TEST(test_send_room);
	TEST(test_trusted);
	unlink(path);
	rmdir(dir);
	return test_end();
}
