/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that nobody has accepted, of the process and one of its child: they are accepted in their order, and tell
 * of their makers. An epoll instance that was told of an end is not told of it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define CLIENTS	   4
#define QUICK	   0 /* does not wait */
#define CHILDS	   1 /* of the first server, it is the child's */
#define SHUT	   2
#define ROOM_BYTES 50000

struct server {
	int type, listener;
	struct sockaddr_un name;
	socklen_t name_bytes;
	int client[CLIENTS];
};

static char folder[] = "/tmp/dvs-victim-waiting-XXXXXX";
static struct server servers[3] = { { .type = SOCK_STREAM },
				    { .type = SOCK_SEQPACKET },
				    { .type = SOCK_STREAM } };
static int ask[2], answer[2], epoll;
static pid_t child;

static void listen_on(struct server *server, const char *name, size_t bytes)
{
	server->name.sun_family = AF_UNIX;
	memcpy(server->name.sun_path, name, bytes);
	server->name_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
	server->listener = socket(AF_UNIX, server->type, 0);
	VICTIM_CHECK(bind(server->listener, (const struct sockaddr *)&server->name,
			  server->name_bytes) == 0 &&
		     listen(server->listener, CLIENTS) == 0);
}

static int call(const struct server *server)
{
	int fd = socket(AF_UNIX, server->type, 0);

	if (connect(fd, (const struct sockaddr *)&server->name, server->name_bytes) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The child: 'c' connects it, 's' says something and closes. */
static void serve(void)
{
	int fd = -1;
	char word;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(ask[1]);
	close(answer[0]);
	while (read(ask[0], &word, 1) == 1) {
		bool good = true;

		if (word == 'c') {
			fd = call(&servers[0]);
			good = fd >= 0;
		} else {
			good = send(fd, "child", 5, MSG_NOSIGNAL) == 5 && close(fd) == 0;
		}
		if (write(answer[1], good ? "y" : "n", 1) != 1)
			_exit(97);
	}
	_exit(5);
}

static bool tell_child(char word)
{
	char got = 0;

	return write(ask[1], &word, 1) == 1 && read(answer[0], &got, 1) == 1 && got == 'y';
}

static bool is_of_child(const struct server *server, int i)
{
	return server == &servers[0] && i == CHILDS;
}

/* How many events there are. */
static int count_events(void)
{
	struct epoll_event events[8];

	return epoll_wait(epoll, events, 8, 0);
}

static void call_all(struct server *server)
{
	const int room = ROOM_BYTES;

	for (int i = 0; i < CLIENTS; i++) {
		if (is_of_child(server, i)) {
			VICTIM_CHECK(tell_child('c'));
			continue;
		}
		int fd = server->client[i] = call(server);

		VICTIM_CHECK(fd >= 0);
		VICTIM_CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == 0);
	}
	VICTIM_CHECK(fcntl(server->client[QUICK], F_SETFL, O_NONBLOCK) == 0);
	VICTIM_CHECK(shutdown(server->client[SHUT], SHUT_WR) == 0);
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET,
				     .data.fd = server->client[QUICK] };

	VICTIM_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) == 0);
	VICTIM_CHECK(count_events() == 1 && count_events() == 0);
}

static void check_peer(const struct server *server, int i, int fd)
{
	struct ucred peer = { 0 };
	socklen_t bytes = sizeof(peer);

	VICTIM_CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0);
	VICTIM_CHECK(peer.pid == (is_of_child(server, i) ? child : getpid()));
	VICTIM_CHECK(peer.uid == geteuid() && peer.gid == getegid());
}

static void check_client(int i, int client, int fd)
{
	int room = 0;
	socklen_t bytes = sizeof(room);
	char got[16] = "";

	VICTIM_CHECK(getsockopt(client, SOL_SOCKET, SO_SNDBUF, &room, &bytes) == 0 &&
		     room == 2 * ROOM_BYTES);
	VICTIM_CHECK(!(fcntl(client, F_GETFL) & O_NONBLOCK) == (i != QUICK));
	if (i == SHUT)
		VICTIM_CHECK(recv(fd, got, 1, 0) == 0 && send(client, "x", 1, MSG_NOSIGNAL) < 0 &&
			     errno == EPIPE);
	else
		VICTIM_CHECK(send(client, &i, sizeof(i), 0) == sizeof(i) &&
			     recv(fd, got, sizeof(i), 0) == sizeof(i) &&
			     memcmp(got, &i, sizeof(i)) == 0);
	VICTIM_CHECK(send(fd, "back", 4, 0) == 4 && recv(client, got, 4, 0) == 4);
	close(client);
}

static void check_all(const struct server *server)
{
	char got[16] = "";

	for (int i = 0; i < CLIENTS; i++) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK);

		VICTIM_CHECK(fd >= 0);
		check_peer(server, i, fd);
		if (is_of_child(server, i))
			VICTIM_CHECK(tell_child('s') && recv(fd, got, sizeof(got), 0) == 5 &&
				     strcmp(got, "child") == 0);
		else
			check_client(i, server->client[i], fd);
		close(fd);
	}
	VICTIM_CHECK(accept4(server->listener, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EAGAIN);
}

static void build(void)
{
	char name[64];

	VICTIM_CHECK(mkdtemp(folder) && chdir(folder) == 0);
	VICTIM_CHECK(pipe(ask) == 0 && pipe(answer) == 0);
	epoll = epoll_create1(0);
	snprintf(name, sizeof(name), "%s/stream", folder);
	listen_on(&servers[0], name, strlen(name));
	listen_on(&servers[1], "packets", strlen("packets"));
	snprintf(name, sizeof(name), "%cdvs-waiting-%d", 0, getpid());
	listen_on(&servers[2], name, 1 + strlen(name + 1));
	for (int i = 0; i < 3; i++)
		VICTIM_CHECK(fcntl(servers[i].listener, F_SETFL, O_NONBLOCK) == 0);
	child = fork();
	if (child == 0)
		serve();
	close(ask[0]);
	close(answer[1]);
}

int main(void)
{
	int status;

	victim_begin();
	build();
	for (int i = 0; i < 3; i++)
		call_all(&servers[i]);
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(count_events() == 0);
		for (int i = 0; i < 3; i++)
			check_all(&servers[i]);
		for (int i = 0; i < 3; i++)
			call_all(&servers[i]);
	}
	close(ask[1]);
	VICTIM_CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		     WEXITSTATUS(status) == 5);
	unlink(servers[0].name.sun_path);
	unlink(servers[1].name.sun_path);
	VICTIM_CHECK(rmdir(folder) == 0);
	return victim_end();
}
