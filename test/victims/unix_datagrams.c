/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets of datagrams that are connected by name, and messages that nobody has received, with the names of their
 * senders: by paths and abstract names, of sockets that are there, that have no name, and that are closed; to itself.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "victims/victim.h"

#define LONG 100000

static char folder[] = "/tmp/dvs-victim-datagrams-XXXXXX";
static char bytes[LONG], got[LONG];

struct name {
	struct sockaddr_un un;
	socklen_t length;
};

/* Of that many bytes, for an abstract name ends where it is told to. */
static struct name name_of(bool is_abstract, const char *text)
{
	struct name name = { .un = { .sun_family = AF_UNIX } };
	int length = snprintf(name.un.sun_path, sizeof(name.un.sun_path), "%s%s%s",
			      is_abstract ? "@dvs-victim-" : folder, is_abstract ? "" : "/", text);

	if (is_abstract)
		name.un.sun_path[0] = 0;
	name.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length);
	return name;
}

static int datagrams(const struct name *name)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (name)
		VICTIM_CHECK(bind(fd, (const struct sockaddr *)&name->un, name->length) == 0);
	return fd;
}

static void join(int fd, const struct name *to)
{
	VICTIM_CHECK(connect(fd, (const struct sockaddr *)&to->un, to->length) == 0);
}

static void put(int fd, const struct name *to, const char *text, size_t length)
{
	VICTIM_CHECK(sendto(fd, text, length, 0, to ? (const struct sockaddr *)&to->un : NULL,
			    to ? to->length : 0) == (ssize_t)length);
}

static bool is_next(int fd, const struct name *from, const char *text, size_t length)
{
	struct name name = { .length = sizeof(name.un) };
	ssize_t r = recvfrom(fd, got, sizeof(got), MSG_DONTWAIT, (struct sockaddr *)&name.un,
			     &name.length);
	size_t before = offsetof(struct sockaddr_un, sun_path);

	if (r != (ssize_t)length || memcmp(got, text, length) != 0)
		return false;
	if (!from)
		return name.length <= before;
	return strncmp(name.un.sun_path + !name.un.sun_path[0],
		       from->un.sun_path + !from->un.sun_path[0],
		       from->length - before - !from->un.sun_path[0]) == 0;
}

static bool is_empty(int fd)
{
	return recv(fd, got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static bool has_peer(int fd, const struct name *wanted)
{
	struct name name = { .length = sizeof(name.un) };

	return getpeername(fd, (struct sockaddr *)&name.un, &name.length) == 0 &&
	       memcmp(name.un.sun_path, wanted->un.sun_path,
		      wanted->length - offsetof(struct sockaddr_un, sun_path)) == 0;
}

static struct name at_path, at_name, at_gone, at_caller, at_closed, at_hidden, at_self, at_told;
static int path, abstract, gone, caller, nameless, self, told;

/* A message of which it is told who sent it, or nobody. */
static bool is_told(pid_t pid, const char *text)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct ucred sender = { 0 };
	struct iovec io = { got, LONG };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	if (recvmsg(told, &message, MSG_DONTWAIT) != (ssize_t)strlen(text) ||
	    memcmp(got, text, strlen(text)) != 0 || !CMSG_FIRSTHDR(&message))
		return false;
	memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sender));
	return sender.pid == pid && (!pid || (sender.uid == geteuid() && sender.gid == getegid()));
}

static void ask_senders(int on)
{
	VICTIM_CHECK(setsockopt(told, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
}

static void fill(void)
{
	int closed = datagrams(&at_closed), hidden = datagrams(&at_hidden);

	put(caller, NULL, "first", 5);
	put(nameless, NULL, bytes, LONG);
	put(closed, &at_path, "closed", 6);
	put(hidden, &at_path, "hidden", 6);
	put(caller, &at_name, "abstract", 8);
	put(self, NULL, "to itself", 9);
	ask_senders(0);
	put(closed, &at_told, "nobody's", 8);
	ask_senders(1);
	put(closed, &at_told, "told", 4);
	put(self, &at_told, "again", 5);
	close(closed);
	close(hidden);
	unlink(at_closed.un.sun_path);
}

static void check(void)
{
	VICTIM_CHECK(is_next(path, &at_caller, "first", 5) && is_next(path, NULL, bytes, LONG) &&
		     is_next(path, &at_closed, "closed", 6) &&
		     is_next(path, &at_hidden, "hidden", 6) && is_empty(path));
	VICTIM_CHECK(is_next(abstract, &at_caller, "abstract", 8) && is_empty(abstract));
	VICTIM_CHECK(is_next(self, &at_self, "to itself", 9) && is_empty(self));
	VICTIM_CHECK(is_told(0, "nobody's") && is_told(getpid(), "told") &&
		     is_told(getpid(), "again") && is_empty(told));
	VICTIM_CHECK(has_peer(caller, &at_path) && has_peer(nameless, &at_path) &&
		     has_peer(gone, &at_name) && has_peer(self, &at_self));
	put(gone, NULL, "from one", 8);
	VICTIM_CHECK(is_next(abstract, &at_gone, "from one", 8));
	/* One that is connected hears no other one. */
	VICTIM_CHECK(sendto(nameless, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&at_self.un,
			    at_self.length) < 0 &&
		     errno == EPERM);
	VICTIM_CHECK(access(at_path.un.sun_path, F_OK) == 0 &&
		     access(at_gone.un.sun_path, F_OK) < 0);
}

int main(void)
{
	victim_begin();
	VICTIM_CHECK(mkdtemp(folder));
	for (int i = 0; i < LONG; i++)
		bytes[i] = (char)(i % 251);
	at_path = name_of(false, "path"), at_name = name_of(true, "name");
	at_gone = name_of(false, "gone"), at_caller = name_of(false, "caller");
	at_closed = name_of(false, "closed"), at_hidden = name_of(true, "hidden");
	at_self = name_of(true, "self"), at_told = name_of(true, "told");
	path = datagrams(&at_path), abstract = datagrams(&at_name);
	gone = datagrams(&at_gone), caller = datagrams(&at_caller);
	nameless = datagrams(NULL), self = datagrams(&at_self), told = datagrams(&at_told);
	join(caller, &at_path);
	join(nameless, &at_path);
	join(gone, &at_name);
	join(self, &at_self);
	unlink(at_gone.un.sun_path);
	fill();
	victim_ready();
	while (victim_moved()) {
		check();
		fill();
	}
	unlink(at_path.un.sun_path);
	unlink(at_caller.un.sun_path);
	VICTIM_CHECK(rmdir(folder) == 0);
	return victim_end();
}
