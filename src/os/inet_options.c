/* SPDX-License-Identifier: Apache-2.0 */
/* No table says which options there are: the kernel is asked, so that one which is new is carried or refused. */
#include "os/inet_options.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "os/inet.h"
#include "os/socket.h"

#define ROUNDS 3

enum family {
	FAMILY_V4,
	FAMILY_V6,
	FAMILY_NETLINK, /* of any protocol: they have the same options */
	FAMILY_PACKET,
	FAMILIES
};

/* Of all levels, so that an option which sets another one comes first: IP_TOS sets SO_PRIORITY. */
static const struct {
	int level, end;
} levels
	[] = {
		{ IPPROTO_IP, 64 }, /* those from there on are the packet filter's */
		{ IPPROTO_IPV6, 64 + 16 }, { SOL_SOCKET, 128 }, { IPPROTO_TCP, 64 },
		{ IPPROTO_UDP, 128 },	   { SOL_NETLINK, 64 }, { IPPROTO_ICMPV6, 2 },
		{ IPPROTO_RAW, 8 }, /* filters of raw sockets */
		{ SOL_PACKET, 32 },
	};
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

/* Facts, second names of another option, those that do something when they are asked for, and those of other files. */
static bool is_left_out_of_socket(int number)
{
	switch (number) {
	case SO_TYPE:
	case SO_ERROR:
	case SO_PEERCRED:
	case SO_BINDTODEVICE:
	case SO_ATTACH_FILTER:
	case 28: /* SO_PEERNAME */
	case SO_ACCEPTCONN:
	case SO_PEERSEC:
	case SO_PROTOCOL:
	case SO_DOMAIN:
	case SO_INCOMING_CPU:
	case 55: /* SO_MEMINFO */
	case 56: /* SO_INCOMING_NAPI_ID */
	case 57: /* SO_COOKIE */
	case 59: /* SO_PEERGROUPS */
	case 62: /* SO_BINDTOIFINDEX */
	case 66: /* SO_RCVTIMEO_NEW */
	case 67: /* SO_SNDTIMEO_NEW */
	case 71: /* SO_NETNS_COOKIE */
	case 77: /* SO_PEERPIDFD, which makes a descriptor */
		return true;
	}
	return false;
}

static bool is_left_out_of_tcp(int number)
{
	switch (number) {
	case 11: /* TCP_INFO */
	case 19: /* TCP_REPAIR and its kin */
	case 20:
	case 21:
	case 22:
	case 24: /* TCP_TIMESTAMP */
	case 26: /* TCP_CC_INFO */
	case 28: /* TCP_SAVED_SYN, which takes it */
	case 29:
	case 35: /* TCP_ZEROCOPY_RECEIVE */
		return true;
	}
	return false;
}

static bool is_left_out(int level, int number)
{
	switch (level) {
	case IPPROTO_IP: /* IP_PKTOPTIONS, the groups, and IP_PROTOCOL, which is the port */
		return number == 9 || (number >= 35 && number <= 48) || number == 52;
	case IPPROTO_IPV6:
		return number == 6 || number == 32 || (number >= 42 && number <= 48);
	case SOL_SOCKET:
		return is_left_out_of_socket(number);
	case IPPROTO_TCP:
		return is_left_out_of_tcp(number);
	case SOL_NETLINK:
		return number == 9; /* NETLINK_LIST_MEMBERSHIPS */
	case SOL_PACKET: /* those that os/packet.h tells, and the counts, which it takes */
		return number == PACKET_STATISTICS || number == PACKET_HDRLEN ||
		       number == PACKET_FANOUT || number == PACKET_ROLLOVER_STATS;
	}
	return false;
}

/* The number of an interface is another one on another machine: such an option is told by the name. */
static bool is_interface(const struct os_inet_option *option)
{
	return (option->level == IPPROTO_IP && option->number == 50) || /* IP_UNICAST_IF */
	       (option->level == IPPROTO_IPV6 && (option->number == IPV6_MULTICAST_IF ||
						  option->number == 76)); /* IPV6_UNICAST_IF */
}

/* Of two options the kernel tells the number in the order of the network. */
static uint32_t turned(const struct os_inet_option *option, uint32_t index)
{
	return option->level == IPPROTO_IPV6 && option->number == IPV6_MULTICAST_IF ? index
										    : htonl(index);
}

/* As the kernel tells it, to the name. No interface stays the number 0. -ENODEV: it is not here any more. */
static int name_interface(struct os_inet_option *option)
{
	uint32_t index;

	assert(is_interface(option) && option->bytes == sizeof(index));
	memcpy(&index, option->value, sizeof(index));
	if (!index)
		return 0;
	memset(option->value, 0, sizeof(option->value));
	option->bytes = IF_NAMESIZE;
	return if_indextoname(turned(option, index), (char *)option->value) ? 0 : -ENODEV;
}

static int set_interface(int fd, const struct os_inet_option *option)
{
	uint32_t index = 0;

	assert(is_interface(option));
	if (option->bytes == IF_NAMESIZE && !option->value[IF_NAMESIZE - 1])
		index = if_nametoindex((const char *)option->value);
	else if (option->bytes != sizeof(index) || memcmp(option->value, &index, sizeof(index)))
		return -EXDEV;
	if (option->bytes == IF_NAMESIZE && !index)
		return -ENODEV;
	index = turned(option, index);
	return setsockopt(fd, option->level, option->number, &index, sizeof(index)) ? -errno : 0;
}

/*
 * A value that a connection has found out or agreed upon is no setting of the program: the kernel also takes settings
 * for multicast from the packet that began a connection, which has no use for them.
 */
static bool is_of_connection(int level, int number)
{
	switch (level) {
	case IPPROTO_IP:
		return number == IP_MULTICAST_TTL || number == IP_MULTICAST_IF;
	case IPPROTO_IPV6:
		return number == IPV6_MULTICAST_HOPS || number == IPV6_MULTICAST_IF;
	case IPPROTO_TCP:
		return number == TCP_MAXSEG || number == TCP_WINDOW_CLAMP || number == TCP_QUICKACK;
	}
	return false;
}

static bool is_size(const struct os_inet_option *option)
{
	return option->level == SOL_SOCKET &&
	       (option->number == SO_SNDBUF || option->number == SO_RCVBUF);
}

static int read_option(int fd, struct os_inet_option *option)
{
	socklen_t bytes = sizeof(option->value);

	assert(!is_left_out(option->level, option->number));
	memset(option->value, 0, sizeof(option->value));
	if (getsockopt(fd, option->level, option->number, option->value, &bytes))
		return -errno;
	if (bytes > sizeof(option->value))
		return -E2BIG;
	option->bytes = bytes;
	/* A time to linger that is switched off is not to be seen. */
	if (option->level == SOL_SOCKET && option->number == SO_LINGER &&
	    !((struct linger *)(void *)option->value)->l_onoff)
		memset(option->value, 0, sizeof(option->value));
	return is_interface(option) ? name_interface(option) : 0;
}

static int set_option(int fd, const struct os_inet_option *option)
{
	int number = option->number, size;

	if (is_size(option) && option->bytes == sizeof(size)) {
		/* The kernel takes half of the size that it counts. */
		memcpy(&size, option->value, sizeof(size));
		size /= 2;
		number = number == SO_SNDBUF ? SO_SNDBUFFORCE : SO_RCVBUFFORCE;
		return setsockopt(fd, SOL_SOCKET, number, &size, sizeof(size)) ? -errno : 0;
	}
	if (is_interface(option))
		return set_interface(fd, option);
	return setsockopt(fd, option->level, number, option->value, option->bytes) ? -errno : 0;
}

struct sort {
	int domain, type, protocol;
};

static int sort_of(int fd, struct sort *sort)
{
	socklen_t bytes[] = { sizeof(int), sizeof(int), sizeof(int) };

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &sort->domain, &bytes[0]) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &sort->type, &bytes[1]) ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &sort->protocol, &bytes[2]))
		return -errno;
	return 0;
}

static int new_like(int fd)
{
	struct sort sort;
	int r = sort_of(fd, &sort);
	int made = r ? r : socket(sort.domain, sort.type | SOCK_CLOEXEC, sort.protocol);

	return r == 0 && made < 0 ? -errno : made;
}

/* Those of a fresh socket of each kind, which are asked for once. */
enum {
	FRESH_TCP,
	FRESH_UDP,
	FRESH_LITE,
	FRESH_RAW, /* of any protocol, but those three */
	FRESH_HEADED,
	FRESH_ICMP,
	FRESH_OLD, /* SOCK_PACKET */
	FRESH_SORTS
};
static struct os_inet_options fresh[FAMILIES][FRESH_SORTS];
static pthread_mutex_t fresh_lock = PTHREAD_MUTEX_INITIALIZER;

static int ask_all(int fd, struct os_inet_options *options)
{
	struct os_inet_option option;

	options->count = 0;
	for (size_t i = 0; i < LEVELS; i++) {
		for (int number = 1; number < levels[i].end; number++) {
			option.level = (uint16_t)levels[i].level;
			option.number = (uint16_t)number;
			if (is_left_out(levels[i].level, number) || read_option(fd, &option))
				continue;
			if (options->count == OS_INET_OPTIONS_MAX)
				return -E2BIG;
			options->option[options->count++] = option;
		}
	}
	return 0;
}

static int place_of(const struct sort *sort)
{
	if (sort->type == SOCK_STREAM)
		return FRESH_TCP;
	if (sort->type == SOCK_DGRAM)
		return sort->protocol == IPPROTO_UDPLITE ? FRESH_LITE : FRESH_UDP;
	if (sort->type == SOCK_PACKET)
		return FRESH_OLD;
	if (sort->protocol == IPPROTO_RAW)
		return FRESH_HEADED;
	/* That of the other family is a protocol as any other one. */
	return sort->protocol == (sort->domain == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)
		       ? FRESH_ICMP
		       : FRESH_RAW;
}

static enum family family_of(int domain)
{
	switch (domain) {
	case AF_INET6:
		return FAMILY_V6;
	case AF_NETLINK:
		return FAMILY_NETLINK;
	case AF_PACKET:
		return FAMILY_PACKET;
	}
	return FAMILY_V4;
}

static int fresh_of(int fd, struct sort *sort, const struct os_inet_options **found)
{
	int r = sort_of(fd, sort);

	if (r)
		return r;
	struct os_inet_options *options = &fresh[family_of(sort->domain)][place_of(sort)];

	pthread_mutex_lock(&fresh_lock);
	if (!options->count) {
		int made = new_like(fd);

		r = made < 0 ? made : ask_all(made, options);
		if (r)
			options->count = 0;
		os_close(made);
	}
	pthread_mutex_unlock(&fresh_lock);
	*found = options;
	return r;
}

static bool are_same(const struct os_inet_option *one, const struct os_inet_option *other)
{
	return one->bytes == other->bytes && memcmp(one->value, other->value, one->bytes) == 0;
}

/* Which sizes the program has set: bits of SO_BUF_LOCK. */
static bool is_chosen(int fd, const struct os_inet_option *option)
{
	struct os_inet_option lock = { .level = SOL_SOCKET, .number = 72 };

	if (!is_size(option))
		return true;
	return read_option(fd, &lock) == 0 && lock.value[0] & (option->number == SO_SNDBUF ? 1 : 2);
}

int os_inet_options_look(int fd, struct os_inet_options *options)
{
	const struct os_inet_options *known;
	struct sort sort;
	int r = fresh_of(fd, &sort, &known);
	bool is_connection = r == 0 && sort.type == SOCK_STREAM && os_inet_has_connection(fd);

	options->count = 0;
	for (uint32_t i = 0; i < known->count && r == 0; i++) {
		struct os_inet_option *option = &options->option[options->count];

		option->level = known->option[i].level;
		option->number = known->option[i].number;
		if (is_connection && is_of_connection(option->level, option->number))
			continue;
		r = read_option(fd, option);
		if (r == 0 && !are_same(option, &known->option[i]) && is_chosen(fd, option))
			options->count++;
	}
	return r;
}

static const struct os_inet_option *find(const struct os_inet_options *options,
					 const struct os_inet_option *wanted)
{
	for (uint32_t i = 0; i < options->count; i++)
		if (options->option[i].level == wanted->level &&
		    options->option[i].number == wanted->number)
			return &options->option[i];
	return NULL;
}

/* Sets what is not as it should be. How many there were; or an error. */
static int give_once(int fd, const struct os_inet_options *known,
		     const struct os_inet_options *options, int *number)
{
	int given = 0;

	assert(known->count);
	for (uint32_t i = 0; i < known->count; i++) {
		const struct os_inet_option *told = find(options, &known->option[i]);
		const struct os_inet_option *wanted = told ? told : &known->option[i];
		struct os_inet_option now = *wanted;

		*number = wanted->number;
		if (!told && is_size(wanted))
			continue;
		int r = read_option(fd, &now);

		if (r == 0 && are_same(&now, wanted))
			continue;
		r = set_option(fd, wanted);
		if (r)
			return r;
		given++;
	}
	return given;
}

int os_inet_options_give(int fd, const struct os_inet_options *options, int *number)
{
	const struct os_inet_options *known;
	struct sort sort;
	int r = options->count ? fresh_of(fd, &sort, &known) : 0;

	*number = 0;
	assert(options->count <= OS_INET_OPTIONS_MAX);
	if (r || !options->count)
		return r;
	for (uint32_t i = 0; i < options->count; i++) {
		const struct os_inet_option *option = &options->option[i];

		*number = option->number;
		if (option->bytes > sizeof(option->value) || !find(known, option))
			return -ENOPROTOOPT;
	}
	/* One that sets another one is found when all are looked at. */
	for (uint32_t i = 0; i < options->count && r == 0; i++) {
		*number = options->option[i].number;
		r = set_option(fd, &options->option[i]);
	}
	for (int round = 0; round < ROUNDS && r == 0; round++) {
		r = give_once(fd, known, options, number);
		if (r <= 0)
			return r;
		r = 0;
	}
	return r ? r : -EXDEV;
}

/* Those that could be set last: a server's connections have the same ones. */
static struct os_inet_options good[FAMILIES][FRESH_SORTS];

static struct os_inet_options *good_of(const struct os_inet_options *known)
{
	size_t place = (size_t)(known - &fresh[0][0]);

	return &good[0][0] + place;
}

static bool are_good(const struct os_inet_options *known, const struct os_inet_options *options)
{
	const struct os_inet_options *last = good_of(known);
	pthread_mutex_lock(&fresh_lock);
	bool same = last->count == options->count;

	for (uint32_t i = 0; i < options->count && same; i++)
		same = last->option[i].level == options->option[i].level &&
		       last->option[i].number == options->option[i].number &&
		       are_same(&last->option[i], &options->option[i]);
	pthread_mutex_unlock(&fresh_lock);
	return same;
}

static void keep_good(const struct os_inet_options *known, const struct os_inet_options *options)
{
	struct os_inet_options *last = good_of(known);

	pthread_mutex_lock(&fresh_lock);
	last->count = options->count;
	memcpy(last->option, options->option, options->count * sizeof(options->option[0]));
	pthread_mutex_unlock(&fresh_lock);
}

int os_inet_options_try(int fd, const struct os_inet_options *options, int *number)
{
	const struct os_inet_options *known;
	struct sort sort;
	int r = options->count ? fresh_of(fd, &sort, &known) : 0;

	assert(options->count <= OS_INET_OPTIONS_MAX);
	if (r || !options->count || are_good(known, options))
		return r;
	int made = new_like(fd);

	r = made < 0 ? made : os_inet_options_give(made, options, number);
	os_close(made);
	if (r == 0)
		keep_good(known, options);
	return r;
}

bool os_inet_option_is_transparent(const struct os_inet_option *option, bool is_v6)
{
	assert(option->bytes <= sizeof(option->value));
	return option->level == (is_v6 ? IPPROTO_IPV6 : IPPROTO_IP) &&
	       option->number == (is_v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT) && option->bytes &&
	       option->value[0];
}
