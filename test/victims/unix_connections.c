/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of Unix sockets by name, both ends ours: what is in them, names, ends that are shut or closed. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "victims/victim.h"

struct connection {
	int type, listener, client, accepted;
	struct sockaddr_un name;
};

static char folder[] = "/tmp/dvs-victim-connections-XXXXXX";
static struct connection stream = { .type = SOCK_STREAM }, packets = { .type = SOCK_SEQPACKET },
			 half = { .type = SOCK_STREAM }, alone = { .type = SOCK_STREAM },
			 left = { .type = SOCK_SEQPACKET };

static void make(struct connection *connection, const char *name)
{
	const struct sockaddr *address = (const struct sockaddr *)&connection->name;

	connection->name.sun_family = AF_UNIX;
	snprintf(connection->name.sun_path, sizeof(connection->name.sun_path), "%s", name);
	connection->listener = socket(AF_UNIX, connection->type, 0);
	connection->client = socket(AF_UNIX, connection->type, 0);
	VICTIM_CHECK(bind(connection->listener, address, sizeof(connection->name)) == 0 &&
		     listen(connection->listener, 5) == 0 &&
		     connect(connection->client, address, sizeof(connection->name)) == 0);
	connection->accepted = accept(connection->listener, NULL, NULL);
	VICTIM_CHECK(connection->accepted >= 0);
}

static void forget_listener(struct connection *connection)
{
	close(connection->listener);
	unlink(connection->name.sun_path);
}

static void put(int fd, const char *text)
{
	VICTIM_CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static bool has(int fd, const char *text)
{
	char got[64] = "";

	return recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) == (ssize_t)strlen(text) &&
	       strcmp(got, text) == 0;
}

static bool knows(int fd, int (*ask)(int, struct sockaddr *, socklen_t *), const char *name)
{
	struct sockaddr_un got = { 0 };
	socklen_t bytes = sizeof(got);

	return ask(fd, (struct sockaddr *)&got, &bytes) == 0 && strcmp(got.sun_path, name) == 0 &&
	       bytes == (name[0] ? offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1
				 : sizeof(sa_family_t));
}

static int own(int fd, struct sockaddr *name, socklen_t *bytes)
{
	return getsockname(fd, name, bytes);
}

static int peers(int fd, struct sockaddr *name, socklen_t *bytes)
{
	return getpeername(fd, name, bytes);
}

static void check_peer(int fd)
{
	struct ucred peer = { 0 };
	socklen_t bytes = sizeof(peer);

	VICTIM_CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0);
	VICTIM_CHECK(peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid());
}

static void check_names(const struct connection *connection)
{
	VICTIM_CHECK(knows(connection->accepted, own, connection->name.sun_path) &&
		     knows(connection->accepted, peers, ""));
	VICTIM_CHECK(knows(connection->client, peers, connection->name.sun_path) &&
		     knows(connection->client, own, ""));
	check_peer(connection->accepted);
	check_peer(connection->client);
}

static void fill(const struct connection *connection)
{
	put(connection->client, "there");
	put(connection->client, "and more");
	put(connection->accepted, "and back");
}

static void check_open(const struct connection *connection)
{
	check_names(connection);
	if (connection->type == SOCK_STREAM)
		VICTIM_CHECK(has(connection->accepted, "thereand more"));
	else
		VICTIM_CHECK(has(connection->accepted, "there") &&
			     has(connection->accepted, "and more"));
	VICTIM_CHECK(has(connection->client, "and back"));
	fill(connection);
}

/* The listener of a connection is there as well, and takes others. */
static void check_another(const struct connection *connection)
{
	int fd = socket(AF_UNIX, connection->type, 0), end;

	VICTIM_CHECK(connect(fd, (const struct sockaddr *)&connection->name,
			     sizeof(connection->name)) == 0);
	end = accept4(connection->listener, NULL, NULL, SOCK_NONBLOCK);
	VICTIM_CHECK(end >= 0);
	put(fd, "another");
	VICTIM_CHECK(has(end, "another"));
	close(fd);
	close(end);
}

static void check_ends(void)
{
	char text[16] = "";

	check_names(&half);
	VICTIM_CHECK(send(half.client, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	VICTIM_CHECK(recv(half.accepted, text, 10, MSG_PEEK) == 10 &&
		     strcmp(text, "last words") == 0);
	VICTIM_CHECK(fcntl(half.accepted, F_GETFL) & O_NONBLOCK);
	VICTIM_CHECK(knows(alone.accepted, own, alone.name.sun_path));
	VICTIM_CHECK(recv(alone.accepted, text, 8, MSG_PEEK) == 8 &&
		     send(alone.accepted, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	VICTIM_CHECK(knows(left.client, peers, left.name.sun_path));
	VICTIM_CHECK(send(left.client, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
}

static void build(void)
{
	char name[64];

	VICTIM_CHECK(mkdtemp(folder) && chdir(folder) == 0);
	snprintf(name, sizeof(name), "%s/stream", folder);
	make(&stream, name);
	make(&packets, "packets");
	make(&half, "half");
	make(&alone, "alone");
	make(&left, "left");
	forget_listener(&half);
	forget_listener(&alone);
	forget_listener(&left);
	fill(&stream);
	fill(&packets);
	put(half.client, "last words");
	VICTIM_CHECK(shutdown(half.client, SHUT_WR) == 0);
	VICTIM_CHECK(fcntl(half.accepted, F_SETFL, O_NONBLOCK) == 0);
	put(alone.client, "farewell");
	close(alone.client);
	close(left.accepted);
}

int main(void)
{
	victim_begin();
	build();
	victim_ready();
	while (victim_moved()) {
		check_open(&stream);
		check_open(&packets);
		check_another(&stream);
		check_another(&packets);
		check_ends();
	}
	forget_listener(&stream);
	forget_listener(&packets);
	VICTIM_CHECK(rmdir(folder) == 0);
	return victim_end();
}
