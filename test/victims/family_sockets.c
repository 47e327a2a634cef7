/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process and its child, with a FIFO, pairs of sockets and a connection by name between them, of which each has one
 * end and something is always left in, and with a listener that both have. Of the pairs one is made by the child.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "victims/victim.h"

static char folder[] = "/tmp/dvs-family-XXXXXX";
static struct sockaddr_un common = { .sun_family = AF_UNIX }, own = { .sun_family = AF_UNIX };
static char fifo_path[64];
static int ask[2], answer[2]; /* pipes from the process to its child, and back */
static int datagrams[2], listener, fifo;
static int connection, packets; /* by name; and the pair that the child has made */
static int own_listener;	/* of the child */
static pid_t child;
static uint32_t wrong; /* the line of the first check that failed */

#define CHECK_HERE(cond) (wrong = wrong || (cond) ? wrong : __LINE__)

static bool says(int fd, uint8_t byte)
{
	return write(fd, &byte, 1) == 1;
}

static bool hears(int fd, uint8_t byte)
{
	uint8_t heard[4];

	return read(fd, heard, sizeof(heard)) >= 1 && heard[0] == byte;
}

/* A stream and a FIFO have no bounds. */
static bool hears_one(int fd, uint8_t byte)
{
	uint8_t heard;

	return read(fd, &heard, 1) == 1 && heard == byte;
}

static bool is_peer(int fd, pid_t pid)
{
	struct ucred peer = { 0 };
	socklen_t bytes = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 && peer.pid == pid;
}

static int listen_on(struct sockaddr_un *name, const char *last)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(name->sun_path, sizeof(name->sun_path), "%s/%s", folder, last);
	return bind(fd, (const struct sockaddr *)name, sizeof(*name)) || listen(fd, 5) ? -1 : fd;
}

static int connect_to(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return connect(fd, (const struct sockaddr *)name, sizeof(*name)) ? -1 : fd;
}

/* One descriptor, with one byte. */
static void send_descriptor(int through, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec byte = { "d", 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	CHECK_HERE(sendmsg(through, &message, 0) == 1);
}

static int receive_descriptor(int through)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec piece = { &byte, 1 };
	struct msghdr message = { .msg_iov = &piece,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	int fd = -1;

	if (recvmsg(through, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* ---- the child ---- */

static void check_child(uint8_t round)
{
	CHECK_HERE(hears_one(fifo, round) && hears(datagrams[1], round));
	CHECK_HERE(hears_one(connection, round) && hears(packets, round));
	CHECK_HERE(is_peer(connection, getppid()) && is_peer(datagrams[1], getppid()));
	CHECK_HERE(is_peer(packets, getpid()));
	const int both[2] = { listener, own_listener };

	for (int i = 0; i < 2; i++) {
		int guest = accept(both[i], NULL, NULL);

		CHECK_HERE(guest >= 0 && is_peer(guest, getppid()) && says(guest, 'g'));
		close(guest);
	}
}

static void serve(void)
{
	int pair[2];
	uint8_t round;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	own_listener = listen_on(&own, "own");
	close(ask[1]);
	close(answer[0]);
	close(datagrams[0]);
	CHECK_HERE(own_listener >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	send_descriptor(datagrams[1], pair[0]);
	close(pair[0]);
	packets = pair[1];
	connection = accept(own_listener, NULL, NULL);
	fifo = open(fifo_path, O_RDONLY);
	while (read(ask[0], &round, 1) == 1) {
		check_child(round);
		if (write(answer[1], &wrong, sizeof(wrong)) != sizeof(wrong))
			_exit(97);
	}
	_exit(5);
}

/* ---- the process ---- */

static void say_all(uint8_t round)
{
	CHECK_HERE(says(fifo, round) && says(datagrams[0], round));
	CHECK_HERE(says(connection, round) && says(packets, round));
}

static void check(uint8_t round)
{
	uint32_t its = 0;
	int guest = connect_to(&common), other = connect_to(&own);

	say_all((uint8_t)(round + 1)); /* of which the child hears only later */
	CHECK_HERE(write(ask[1], &round, 1) == 1);
	CHECK_HERE(read(answer[0], &its, sizeof(its)) == sizeof(its));
	wrong = wrong ? wrong : its;
	CHECK_HERE(guest >= 0 && is_peer(guest, getpid()) && hears(guest, 'g'));
	CHECK_HERE(other >= 0 && is_peer(other, child) && hears(other, 'g'));
	close(guest);
	close(other);
	CHECK_HERE(is_peer(connection, child) && is_peer(packets, child));
	CHECK_HERE(is_peer(datagrams[0], getpid()));
	if (wrong)
		victim_fail(__FILE__, (int)wrong, "something of the family");
}

static void begin(void)
{
	VICTIM_CHECK(mkdtemp(folder) != NULL);
	snprintf(fifo_path, sizeof(fifo_path), "%s/fifo", folder);
	VICTIM_CHECK(mkfifo(fifo_path, 0600) == 0 && pipe(ask) == 0 && pipe(answer) == 0);
	VICTIM_CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams) == 0);
	listener = listen_on(&common, "common");
	VICTIM_CHECK(listener >= 0);
	child = fork();
	if (child == 0)
		serve();
	close(ask[0]);
	close(answer[1]);
	close(datagrams[1]);
	packets = receive_descriptor(datagrams[0]);
	snprintf(own.sun_path, sizeof(own.sun_path), "%s/own", folder);
	connection = connect_to(&own); /* which listens by now */
	fifo = open(fifo_path, O_WRONLY);
	VICTIM_CHECK(packets >= 0 && connection >= 0 && fifo >= 0);
}

int main(void)
{
	uint8_t round = 1;
	int status = 0;

	victim_begin();
	begin();
	say_all(round);
	check(round++);
	victim_ready();
	while (victim_moved())
		check(round++);
	kill(child, SIGTERM);
	VICTIM_CHECK(waitpid(child, &status, 0) == child);
	VICTIM_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	unlink(common.sun_path);
	unlink(own.sun_path);
	unlink(fifo_path);
	rmdir(folder);
	return victim_end();
}
