/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers of a child of the test that the stop has cut short: the registers are as the kernel leaves them then. */
#include "migrate/cut_short.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/test.h"
#include "migrate/held_test.h"

#define BYTES 16

static struct held held;
static int ends[2]; /* a pipe of both */
static char bytes[BYTES + 1] = "0123456789abcdef";
static struct iovec segments[3] = { { bytes, 3 }, { NULL, 0 }, { bytes + 8, 5 } };
static uint8_t filled[128], room[128];

static bool begin(int flags)
{
	CHECK_EQ(pipe2(ends, flags), 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	bool good = held_start(&held, held_stay) && held_stop(&held) && held_find_syscall(&held);

	if (!good)
		held_end(&held);
	return good;
}

static void end(void)
{
	held_end(&held);
	close(ends[0]);
	close(ends[1]);
}

/* As after a call that has moved `done` bytes. Returns how many the program sees. */
static int64_t finish(long number, int64_t done, const uint64_t args[6])
{
	struct user_regs_struct *registers = &held.tracee.registers;

	registers->orig_rax = (uint64_t)number;
	registers->rax = (uint64_t)done;
	registers->rdi = args[0];
	registers->rsi = args[1];
	registers->rdx = args[2];
	registers->r10 = args[3];
	registers->r8 = args[4];
	registers->r9 = args[5];
	CHECK_EQ(cut_short_finish(&held.tracee, held.foothold.vdso_syscall, &held.inventory), 0);
	return (int64_t)registers->rax;
}

/* All that is in the pipe is this. */
static bool has(const char *wanted)
{
	char found[BYTES + 1] = "";
	ssize_t got = read(ends[0], found, BYTES);

	if (got < 0)
		got = 0;
	return (size_t)got == strlen(wanted) && memcmp(found, wanted, (size_t)got) == 0;
}

static void test_write(void)
{
	if (!begin(O_CLOEXEC))
		return;
	const uint64_t args[6] = { (uint64_t)ends[1], (uint64_t)bytes, 10 };

	CHECK_EQ(finish(SYS_write, 4, args), 10);
	CHECK(has("456789"));
	CHECK_EQ(finish(SYS_write, 10, args), 10); /* whole already */
	CHECK(has(""));
	CHECK_EQ(finish(SYS_write, -EPIPE, args), -EPIPE);
	CHECK_EQ(finish(SYS_write, 0, args), 0);
	CHECK(has(""));
	/* A read that was cut short is what the program asked for. */
	CHECK_EQ(finish(SYS_read, 4, args), 4);
	CHECK_EQ(finish(-1, 4, args), 4); /* in no call */
	CHECK(has(""));
	end();
}

static void test_write_segments(void)
{
	if (!begin(O_CLOEXEC))
		return;
	const uint64_t args[6] = { (uint64_t)ends[1], (uint64_t)segments, 3 };

	CHECK_EQ(finish(SYS_writev, 2, args), 8);
	CHECK(has("289abc"));
	CHECK_EQ(finish(SYS_writev, 3, args), 8);
	CHECK(has("89abc"));
	CHECK_EQ(finish(SYS_writev, 6, args), 8);
	CHECK(has("bc"));
	CHECK_EQ(finish(SYS_writev, 8, args), 8);
	CHECK(has(""));
	/* Segments that cannot be read, and more than there can be. */
	const uint64_t nowhere[6] = { (uint64_t)ends[1], 8, 3 };
	const uint64_t many[6] = { (uint64_t)ends[1], (uint64_t)segments, 1025 };

	CHECK_EQ(finish(SYS_writev, 2, nowhere), 2);
	CHECK_EQ(finish(SYS_writev, 2, many), 2);
	CHECK(has(""));
	end();
}

/* A program that asked not to wait, or writes to a file, has got the answer that it wants. */
static void test_not_cut(void)
{
	int file = memfd_create("file", MFD_CLOEXEC);

	if (!begin(O_CLOEXEC | O_NONBLOCK)) {
		close(file);
		return;
	}
	const uint64_t args[6] = { (uint64_t)ends[1], (uint64_t)bytes, 10 };
	const uint64_t to_file[6] = { (uint64_t)file, (uint64_t)bytes, 10 };
	const uint64_t closed[6] = { 9999, (uint64_t)bytes, 10 };

	CHECK_EQ(finish(SYS_write, 4, args), 4);
	CHECK(has(""));
	CHECK_EQ(finish(SYS_write, 4, to_file), 4);
	CHECK_EQ(lseek(file, 0, SEEK_END), 0);
	CHECK_EQ(finish(SYS_write, 4, closed), 4);
	end();
	close(file);
}

/* A pipe that nobody reads for a second leaves the short count, and not one byte more than fits. */
static void test_nobody_reads(void)
{
	static char full[65536];
	struct held *child = &held;

	if (!begin(O_CLOEXEC))
		return;
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], full, sizeof(full)) > 0)
		continue;
	CHECK_EQ(errno, EAGAIN);
	fcntl(ends[1], F_SETFL, 0);
	const uint64_t args[6] = { (uint64_t)ends[1], (uint64_t)bytes, 10 };

	CHECK_EQ(finish(SYS_write, 4, args), 4);
	CHECK(child->tracee.borrowed);
	end();
}

static void set_nonblock(int fd, bool on)
{
	CHECK_EQ(fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0), 0);
}

/* The other end of a stream may stand, so that the rest finds room in a full one. Its size is as before then. */
static void check_stream(int reader, int writer)
{
	static char full[4096], found[4096];
	uint64_t sent = 0, got = 0;
	int before = 0, after = 0;
	socklen_t length = sizeof(before);
	struct msghdr head = { .msg_iov = segments, .msg_iovlen = 3 };
	ssize_t r;

	while ((r = send(writer, full, sizeof(full), MSG_DONTWAIT)) > 0)
		sent += (uint64_t)r;
	getsockopt(writer, SOL_SOCKET, SO_SNDBUF, &before, &length);
	const uint64_t args[6] = { (uint64_t)writer, (uint64_t)bytes, 10 };
	const uint64_t impatient[6] = { (uint64_t)writer, (uint64_t)bytes, 10, MSG_DONTWAIT };
	const uint64_t message[6] = { (uint64_t)writer, (uint64_t)room };
	const uint64_t hasty[6] = { (uint64_t)writer, (uint64_t)room, MSG_DONTWAIT };

	CHECK_EQ(finish(SYS_sendto, 4, args), 10);
	CHECK_EQ(finish(SYS_write, 9, args), 10);
	CHECK_EQ(finish(SYS_sendto, 4, impatient), 4);
	CHECK_EQ(trace_write(held.pid, (uint64_t)room, &head, sizeof(head)), 0);
	CHECK_EQ(finish(SYS_sendmsg, 2, message), 8);
	CHECK_EQ(finish(SYS_sendmsg, 2, hasty), 2);
	getsockopt(writer, SOL_SOCKET, SO_SNDBUF, &after, &length);
	CHECK_EQ(after, before);
	for (set_nonblock(reader, false); got < sent; got += (uint64_t)r) {
		r = read(reader, found, sent - got < sizeof(found) ? sent - got : sizeof(found));
		CHECK_OR_RETURN(r > 0);
	}
	CHECK_EQ(recv(reader, found, 13, MSG_WAITALL), 13);
	CHECK(memcmp(found, "4567899289abc", 13) == 0);
	CHECK(recv(reader, found, 1, MSG_DONTWAIT) < 0);
	set_nonblock(writer, true);
	CHECK_EQ(finish(SYS_sendto, 4, args), 4);
}

/* As after a receive that has got `done` bytes into `filled`. Returns how many the program sees. */
static int64_t receive(long number, int64_t done, const uint64_t args[6])
{
	struct user_regs_struct *registers = &held.tracee.registers;

	registers->orig_rax = (uint64_t)number;
	registers->rax = (uint64_t)done;
	registers->rdi = args[0];
	registers->rsi = args[1];
	registers->rdx = args[2];
	registers->r10 = args[3];
	CHECK_EQ(cut_short_receive(&held.tracee, held.foothold.vdso_syscall), 0);
	return (int64_t)registers->rax;
}

static void test_receives(void)
{
	struct iovec parts[2] = { { filled, 4 }, { filled + 8, 6 } };
	struct msghdr head = { .msg_iov = (struct iovec *)(room + 64), .msg_iovlen = 2 };
	uint8_t found[16];
	int fd[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	if (!begin(O_CLOEXEC)) {
		close(fd[0]);
		close(fd[1]);
		return;
	}
	const uint64_t all[6] = { (uint64_t)fd[0], (uint64_t)filled, 10, MSG_WAITALL };
	const uint64_t hasty[6] = { (uint64_t)fd[0], (uint64_t)filled, 10,
				    MSG_WAITALL | MSG_DONTWAIT };
	const uint64_t any[6] = { (uint64_t)fd[0], (uint64_t)filled, 10, 0 };
	const uint64_t message[6] = { (uint64_t)fd[0], (uint64_t)room, MSG_WAITALL };

	CHECK_EQ(send(fd[1], bytes, 6, 0), 6);
	CHECK_EQ(receive(SYS_recvfrom, 4, any), 4);
	CHECK_EQ(receive(SYS_recvfrom, 4, hasty), 4);
	CHECK_EQ(receive(SYS_recvfrom, 4, all), 10);
	CHECK_EQ(trace_read(held.pid, (uint64_t)filled + 4, found, 6), 0);
	CHECK(memcmp(found, bytes, 6) == 0);
	CHECK_EQ(receive(SYS_recvfrom, 10, all), 10); /* whole already */
	/* Nobody has sent the rest. */
	CHECK_EQ(send(fd[1], bytes, 2, 0), 2);
	CHECK_EQ(receive(SYS_recvfrom, 4, all), 6);
	CHECK_EQ(trace_write(held.pid, (uint64_t)room + 64, parts, sizeof(parts)), 0);
	CHECK_EQ(trace_write(held.pid, (uint64_t)room, &head, sizeof(head)), 0);
	CHECK_EQ(send(fd[1], bytes, 7, 0), 7);
	CHECK_EQ(receive(SYS_recvmsg, 3, message), 10);
	CHECK_EQ(trace_read(held.pid, (uint64_t)filled, found, 14), 0);
	CHECK(found[3] == '0' && memcmp(found + 8, "123456", 6) == 0);
	/* It has room for descriptors. */
	head.msg_control = filled;
	CHECK_EQ(trace_write(held.pid, (uint64_t)room, &head, sizeof(head)), 0);
	CHECK_EQ(send(fd[1], bytes, 7, 0), 7);
	CHECK_EQ(receive(SYS_recvmsg, 3, message), 3);
	end();
	close(fd[0]);
	close(fd[1]);
}

static void test_streams(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd[4];

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	CHECK_EQ(listen(listener, 1), 0);
	CHECK_EQ(getsockname(listener, (struct sockaddr *)&name, &length), 0);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(fd[1], (struct sockaddr *)&name, sizeof(name)), 0);
	fd[0] = accept(listener, NULL, NULL);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd + 2), 0);
	if (begin(O_CLOEXEC)) {
		held.inventory.pid = held.pid;
		check_stream(fd[0], fd[1]);
		check_stream(fd[2], fd[3]);
		end();
	}
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	close(listener);
}

/* The rest goes behind what is there. */
static void test_random(void)
{
	uint8_t there[sizeof(filled)];
	unsigned changed = 0;

	if (!begin(O_CLOEXEC))
		return;
	const uint64_t args[6] = { (uint64_t)filled, 100, 0 };

	CHECK_EQ(finish(SYS_getrandom, 40, args), 100);
	CHECK_EQ(trace_read(held.pid, (uint64_t)filled, there, sizeof(there)), 0);
	for (size_t i = 0; i < sizeof(there); i++) {
		CHECK(!there[i] || (i >= 40 && i < 100));
		changed += there[i] != 0;
	}
	CHECK(changed > 40);
	CHECK_EQ(finish(SYS_getrandom, 100, args), 100);
	end();
}

/* The kernel keeps the positions of both files: only what is left is asked for. */
static void test_between_files(void)
{
	int from = memfd_create("from", MFD_CLOEXEC), to = memfd_create("to", MFD_CLOEXEC);
	char found[BYTES + 1] = "";

	CHECK_EQ(pwrite(from, bytes, BYTES, 0), BYTES);
	if (begin(O_CLOEXEC)) {
		const uint64_t args[6] = { (uint64_t)to, (uint64_t)from, 0, 10 };
		const uint64_t copy[6] = { (uint64_t)from, 0, (uint64_t)to, 0, 9 };

		CHECK_EQ(lseek(from, 4, SEEK_SET), 4);
		CHECK_EQ(finish(SYS_sendfile, 4, args), 10);
		CHECK_EQ(lseek(from, 0, SEEK_CUR), 10);
		CHECK_EQ(finish(SYS_copy_file_range, 6, copy), 9);
		CHECK_EQ(pread(to, found, BYTES, 0), 9);
		CHECK(strcmp(found, "456789abc") == 0);
		end();
	}
	close(from);
	close(to);
}

int main(void)
{
	TEST(test_write);
	TEST(test_write_segments);
	TEST(test_not_cut);
	TEST(test_nobody_reads);
	TEST(test_streams);
	TEST(test_receives);
	TEST(test_random);
	TEST(test_between_files);
	return test_end();
}
