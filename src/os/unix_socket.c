/* SPDX-License-Identifier: Apache-2.0 */
#include "os/unix_socket.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/netlink_ask.h"

#define SHUT_READS  1 /* as UNIX_DIAG_SHUTDOWN has them */
#define SHUT_WRITES 2

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) ? -errno : value;
}

static void note(struct os_unix_socket *socket, const struct nlattr *attr)
{
	const void *value = mnl_attr_get_payload(attr);
	size_t bytes = mnl_attr_get_payload_len(attr);
	struct unix_diag_vfs file;
	struct unix_diag_rqlen queue;

	switch (mnl_attr_get_type(attr)) {
	case UNIX_DIAG_VFS:
		if (bytes < sizeof(file))
			break;
		memcpy(&file, value, sizeof(file));
		socket->inode = file.udiag_vfs_ino;
		break;
	case UNIX_DIAG_RQLEN:
		if (bytes < sizeof(queue))
			break;
		memcpy(&queue, value, sizeof(queue));
		socket->backlog = socket->listens ? queue.udiag_wqueue : 0;
		socket->waiting = socket->listens ? queue.udiag_rqueue : 0;
		break;
	case UNIX_DIAG_SHUTDOWN:
		socket->reads_end = mnl_attr_get_u8(attr) & SHUT_READS;
		socket->writes_end = mnl_attr_get_u8(attr) & SHUT_WRITES;
		break;
	}
}

static int on_socket(const struct nlmsghdr *head, void *ctx)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, head, sizeof(struct unix_diag_msg)) note(ctx, attr);
	return MNL_CB_STOP;
}

/* The kernel is asked about this one alone. */
static int look_inside(int fd, struct os_unix_socket *unix_socket)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES];
	struct nlmsghdr *head = os_netlink_ask_begin(buffer, SOCK_DIAG_BY_FAMILY, 0);
	struct unix_diag_req *body = mnl_nlmsg_put_extra_header(head, sizeof(*body));
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	body->sdiag_family = AF_UNIX;
	body->udiag_states = UINT32_MAX;
	body->udiag_ino = (uint32_t)status.st_ino;
	body->udiag_show = UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN;
	body->udiag_cookie[0] = body->udiag_cookie[1] = UINT32_MAX;
	return os_netlink_ask(NETLINK_SOCK_DIAG, head, on_socket, unix_socket);
}

/* A path without the zero at its end. How many bytes; 0: none. */
static uint32_t copy_name(uint8_t to[OS_UNIX_NAME_BYTES], const struct sockaddr_un *name,
			  socklen_t bytes)
{
	if (bytes <= offsetof(struct sockaddr_un, sun_path))
		return 0;
	if (bytes > sizeof(*name))
		bytes = sizeof(*name);
	uint32_t length = bytes - (uint32_t)offsetof(struct sockaddr_un, sun_path);

	assert(length <= OS_UNIX_NAME_BYTES);
	memcpy(to, name->sun_path, length);
	return to[0] ? (uint32_t)strnlen((const char *)to, length) : length;
}

static int read_name(int fd, struct os_unix_socket *socket)
{
	struct sockaddr_un name = { 0 };
	socklen_t bytes = sizeof(name);

	if (getsockname(fd, (struct sockaddr *)&name, &bytes))
		return -errno;
	socket->name_bytes = copy_name(socket->name, &name, bytes);
	return 0;
}

enum os_unix_type os_unix_connection_look(int fd, struct os_unix_connection *connection)
{
	struct sockaddr_un own = { 0 }, peer = { 0 };
	socklen_t own_bytes = sizeof(own), peer_bytes = sizeof(peer);
	int type = option_of(fd, SO_TYPE);

	*connection = (struct os_unix_connection){ 0 };
	if (option_of(fd, SO_DOMAIN) != AF_UNIX ||
	    (type != OS_UNIX_STREAM && type != OS_UNIX_SEQPACKET) ||
	    getsockname(fd, (struct sockaddr *)&own, &own_bytes) ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_bytes))
		return OS_UNIX_NONE;
	bool has_own = own_bytes > offsetof(struct sockaddr_un, sun_path);
	bool has_peer = peer_bytes > offsetof(struct sockaddr_un, sun_path);

	if (has_own == has_peer)
		return OS_UNIX_NONE;
	connection->is_own = has_own;
	connection->name_bytes = has_own ? copy_name(connection->name, &own, own_bytes)
					 : copy_name(connection->name, &peer, peer_bytes);
	return connection->type = (enum os_unix_type)type;
}

/* Whether it is no end of a pair or of a connection. Datagram sockets without a name are a pair. */
static bool is_single(int fd, bool *is_connected)
{
	struct sockaddr_un name;
	const socklen_t unnamed = offsetof(struct sockaddr_un, sun_path);
	socklen_t bytes = sizeof(name), own = sizeof(name);

	if (getpeername(fd, (struct sockaddr *)&name, &bytes))
		return errno == ENOTCONN;
	*is_connected = true;
	return option_of(fd, SO_TYPE) == SOCK_DGRAM &&
	       getsockname(fd, (struct sockaddr *)&name, &own) == 0 &&
	       (own > unnamed || bytes > unnamed);
}

int os_unix_socket_look(int fd, struct os_unix_socket *socket)
{
	struct ucred rights;
	socklen_t rights_bytes = sizeof(rights);
	struct pollfd seen = { .fd = fd };
	bool is_connected = false;

	if (option_of(fd, SO_DOMAIN) != AF_UNIX || !is_single(fd, &is_connected))
		return 0;
	*socket = (struct os_unix_socket){ .type = (enum os_unix_type)option_of(fd, SO_TYPE),
					   .is_connected = is_connected,
					   .listens = option_of(fd, SO_ACCEPTCONN) == 1,
					   .send_bytes = (uint32_t)option_of(fd, SO_SNDBUF),
					   .receive_bytes = (uint32_t)option_of(fd, SO_RCVBUF),
					   .options = os_unix_pair_options(fd),
					   .option = os_unix_pair_odd_option(fd) };
	if (socket->option < 0)
		return socket->option;
	if (poll(&seen, 1, 0) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &rights, &rights_bytes))
		return -errno;
	socket->has_error = seen.revents & POLLERR;
	socket->pid = rights.pid;
	socket->uid = rights.uid;
	socket->gid = rights.gid;
	int r = read_name(fd, socket);

	if (r == 0)
		r = look_inside(fd, socket);
	return r ? r : 1;
}

int os_unix_socket_shut(int fd, bool *reads_end, bool *writes_end)
{
	struct os_unix_socket socket = { 0 };
	int r = look_inside(fd, &socket);

	*reads_end = socket.reads_end;
	*writes_end = socket.writes_end;
	return r;
}

bool os_unix_socket_is_empty(int fd)
{
	struct pollfd seen = { .fd = fd, .events = POLLIN | POLLRDHUP };

	/* The end of reading can be read as well. */
	return poll(&seen, 1, 0) >= 0 && (!(seen.revents & POLLIN) || seen.revents & POLLRDHUP);
}

struct binding {
	int fd, folder;
	struct sockaddr_un name;
	socklen_t bytes;
	int result;
};

static void call_bind(struct binding *binding)
{
	binding->result = bind(binding->fd, (const struct sockaddr *)&binding->name, binding->bytes)
				  ? -errno
				  : 0;
}

/* The thread has a root directory of its own, and ends with it. */
static void *bind_below(void *pointer)
{
	struct binding *binding = pointer;

	if (unshare(CLONE_FS) || fchdir(binding->folder) || chroot("."))
		binding->result = -errno;
	else
		call_bind(binding);
	return NULL;
}

int os_unix_socket_bind(int fd, int folder, const uint8_t *name, uint32_t bytes)
{
	struct binding binding = { .fd = fd, .folder = folder };
	pthread_t thread;

	assert(bytes && bytes <= OS_UNIX_NAME_BYTES);
	binding.name.sun_family = AF_UNIX;
	memcpy(binding.name.sun_path, name, bytes);
	binding.bytes = (socklen_t)offsetof(struct sockaddr_un, sun_path) + bytes;
	if (!name[0]) {
		call_bind(&binding);
		return binding.result;
	}
	int r = pthread_create(&thread, NULL, bind_below, &binding);

	if (r)
		return -r;
	pthread_join(thread, NULL);
	return binding.result;
}

int os_unix_datagram_new(void)
{
	const int room = 32 << 20;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return fd < 0 ? -errno : fd;
}

static socklen_t name_of(struct sockaddr_un *to, const uint8_t *name, uint32_t bytes)
{
	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	assert(bytes && bytes <= OS_UNIX_NAME_BYTES);
	memcpy(to->sun_path, name, bytes);
	return (socklen_t)offsetof(struct sockaddr_un, sun_path) + bytes;
}

int os_unix_datagram_send(int fd, const uint8_t *name, uint32_t bytes, const uint8_t *message,
			  size_t length)
{
	struct sockaddr_un to;
	socklen_t to_bytes = name_of(&to, name, bytes);
	ssize_t sent = sendto(fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&to, to_bytes);

	return sent < 0 ? -errno : 0;
}

int os_unix_datagram_connect(int fd, const uint8_t *name, uint32_t bytes)
{
	struct sockaddr_un to;
	socklen_t to_bytes = name_of(&to, name, bytes);

	return connect(fd, (const struct sockaddr *)&to, to_bytes) ? -errno : 0;
}

/* A datagram socket that connects disturbs nobody: a stream refuses it, and no socket does so otherwise. */
bool os_unix_socket_is_used(int file)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	assert(file >= 0);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "/proc/self/fd/%d", file);
	bool used = fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0 ||
		    errno != ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return used;
}
