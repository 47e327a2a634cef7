/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets that are not connected: by path, by relative path, without a file, without a name, listeners. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "victims/victim.h"

static char folder[] = "/tmp/dvs-victim-names-XXXXXX";
static struct sockaddr_un listening = { .sun_family = AF_UNIX }, gone = { .sun_family = AF_UNIX };
static const struct sockaddr_un datagrams = { .sun_family = AF_UNIX, .sun_path = "datagrams" };
static int listener, packets, datagram, unbound, deleted, shut, epoll;
static uint32_t accepted;

static int make(int type, const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, type, 0);

	VICTIM_CHECK(fd >= 0);
	if (name)
		VICTIM_CHECK(bind(fd, (const struct sockaddr *)name, sizeof(*name)) == 0);
	return fd;
}

static bool is_named(int fd, const struct sockaddr_un *name)
{
	struct sockaddr_un own = { 0 };
	socklen_t bytes = sizeof(own);

	return getsockname(fd, (struct sockaddr *)&own, &bytes) == 0 &&
	       bytes == offsetof(struct sockaddr_un, sun_path) + strlen(name->sun_path) + 1 &&
	       strcmp(own.sun_path, name->sun_path) == 0;
}

static void *in_accept(void *unused)
{
	for (;;) {
		char byte = 0;
		int fd = accept(listener, NULL, NULL);

		VICTIM_CHECK(fd >= 0 && read(fd, &byte, 1) == 1);
		close(fd);
		__atomic_add_fetch(&accepted, 1, __ATOMIC_RELEASE);
		if (byte == 'q')
			return unused;
	}
}

static void connect_and_say(const char *byte)
{
	struct ucred peer = { 0 };
	socklen_t bytes = sizeof(peer);
	int fd = make(SOCK_STREAM, NULL);

	VICTIM_CHECK(connect(fd, (const struct sockaddr *)&listening, sizeof(listening)) == 0);
	VICTIM_CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0);
	VICTIM_CHECK(peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid());
	VICTIM_CHECK(send(fd, byte, 1, MSG_NOSIGNAL) == 1);
	close(fd);
}

static void check_listener(void)
{
	uint32_t before = __atomic_load_n(&accepted, __ATOMIC_ACQUIRE);
	struct stat status;

	VICTIM_CHECK(is_named(listener, &listening));
	VICTIM_CHECK(stat(listening.sun_path, &status) == 0 && S_ISSOCK(status.st_mode) &&
		     (status.st_mode & 0777) == 0640 && status.st_gid == 12);
	connect_and_say("x");
	VICTIM_CHECK(victim_counts(&accepted, before + 1));
}

/* A listener whose file was deleted, that nobody can come to; its name is what it was. */
static void check_deleted(void)
{
	VICTIM_CHECK(is_named(deleted, &gone) && access(gone.sun_path, F_OK) < 0);
	VICTIM_CHECK(accept4(deleted, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EAGAIN);
}

static void check_datagram(void)
{
	char got[8] = "";
	int from = make(SOCK_DGRAM, NULL);
	struct epoll_event event;

	VICTIM_CHECK(is_named(datagram, &datagrams));
	VICTIM_CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
	VICTIM_CHECK(sendto(from, "hello", 5, MSG_DONTWAIT, (const struct sockaddr *)&datagrams,
			    sizeof(datagrams)) == 5);
	VICTIM_CHECK(epoll_wait(epoll, &event, 1, 0) == 1 && event.data.u64 == 4711);
	VICTIM_CHECK(recv(datagram, got, sizeof(got), MSG_DONTWAIT) == 5);
	close(from);
}

static void check_unconnected(void)
{
	int size = 0, on = 0;
	socklen_t bytes = sizeof(size);

	VICTIM_CHECK(getsockopt(unbound, SOL_SOCKET, SO_RCVBUF, &size, &bytes) == 0 &&
		     size == 100000);
	VICTIM_CHECK(fcntl(unbound, F_GETFL) & O_NONBLOCK);
	VICTIM_CHECK(getsockopt(datagram, SOL_SOCKET, SO_PASSCRED, &on, &bytes) == 0 && on == 1);
	VICTIM_CHECK(getsockopt(datagram, SOL_SOCKET, SO_TIMESTAMP, &on, &bytes) == 0 && on == 1);
	VICTIM_CHECK(getsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, &bytes) == 0 && on == 1);
	VICTIM_CHECK(getsockopt(listener, SOL_SOCKET, SO_PASSCRED, &on, &bytes) == 0 && on == 0);
	VICTIM_CHECK(send(unbound, "x", 1, MSG_NOSIGNAL) < 0 && errno == ENOTCONN);
	VICTIM_CHECK(recv(shut, &size, 1, 0) == 0);
	/* Nobody comes to it either, before it listens. */
	VICTIM_CHECK(accept4(packets, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EINVAL);
}

static void check_residue(void)
{
	DIR *open = opendir(folder);

	for (struct dirent *entry; open && (entry = readdir(open));)
		VICTIM_CHECK(strncmp(entry->d_name, ".dvs", 4) != 0);
	closedir(open);
}

static void build(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 4711 };
	int size = 50000, on = 1;

	VICTIM_CHECK(mkdtemp(folder) && chdir(folder) == 0);
	snprintf(listening.sun_path, sizeof(listening.sun_path), "%s/listening", folder);
	snprintf(gone.sun_path, sizeof(gone.sun_path), "%s/gone", folder);
	listener = make(SOCK_STREAM, &listening);
	VICTIM_CHECK(listen(listener, 5) == 0 && chmod(listening.sun_path, 0640) == 0 &&
		     chown(listening.sun_path, (uid_t)-1, 12) == 0);
	VICTIM_CHECK(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
	datagram = make(SOCK_DGRAM | SOCK_NONBLOCK, &datagrams);
	VICTIM_CHECK(setsockopt(datagram, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	VICTIM_CHECK(setsockopt(datagram, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)) == 0);
	deleted = make(SOCK_SEQPACKET, &gone);
	VICTIM_CHECK(listen(deleted, 5) == 0 && unlink(gone.sun_path) == 0);
	VICTIM_CHECK(fcntl(deleted, F_SETFL, O_NONBLOCK) == 0);
	unbound = make(SOCK_STREAM | SOCK_NONBLOCK, NULL);
	VICTIM_CHECK(setsockopt(unbound, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
	packets = make(SOCK_SEQPACKET, NULL);
	shut = make(SOCK_DGRAM, NULL);
	VICTIM_CHECK(shutdown(shut, SHUT_RD) == 0);
	epoll = epoll_create1(0);
	VICTIM_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, datagram, &event) == 0);
}

int main(void)
{
	pthread_t thread;

	victim_begin();
	build();
	pthread_create(&thread, NULL, in_accept, NULL);
	victim_ready();
	while (victim_moved()) {
		check_listener();
		check_deleted();
		check_datagram();
		check_unconnected();
		check_residue();
	}
	connect_and_say("q");
	pthread_join(thread, NULL);
	unlink(listening.sun_path);
	unlink(datagrams.sun_path);
	VICTIM_CHECK(rmdir(folder) == 0);
	return victim_end();
}
