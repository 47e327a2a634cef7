/* SPDX-License-Identifier: Apache-2.0 */
#include "os/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/test.h"

static char folder_path[] = "/tmp/dvs-unix-socket-XXXXXX";
static int folder;

static int make(int type)
{
	return socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
}

static void test_unbound(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct os_unix_socket seen;
	int pair[2], tcp = socket(AF_INET, SOCK_STREAM, 0);

	for (int i = 0; i < 3; i++) {
		int fd = make(types[i]);

		CHECK_EQ(os_unix_socket_look(fd, &seen), 1);
		CHECK((int)seen.type == types[i] && !seen.name_bytes && !seen.listens &&
		      !seen.inode);
		CHECK(!seen.option && !seen.has_error && !seen.reads_end && !seen.writes_end);
		CHECK(os_unix_socket_is_empty(fd));
		CHECK_EQ(shutdown(fd, SHUT_WR), 0);
		CHECK(os_unix_socket_look(fd, &seen) == 1 && seen.writes_end && !seen.reads_end);
		CHECK_EQ(shutdown(fd, SHUT_RD), 0);
		CHECK(os_unix_socket_look(fd, &seen) == 1 && seen.reads_end &&
		      os_unix_socket_is_empty(fd));
		close(fd);
	}
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	CHECK(os_unix_socket_look(pair[0], &seen) == 0 && os_unix_socket_look(tcp, &seen) == 0);
	close(pair[0]);
	close(pair[1]);
	close(tcp);
}

/* The name begins at the folder, and the file is there. */
static void test_path(void)
{
	struct os_unix_socket seen;
	struct stat status;
	int fd = make(SOCK_STREAM), other = make(SOCK_DGRAM);

	CHECK_EQ(mkdirat(folder, "run", 0700), 0);
	CHECK_EQ(os_unix_socket_bind(fd, folder, (const uint8_t *)"/run/name", 9), 0);
	CHECK_EQ(os_unix_socket_look(fd, &seen), 1);
	CHECK(seen.name_bytes == 9 && memcmp(seen.name, "/run/name", 9) == 0 && !seen.listens);
	CHECK(fstatat(folder, "run/name", &status, 0) == 0 &&
	      seen.inode == (uint32_t)status.st_ino);
	CHECK_EQ(listen(fd, 7), 0);
	CHECK_EQ(os_unix_socket_look(fd, &seen), 1);
	CHECK(seen.listens && seen.backlog == 7 && seen.pid == getpid() && !seen.option);
	CHECK_EQ(os_unix_socket_bind(other, folder, (const uint8_t *)"/run/name", 9), -EADDRINUSE);
	int file = openat(folder, "run/name", O_PATH);

	CHECK(os_unix_socket_is_used(file));
	CHECK(os_unix_socket_is_empty(fd)); /* that was no connection */
	close(fd);
	CHECK(!os_unix_socket_is_used(file));
	close(file);
	unlinkat(folder, "run/name", 0);
	unlinkat(folder, "run", AT_REMOVEDIR);
	close(other);
	CHECK(access("/run/name", F_OK) < 0 &&
	      access("/tmp", F_OK) == 0); /* our root is as it was */
}

static void test_abstract(void)
{
	struct os_unix_socket seen;
	char name[32] = "";
	uint32_t bytes = 1 + (uint32_t)snprintf(name + 1, 31, "dvs-test-%d", getpid());
	int fd = make(SOCK_DGRAM), to = make(SOCK_DGRAM);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	CHECK_EQ(os_unix_socket_bind(fd, -1, (const uint8_t *)name, bytes), 0);
	CHECK_EQ(os_unix_socket_look(fd, &seen), 1);
	CHECK(seen.name_bytes == bytes && memcmp(seen.name, name, bytes) == 0 && !seen.inode);
	memcpy(address.sun_path, name, bytes);
	CHECK_EQ(sendto(to, "x", 1, 0, (const struct sockaddr *)&address,
			(socklen_t)offsetof(struct sockaddr_un, sun_path) + bytes),
		 1);
	CHECK(!os_unix_socket_is_empty(fd));
	close(fd);
	close(to);
}

/* The name is that of one end, and the other end knows it. */
static void test_connection(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct os_unix_connection seen;
	int server = make(SOCK_SEQPACKET), client = make(SOCK_SEQPACKET), pair[2];

	snprintf(name.sun_path, sizeof(name.sun_path), "%s/name", folder_path);
	CHECK_EQ(bind(server, (const struct sockaddr *)&name, sizeof(name)), 0);
	CHECK(listen(server, 5) == 0 && os_unix_connection_look(server, &seen) == OS_UNIX_NONE);
	CHECK_EQ(connect(client, (const struct sockaddr *)&name, sizeof(name)), 0);
	int end = accept(server, NULL, NULL);

	CHECK_EQ(os_unix_connection_look(end, &seen), OS_UNIX_SEQPACKET);
	CHECK(seen.is_own && seen.name_bytes == strlen(name.sun_path) &&
	      memcmp(seen.name, name.sun_path, seen.name_bytes) == 0);
	CHECK_EQ(os_unix_connection_look(client, &seen), OS_UNIX_SEQPACKET);
	CHECK(!seen.is_own && seen.name_bytes == strlen(name.sun_path));
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CHECK_EQ(os_unix_connection_look(pair[0], &seen), OS_UNIX_NONE);
	const int all[] = { server, client, end, pair[0], pair[1] };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		close(all[i]);
	unlink(name.sun_path);
}

int main(void)
{
	CHECK(mkdtemp(folder_path) != NULL);
	folder = open(folder_path, O_PATH | O_DIRECTORY);
	TEST(test_unbound);
	TEST(test_path);
	TEST(test_abstract);
	TEST(test_connection);
	close(folder);
	rmdir(folder_path);
	return test_end();
}
