/* SPDX-License-Identifier: Apache-2.0 */
#include "os/unix_pair.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/unix_diag.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/netlink_ask.h"
#include "os/unix_socket.h"

#define OPTIONS_END  90
#define OPTION_BYTES 256
#define STATE_LISTENS \
	10 /* TCP_LISTEN, which is in the kernel's list of states for Unix sockets as well */

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) ? -errno : value;
}

_Static_assert((int)OS_UNIX_STREAM == SOCK_STREAM && (int)OS_UNIX_DATAGRAM == SOCK_DGRAM &&
		       (int)OS_UNIX_SEQPACKET == SOCK_SEQPACKET,
	       "the kernel's numbers");

int os_unix_pair_new(enum os_unix_type type, int pair[2])
{
	return socketpair(AF_UNIX, (int)type | SOCK_CLOEXEC, 0, pair) ? -errno : 0;
}

enum os_unix_type os_unix_pair_type(int fd)
{
	struct sockaddr_un name;
	socklen_t own = sizeof(name), peers = sizeof(name);

	bool is_end = option_of(fd, SO_DOMAIN) == AF_UNIX && option_of(fd, SO_ACCEPTCONN) == 0 &&
		      getsockname(fd, (struct sockaddr *)&name, &own) == 0 &&
		      own == sizeof(sa_family_t) &&
		      getpeername(fd, (struct sockaddr *)&name, &peers) == 0 &&
		      peers == sizeof(sa_family_t);

	return is_end ? (enum os_unix_type)option_of(fd, SO_TYPE) : OS_UNIX_NONE;
}

static const int carried[] = { SO_REUSEADDR, SO_BROADCAST, SO_KEEPALIVE,
			       SO_PASSCRED,  SO_PASSSEC,   SO_TIMESTAMP };
#define CARRIED (sizeof(carried) / sizeof(carried[0]))

_Static_assert(OS_UNIX_OPTIONS == (1u << CARRIED) - 1, "one bit for each");

uint32_t os_unix_pair_options(int fd)
{
	uint32_t options = 0;

	assert(fd >= 0);
	for (size_t i = 0; i < CARRIED; i++)
		options |= option_of(fd, carried[i]) > 0 ? 1u << i : 0;
	return options;
}

int os_unix_pair_set_options(int fd, uint32_t options)
{
	const int on = 1;

	assert(!(options & ~OS_UNIX_OPTIONS));
	for (size_t i = 0; i < CARRIED; i++)
		if (options & 1u << i && setsockopt(fd, SOL_SOCKET, carried[i], &on, sizeof(on)))
			return -errno;
	return 0;
}

/* Those that differ anyway, that are carried, or that do something when they are asked for. */
static bool is_left_out(int option)
{
	switch (option) {
	case SO_SNDBUF:
	case SO_RCVBUF:
	case SO_REUSEADDR:
	case SO_BROADCAST:
	case SO_KEEPALIVE:
	case SO_PASSCRED:
	case SO_PASSSEC:
	case SO_TIMESTAMP:
	case 72: /* SO_BUF_LOCK, which has no effect on these */
	case SO_ERROR:
	case SO_TYPE:
	case SO_ACCEPTCONN:
	case SO_PEERCRED:
	case 28: /* SO_PEERNAME */
	case SO_PEERSEC:
	case SO_INCOMING_CPU:
	case 55: /* SO_MEMINFO */
	case 56: /* SO_INCOMING_NAPI_ID */
	case 57: /* SO_COOKIE */
	case 59: /* SO_PEERGROUPS */
	case 77: /* SO_PEERPIDFD, which makes a descriptor */
		return true;
	}
	return false;
}

/* An option as the kernel gives it. */
struct option {
	int result;
	int error; /* if that is not 0 */
	socklen_t bytes;
	unsigned char value[OPTION_BYTES];
};

static struct option read_option(int fd, int number)
{
	struct option option = { .bytes = OPTION_BYTES };

	/* Of a filter the number of its instructions alone: with room for n bytes the kernel gives n of them. */
	if (number == SO_ATTACH_FILTER)
		option.bytes = 0;
	option.result = getsockopt(fd, SOL_SOCKET, number, option.value, &option.bytes);
	option.error = option.result ? errno : 0;
	return option;
}

/* Those of a fresh socket, which are asked for once. */
static struct option fresh[OPTIONS_END];
static bool is_known;
static pthread_mutex_t fresh_lock = PTHREAD_MUTEX_INITIALIZER;

static int read_fresh(void)
{
	int pair[2];

	if (is_known)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	for (int number = 1; number < OPTIONS_END; number++)
		if (!is_left_out(number))
			fresh[number] = read_option(pair[0], number);
	close(pair[0]);
	close(pair[1]);
	is_known = true;
	return 0;
}

int os_unix_pair_odd_option(int fd)
{
	pthread_mutex_lock(&fresh_lock);
	int r = read_fresh();

	pthread_mutex_unlock(&fresh_lock);
	if (r)
		return r;
	for (int number = 1; number < OPTIONS_END; number++) {
		if (is_left_out(number))
			continue;
		/* An option that a fresh socket does not know is known to no other one. */
		if (fresh[number].result && fresh[number].error == ENOPROTOOPT)
			continue;
		const struct option option = read_option(fd, number);

		if (option.result != fresh[number].result ||
		    (option.result == 0 &&
		     (option.bytes != fresh[number].bytes ||
		      memcmp(option.value, fresh[number].value, sizeof(option.value)))))
			return number;
	}
	return 0;
}

/*
 * A send of no byte by a stream sends nothing, and fails all the same where the stream is shut. Of others each send is
 * a message: they are looked up in the kernel's list.
 */
static int look_at_ends(int fd, int seen, bool *reads_end, bool *writes_end)
{
	if (option_of(fd, SO_TYPE) != SOCK_STREAM)
		return os_unix_socket_shut(fd, reads_end, writes_end);
	ssize_t sent = send(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno != EPIPE)
		return os_unix_socket_shut(fd, reads_end, writes_end);
	*reads_end = seen & POLLRDHUP;
	*writes_end = sent < 0;
	return 0;
}

int os_unix_pair_look(int fd, struct os_unix_pair *end)
{
	struct pollfd seen = { .fd = fd, .events = POLLRDHUP };
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	assert(fd >= 0);
	int option = os_unix_pair_odd_option(fd);

	if (option < 0)
		return option;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) || poll(&seen, 1, 0) < 0)
		return -errno;
	bool reads_end, writes_end;
	int r = look_at_ends(fd, seen.revents, &reads_end, &writes_end);

	if (r)
		return r;
	*end = (struct os_unix_pair){
		.send_bytes = (uint32_t)option_of(fd, SO_SNDBUF),
		.receive_bytes = (uint32_t)option_of(fd, SO_RCVBUF),
		.pid = peer.pid,
		.uid = peer.uid,
		.gid = peer.gid,
		.reads_end = reads_end,
		.writes_end = writes_end,
		.has_error = seen.revents & POLLERR,
		.options = os_unix_pair_options(fd),
		.option = option,
	};
	return 0;
}

struct telling {
	int (*each)(void *ctx, uint32_t inode, uint32_t peer);
	void *ctx;
	int result;
};

static int on_socket(const struct nlmsghdr *head, void *ctx)
{
	struct telling *telling = ctx;
	const struct unix_diag_msg *socket = mnl_nlmsg_get_payload(head);
	const struct nlattr *attr;

	mnl_attr_for_each(attr, head, sizeof(*socket))
	{
		if (mnl_attr_get_type(attr) != UNIX_DIAG_PEER)
			continue;
		telling->result =
			telling->each(telling->ctx, socket->udiag_ino, mnl_attr_get_u32(attr));
		break;
	}
	return telling->result ? MNL_CB_STOP : MNL_CB_OK;
}

/* The kernel tells of all sockets in these states. */
static int list(uint32_t states, uint32_t show, mnl_cb_t on_answer, void *ctx)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES];
	struct nlmsghdr *head = os_netlink_ask_begin(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	struct unix_diag_req *body = mnl_nlmsg_put_extra_header(head, sizeof(*body));

	body->sdiag_family = AF_UNIX;
	body->udiag_states = states;
	body->udiag_show = show;
	return os_netlink_ask(NETLINK_SOCK_DIAG, head, on_answer, ctx);
}

int os_unix_pair_each(int (*each)(void *ctx, uint32_t inode, uint32_t peer), void *ctx)
{
	struct telling telling = { each, ctx, 0 };

	assert(each);
	int r = list(UINT32_MAX, UDIAG_SHOW_PEER, on_socket, &telling);

	return r ? r : telling.result;
}

struct telling_waiting {
	int (*each)(void *ctx, uint32_t listener, uint32_t place, uint32_t inode);
	void *ctx;
	int result;
};

static int on_listener(const struct nlmsghdr *head, void *ctx)
{
	struct telling_waiting *telling = ctx;
	const struct unix_diag_msg *socket = mnl_nlmsg_get_payload(head);
	const struct nlattr *attr;

	mnl_attr_for_each(attr, head, sizeof(*socket))
	{
		const char *inodes = mnl_attr_get_payload(attr);
		uint32_t count = mnl_attr_get_payload_len(attr) / sizeof(uint32_t), inode;

		if (mnl_attr_get_type(attr) != UNIX_DIAG_ICONS)
			continue;
		for (uint32_t i = 0; i < count && !telling->result; i++) {
			memcpy(&inode, inodes + i * sizeof(inode), sizeof(inode));
			telling->result = telling->each(telling->ctx, socket->udiag_ino, i, inode);
		}
	}
	return telling->result ? MNL_CB_STOP : MNL_CB_OK;
}

int os_unix_pair_each_waiting(int (*each)(void *ctx, uint32_t listener, uint32_t place,
					  uint32_t inode),
			      void *ctx)
{
	struct telling_waiting telling = { each, ctx, 0 };

	assert(each);
	int r = list(1u << STATE_LISTENS, UDIAG_SHOW_ICONS, on_listener, &telling);

	return r ? r : telling.result;
}

bool os_unix_pair_is_over(int fd)
{
	struct pollfd seen = { .fd = fd, .events = 0 };

	assert(fd >= 0);
	return poll(&seen, 1, 0) > 0 && seen.revents & POLLHUP;
}

int os_unix_pair_peek_from(int fd, int at)
{
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof(at)) ? -errno : 0;
}

int os_unix_pair_unread(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) ? -errno : bytes;
}

int os_unix_pair_bytes(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCINQ, &bytes) ? -errno : bytes;
}

bool os_unix_pair_has_urgent(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The kernel takes half of the size that it counts. */
int os_unix_pair_set_sizes(int fd, uint32_t send_bytes, uint32_t receive_bytes)
{
	int send = (int)(send_bytes / 2), receive = (int)(receive_bytes / 2);

	assert(send >= 0 && receive >= 0);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive)))
		return -errno;
	return 0;
}

int os_unix_pair_end(int fd, bool reading, bool writing)
{
	if (!reading && !writing)
		return 0;
	return shutdown(fd, reading && writing ? SHUT_RDWR
			    : reading	       ? SHUT_RD
					       : SHUT_WR)
		       ? -errno
		       : 0;
}

int os_unix_pair_settle(int fd, const struct os_unix_pair *end)
{
	int r = os_unix_pair_set_sizes(fd, end->send_bytes, end->receive_bytes);

	if (r == 0)
		r = os_unix_pair_end(fd, end->reads_end, end->writes_end);
	return r ? r : os_unix_pair_set_options(fd, end->options);
}
