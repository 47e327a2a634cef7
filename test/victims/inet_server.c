/* SPDX-License-Identifier: Apache-2.0 */
/* A server of IPv4 and IPv6 with one client, which is elsewhere: it answers each byte by the next one. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "victims/victim.h"

static int listener;
static uint32_t answers;

static void *serve(void *unused)
{
	static unsigned char bytes[4096];
	int fd = accept(listener, NULL, NULL);
	ssize_t got;

	VICTIM_CHECK(fd >= 0);
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
	VICTIM_CHECK(listen(listener, 1) == 0);
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
