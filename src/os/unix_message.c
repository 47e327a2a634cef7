/* SPDX-License-Identifier: Apache-2.0 */
#include "os/unix_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(OS_UNIX_RIGHTS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)) +
		   512];
};

void os_unix_extra_close(struct os_unix_extra *extra)
{
	while (extra->fd_count)
		close(extra->fd[--extra->fd_count]);
}

static void take(struct os_unix_extra *extra, const struct cmsghdr *head)
{
	size_t bytes = head->cmsg_len - CMSG_LEN(0);
	struct ucred sender;

	if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
		assert(!extra->fd_count && bytes <= sizeof(extra->fd));
		memcpy(extra->fd, CMSG_DATA(head), bytes);
		extra->fd_count = (uint32_t)(bytes / sizeof(int));
	} else if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_CREDENTIALS) {
		memcpy(&sender, CMSG_DATA(head), sizeof(sender));
		extra->has_sender = true;
		extra->pid = sender.pid;
		extra->uid = sender.uid;
		extra->gid = sender.gid;
	} else if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_TIMESTAMP) {
		/* The kernel has made the time of a message just now (SO_TIMESTAMP). */
		extra->has_other = true;
	}
}

static void read_sender(const struct sockaddr_un *name, socklen_t bytes,
			struct os_unix_sender *sender)
{
	const socklen_t before = offsetof(struct sockaddr_un, sun_path);
	uint32_t length = bytes > before ? bytes - before : 0;

	if (length > OS_UNIX_SENDER_BYTES)
		length = OS_UNIX_SENDER_BYTES;
	memcpy(sender->name, name->sun_path, length);
	sender->name_bytes =
		length && name->sun_path[0] ? (uint32_t)strnlen(name->sun_path, length) : length;
}

ssize_t os_unix_peek_sent(int fd, void *to, size_t bytes, struct os_unix_extra *extra,
			  struct os_unix_sender *sender)
{
	union control control;
	struct sockaddr_un name = { 0 };
	struct iovec io = { to, bytes };
	struct msghdr message = { .msg_name = &name,
				  .msg_namelen = sizeof(name),
				  .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	assert(bytes);
	*extra = (struct os_unix_extra){ .fd_count = 0 };
	if (got < 0)
		return -errno;
	read_sender(&name, message.msg_namelen, sender);
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head;
	     head = CMSG_NXTHDR(&message, head))
		take(extra, head);
	if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return got;
	os_unix_extra_close(extra);
	return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : -EMFILE;
}

ssize_t os_unix_peek(int fd, void *to, size_t bytes, struct os_unix_extra *extra)
{
	struct os_unix_sender unused;

	return os_unix_peek_sent(fd, to, bytes, extra, &unused);
}

ssize_t os_unix_peek_before(int fd, void *to, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *nowhere = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec io[2] = { { to, bytes - 1 }, { nowhere, page } };
	struct msghdr message = { .msg_iov = io, .msg_iovlen = 2 };

	assert(bytes);
	if (nowhere == MAP_FAILED)
		return -errno;
	/* The piece that the kernel cannot copy whole is left out. */
	ssize_t got = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);
	int error = got < 0 ? errno : 0;

	munmap(nowhere, page);
	return error == EFAULT ? 0 : error ? -error : got;
}

static void add(struct msghdr *message, union control *control, int type, const void *data,
		size_t bytes)
{
	struct cmsghdr *head = (struct cmsghdr *)(control->bytes + message->msg_controllen);

	message->msg_control = control;
	head->cmsg_len = CMSG_LEN(bytes);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = type;
	memcpy(CMSG_DATA(head), data, bytes);
	message->msg_controllen += CMSG_SPACE(bytes);
}

ssize_t os_unix_send_to(int fd, const uint8_t *name, uint32_t name_bytes, const void *from,
			size_t bytes, const struct os_unix_extra *extra)
{
	union control control = { .bytes = "" };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct iovec io = { (void *)from, bytes };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1 };
	const struct ucred sender = { extra->pid, extra->uid, extra->gid };

	assert(extra->fd_count <= OS_UNIX_RIGHTS_MAX && name_bytes <= sizeof(to.sun_path));
	if (name_bytes) {
		memcpy(to.sun_path, name, name_bytes);
		message.msg_name = &to;
		message.msg_namelen =
			(socklen_t)offsetof(struct sockaddr_un, sun_path) + name_bytes;
	}
	if (extra->fd_count)
		add(&message, &control, SCM_RIGHTS, extra->fd, extra->fd_count * sizeof(int));
	if (extra->has_sender)
		add(&message, &control, SCM_CREDENTIALS, &sender, sizeof(sender));
	ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	return sent < 0 ? -errno : sent;
}

ssize_t os_unix_send(int fd, const void *from, size_t bytes, const struct os_unix_extra *extra)
{
	return os_unix_send_to(fd, NULL, 0, from, bytes, extra);
}
