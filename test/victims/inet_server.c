/* SPDX-License-Identifier: Apache-2.0 */
/* A server of IPv4 and IPv6 with one client, which is elsewhere: it answers each byte by the next one. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "victims/victim.h"

static int listener;
static uint32_t answers;

/* Of one the other end says nothing more, of the other one this end: both go on in the other direction. */
static void *serve_halves(void *unused)
{
	int hears_nothing = accept(listener, NULL, NULL),
	    says_nothing = accept(listener, NULL, NULL);
	char byte;

	VICTIM_CHECK(recv(hears_nothing, &byte, 1, 0) == 0);
	VICTIM_CHECK(shutdown(says_nothing, SHUT_WR) == 0);
	while (recv(says_nothing, &byte, 1, 0) == 1) {
		if (recv(hears_nothing, &byte, 1, MSG_DONTWAIT) != 0)
			byte = '!'; /* which is no answer */
		if (send(hears_nothing, &byte, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	close(hears_nothing);
	close(says_nothing);
	return unused;
}

static void *serve(void *unused)
{
	static unsigned char bytes[4096];
	int fd = accept(listener, NULL, NULL);
	pthread_t halves;
	ssize_t got;

	VICTIM_CHECK(fd >= 0);
	pthread_create(&halves, NULL, serve_halves, NULL);
	while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			bytes[i]++;
		if (send(fd, bytes, (size_t)got, MSG_NOSIGNAL) != got)
			break;
		__atomic_add_fetch(&answers, 1, __ATOMIC_RELEASE);
	}
	close(fd);
	return unused;
}

int main(void)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = htons(7300) };
	pthread_t server;

	victim_begin();
	listener = socket(AF_INET6, SOCK_STREAM, 0);
	VICTIM_CHECK(bind(listener, (struct sockaddr *)&name, sizeof(name)) == 0);
	VICTIM_CHECK(listen(listener, 3) == 0);
	pthread_create(&server, NULL, serve, NULL);
	victim_ready();
	while (victim_moved() && !victim_must_end()) {
		uint32_t before = __atomic_load_n(&answers, __ATOMIC_ACQUIRE);

		for (int ms = 0; ms < 5000 && __atomic_load_n(&answers, __ATOMIC_ACQUIRE) == before;
		     ms++)
			victim_nap();
		VICTIM_CHECK(__atomic_load_n(&answers, __ATOMIC_ACQUIRE) != before);
	}
	return victim_end();
}
