/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of TCP and UDP that are no connection: unbound, bound, listening, with options, with threads that wait. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "victims/victim.h"

#define TCP_PORT   7001
#define V6_PORT	   7002
#define UDP_PORT   7003
#define SHARED	   7004
#define GIVEN_UP   7199
#define BOUND_PORT 7005
#define BACKLOG	   17

static int listener, accepted = -1;

/* Each with a value that is not the default one. */
static const struct setting {
	int level, option, value;
} tcp_settings[] = {
	{ SOL_SOCKET, SO_KEEPALIVE, 1 },    { IPPROTO_TCP, TCP_KEEPIDLE, 77 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 11 }, { IPPROTO_TCP, TCP_KEEPCNT, 3 },
	{ IPPROTO_TCP, TCP_NODELAY, 1 },    { IPPROTO_TCP, TCP_USER_TIMEOUT, 4711 },
	{ IPPROTO_TCP, TCP_SYNCNT, 2 },	    { IPPROTO_TCP, TCP_LINGER2, 9 },
	{ IPPROTO_TCP, TCP_MAXSEG, 1000 },  { IPPROTO_TCP, TCP_DEFER_ACCEPT, 3 },
	{ SOL_SOCKET, SO_SNDBUF, 60000 },   { SOL_SOCKET, SO_RCVBUF, 70000 },
	{ SOL_SOCKET, SO_PRIORITY, 5 },	    { SOL_SOCKET, SO_OOBINLINE, 1 },
	{ SOL_SOCKET, SO_RCVLOWAT, 7 },	    { IPPROTO_IP, IP_TTL, 33 },
	{ SOL_SOCKET, SO_MARK, 6 },	    { IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO },
}, udp_settings[] = {
	{ SOL_SOCKET, SO_BROADCAST, 1 },    { IPPROTO_IP, IP_TOS, 0x10 },
	{ IPPROTO_IP, IP_PKTINFO, 1 },	    { IPPROTO_IP, IP_MULTICAST_TTL, 5 },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, 0 }, { SOL_SOCKET, SO_TIMESTAMPNS, 1 },
	{ SOL_SOCKET, SO_NO_CHECK, 1 },	    { IPPROTO_IP, IP_RECVERR, 1 },
	{ SOL_SOCKET, SO_PRIORITY, 0 },
}, v6_settings[] = {
	{ IPPROTO_IPV6, IPV6_V6ONLY, 1 },   { IPPROTO_IPV6, IPV6_TCLASS, 0x20 },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9 }, { IPPROTO_IPV6, IPV6_RECVPKTINFO, 1 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_IF, 1 }, /* by the name "lo" */
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void give(int fd, const struct setting *setting, size_t count)
{
	for (size_t i = 0; i < count; i++)
		VICTIM_CHECK(setsockopt(fd, setting[i].level, setting[i].option, &setting[i].value,
					sizeof(int)) == 0);
}

static int value_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t bytes = sizeof(value);

	VICTIM_CHECK(getsockopt(fd, level, option, &value, &bytes) == 0);
	return value;
}

static void check(int fd, const struct setting *setting, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool is_size = setting[i].level == SOL_SOCKET &&
			       (setting[i].option == SO_SNDBUF || setting[i].option == SO_RCVBUF);

		if (value_of(fd, setting[i].level, setting[i].option) !=
		    setting[i].value * (is_size ? 2 : 1)) {
			char text[64];

			snprintf(text, sizeof(text), "option %d of level %d is as it was",
				 setting[i].option, setting[i].level);
			victim_fail(__FILE__, __LINE__, text);
		}
	}
}

static int make(int family, int type, int port, const struct setting *setting, size_t count)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int fd = socket(family, type, 0);

	give(fd, setting, count);
	if (port && family == AF_INET)
		VICTIM_CHECK(bind(fd, (struct sockaddr *)&v4, sizeof(v4)) == 0);
	else if (port)
		VICTIM_CHECK(bind(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0);
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_in6 name = { 0 };
	socklen_t bytes = sizeof(name);

	VICTIM_CHECK(getsockname(fd, (struct sockaddr *)&name, &bytes) == 0);
	return ntohs(name.sin6_port);
}

static int call(int family, int port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(family, SOCK_STREAM, 0);

	VICTIM_CHECK((family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
					: connect(fd, (struct sockaddr *)&v6, sizeof(v6))) == 0);
	return fd;
}

/* It has waited since before the move. */
static void *in_accept(void *unused)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			return unused;
		__atomic_store_n(&accepted, fd, __ATOMIC_RELEASE);
	}
}

/* The connections are gone before the next move, and their ports with them. */
static void abandon(int fd)
{
	const struct linger at_once = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static void check_listener(void)
{
	int ms = 0, caller = call(AF_INET, TCP_PORT);
	char got = 0;

	VICTIM_CHECK(send(caller, "c", 1, 0) == 1); /* TCP_DEFER_ACCEPT */
	for (; ms < 2000 && __atomic_load_n(&accepted, __ATOMIC_ACQUIRE) < 0; ms++)
		victim_nap();
	int fd = __atomic_exchange_n(&accepted, -1, __ATOMIC_ACQ_REL);

	VICTIM_CHECK(fd >= 0 && recv(fd, &got, 1, 0) == 1 && got == 'c');
	abandon(caller);
	abandon(fd);
}

static void check_v6_listener(int fd)
{
	int caller = call(AF_INET6, V6_PORT), taken = accept(fd, NULL, NULL);

	VICTIM_CHECK(taken >= 0);
	abandon(caller);
	abandon(taken);
}

static bool is_heard(int from, int at, const char *text)
{
	char got[16] = "";

	VICTIM_CHECK(send(from, text, strlen(text), 0) == (ssize_t)strlen(text));
	return recv(at, got, sizeof(got) - 1, 0) == (ssize_t)strlen(text) && strcmp(got, text) == 0;
}

static void check_backlog(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t bytes = sizeof(info);

	VICTIM_CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0);
	VICTIM_CHECK(info.tcpi_state == TCP_LISTEN && info.tcpi_sacked == BACKLOG);
}

static void check_times(int fd)
{
	struct timeval limit = { 0 };
	struct linger linger = { 0 };
	char algorithm[16] = "";
	socklen_t bytes = sizeof(limit), more = sizeof(linger), name = sizeof(algorithm);

	VICTIM_CHECK(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &bytes) == 0 &&
		     limit.tv_sec == 12);
	VICTIM_CHECK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &more) == 0 && linger.l_onoff &&
		     linger.l_linger == 34);
	VICTIM_CHECK(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm, &name) == 0 &&
		     strcmp(algorithm, "reno") == 0);
}

static int make_options(void)
{
	const struct timeval limit = { 12, 0 };
	const struct linger linger = { 1, 34 };
	int fd = make(AF_INET, SOCK_STREAM, 0, tcp_settings, COUNT(tcp_settings));

	VICTIM_CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0);
	VICTIM_CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	VICTIM_CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0);
	VICTIM_CHECK(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == 0);
	VICTIM_CHECK(fchown(fd, 12, 34) == 0);
	return fd;
}

static void check_made_options(int fd)
{
	char device[16] = "";
	socklen_t bytes = sizeof(device);
	struct stat status;

	check(fd, tcp_settings, COUNT(tcp_settings));
	check_times(fd);
	VICTIM_CHECK(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &bytes) == 0 &&
		     strcmp(device, "lo") == 0);
	VICTIM_CHECK(fstat(fd, &status) == 0 && status.st_uid == 12 && status.st_gid == 34);
}

int main(void)
{
	static const struct setting reuse[] = { { SOL_SOCKET, SO_REUSEADDR, 1 },
						{ SOL_SOCKET, SO_REUSEPORT, 1 },
						{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 3 } };
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 4711 };
	struct sockaddr_in peer = { .sin_family = AF_INET,
				    .sin_port = htons(UDP_PORT),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	pthread_t waiter;

	victim_begin();
	int plain = make(AF_INET, SOCK_STREAM, 0, NULL, 0);
	int many = make_options();
	int bound = make(AF_INET, SOCK_STREAM, BOUND_PORT, NULL, 0);

	listener = make(AF_INET, SOCK_STREAM, TCP_PORT, reuse, 3);
	int beside[2] = { make(AF_INET, SOCK_STREAM, SHARED, reuse, 2),
			  make(AF_INET, SOCK_STREAM, SHARED, reuse, 2) };
	int given_up[2] = { make(AF_INET, SOCK_STREAM, GIVEN_UP, reuse + 1, 1),
			    make(AF_INET, SOCK_STREAM, GIVEN_UP, reuse + 1, 1) };
	int v6 = make(AF_INET6, SOCK_STREAM, V6_PORT, v6_settings, 3);
	int udp = make(AF_INET, SOCK_DGRAM, UDP_PORT, udp_settings, COUNT(udp_settings));
	int udp_v6 = make(AF_INET6, SOCK_DGRAM, 0, v6_settings, COUNT(v6_settings));
	int caller = make(AF_INET, SOCK_DGRAM, 0, NULL, 0), epoll = epoll_create1(0);

	VICTIM_CHECK(listen(listener, BACKLOG) == 0 && listen(v6, 1) == 0);
	VICTIM_CHECK(listen(beside[0], 4) == 0 && listen(beside[1], 4) == 0);
	VICTIM_CHECK(listen(given_up[0], 4) == 0 && listen(given_up[1], 4) == 0);
	VICTIM_CHECK(setsockopt(given_up[0], SOL_SOCKET, SO_REUSEPORT, &(int){ 0 }, sizeof(int)) ==
		     0);
	VICTIM_CHECK(connect(caller, (struct sockaddr *)&peer, sizeof(peer)) == 0);
	VICTIM_CHECK(fcntl(udp, F_SETFL, O_NONBLOCK) == 0);
	VICTIM_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, udp, &event) == 0);
	VICTIM_CHECK(fcntl(v6, F_SETFD, FD_CLOEXEC) == 0);
	int own_port = port_of(caller), again = dup(bound);

	pthread_create(&waiter, NULL, in_accept, NULL);
	victim_ready();
	while (victim_moved()) {
		char got;

		VICTIM_CHECK(port_of(plain) == 0 && recv(plain, &got, 1, 0) < 0 &&
			     errno == ENOTCONN);
		VICTIM_CHECK(poll(&(struct pollfd){ .fd = plain }, 1, 0) == 1);
		check_made_options(many);
		VICTIM_CHECK(port_of(bound) == BOUND_PORT && port_of(again) == BOUND_PORT);
		check_backlog(listener);
		check(listener, reuse, 3);
		check_listener();
		VICTIM_CHECK(port_of(beside[0]) == SHARED && port_of(beside[1]) == SHARED);
		check(given_up[1], reuse + 1, 1);
		check(given_up[0], &(const struct setting){ SOL_SOCKET, SO_REUSEPORT, 0 }, 1);
		VICTIM_CHECK(port_of(given_up[0]) == GIVEN_UP && port_of(given_up[1]) == GIVEN_UP);
		check(v6, v6_settings, 3);
		check_v6_listener(v6);
		VICTIM_CHECK(fcntl(v6, F_GETFD) == FD_CLOEXEC);
		check(udp, udp_settings, COUNT(udp_settings));
		check(udp_v6, v6_settings, COUNT(v6_settings));
		VICTIM_CHECK(fcntl(udp, F_GETFL) & O_NONBLOCK);
		VICTIM_CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
		VICTIM_CHECK(port_of(caller) == own_port && is_heard(caller, udp, "datagram"));
		VICTIM_CHECK(send(caller, "w", 1, 0) == 1 &&
			     epoll_wait(epoll, &event, 1, 1000) == 1 && event.data.u64 == 4711 &&
			     recv(udp, &got, 1, 0) == 1);
	}
	shutdown(listener, SHUT_RDWR);
	pthread_join(waiter, NULL);
	return victim_end();
}
