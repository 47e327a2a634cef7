/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes what has to stand while something else is measured, says `ready`, and stands until it is killed.
 *
 *	standing files COUNT FOLDER	has that many files of the folder open
 *	standing threads COUNT		has that many threads
 *	standing mappings COUNT		has that many mappings of a page each
 *	standing tcp COUNT		has that many sockets, two to a connection of TCP
 *	standing udp COUNT		has that many sockets of UDP at ports of their own
 *	standing unix COUNT		has that many sockets, two to a connection
 *	standing endpoints DC COUNT	that many processes, bound to 0, 1, ... of the DC
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dvk.h"

static int fail(const char *text)
{
	perror(text);
	return 1;
}

static _Noreturn void stand(void)
{
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}

static int open_files(int count, const char *folder)
{
	char path[256];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%d", folder, i);
		if (open(path, O_RDWR | O_CREAT, 0600) < 0)
			return fail(path);
	}
	stand();
}

static void *sleep_on(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int start_threads(int count)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 1; i < count; i++)
		if (pthread_create(&thread, &small, sleep_on, NULL))
			return fail("pthread_create");
	stand();
}

/* Every second page cannot be written to, so that no two become one mapping; each has contents. */
static int map_pages(int count)
{
	size_t page = 4096, bytes = (size_t)count * page;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return fail("mmap");
	for (int i = 0; i < count; i++) {
		at[(size_t)i * page] = (char)(i + 1);
		if (i % 2 && mprotect(at + (size_t)i * page, page, PROT_READ))
			return fail("mprotect");
	}
	stand();
}

/* At a port of its own. */
static int socket_at(int type, struct sockaddr_in *name)
{
	socklen_t bytes = sizeof(*name);
	int fd = socket(AF_INET, type, 0);

	*name = (struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)name, bytes) ||
	    getsockname(fd, (struct sockaddr *)name, &bytes))
		return -1;
	return fd;
}

static int connect_many(int count)
{
	struct sockaddr_in name;
	int listener = socket_at(SOCK_STREAM, &name);

	if (listener < 0 || listen(listener, 1))
		return fail("listen");
	for (int i = 0; i < count; i += 2) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (struct sockaddr *)&name, sizeof(name)) ||
		    accept(listener, NULL, NULL) < 0)
			return fail("connect");
	}
	close(listener);
	stand();
}

static int make_udp(int count)
{
	struct sockaddr_in name;

	for (int i = 0; i < count; i++)
		if (socket_at(SOCK_DGRAM, &name) < 0)
			return fail("socket");
	stand();
}

static int make_unix(int count)
{
	int pair[2];

	for (int i = 0; i < count; i += 2)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			return fail("socketpair");
	stand();
}

static int bind_many(int dcid, int count)
{
	int ready[2];
	char byte;
	long r;

	if (pipe(ready) < 0)
		return fail("pipe");
	for (int i = 0; i < count; i++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		r = dvk_open();
		if (r >= 0)
			r = dvk_bind(dcid, i);
		if (r < EDVSERRCODE) {
			fprintf(stderr, "standing: endpoint %d of DC %d: %ld\n", i, dcid, r);
			(void)!write(ready[1], "f", 1);
			_exit(1);
		}
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	for (int i = 0; i < count; i++)
		if (read(ready[0], &byte, 1) != 1 || byte != 'r')
			return 1;
	stand();
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "files"))
		return open_files((int)strtol(argv[2], NULL, 10), argv[3]);
	if (argc == 3 && !strcmp(argv[1], "threads"))
		return start_threads((int)strtol(argv[2], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "mappings"))
		return map_pages((int)strtol(argv[2], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "tcp"))
		return connect_many((int)strtol(argv[2], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "udp"))
		return make_udp((int)strtol(argv[2], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "unix"))
		return make_unix((int)strtol(argv[2], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "endpoints"))
		return bind_many((int)strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10));
	fprintf(stderr, "usage: standing files COUNT FOLDER | threads COUNT | mappings COUNT | "
			"tcp|udp|unix COUNT | endpoints DC COUNT\n");
	return 2;
}
