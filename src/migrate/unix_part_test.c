/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_part.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

#define NOBODY 65534

static uint8_t room[UNIX_PART_BYTES_MAX + 16];
static uint8_t *const end = room + UNIX_PART_BYTES_MAX;

static int32_t sender_of(void *ctx, pid_t pid)
{
	return pid == *(pid_t *)ctx ? 7 : -ESRCH;
}

static uint32_t right_of(void *ctx, int fd)
{
	(void)ctx;
	return fd == 0 || fd == 1 ? (uint32_t)fd + 3 : 0;
}

static pid_t sender_here(void *ctx, int32_t number)
{
	return number == 7 ? *(pid_t *)ctx : -ESRCH;
}

static int open_here(void *ctx, uint32_t id)
{
	(void)ctx;
	return id == 3 ? dup(0) : -ENOLINK;
}

static bool may_pass(void *ctx, uint32_t id)
{
	(void)ctx;
	return id == 3 || id == 4;
}

static pid_t self;
static const struct unix_queue_names names = { &self, sender_of, right_of };
static const struct unix_queue_hands hands = { &self, sender_here, open_here };

static void test_put(void)
{
	struct os_unix_extra extra = {
		.fd = { 0, 1 }, .fd_count = 2, .has_sender = true, .pid = self
	};
	uint8_t *start = end;

	CHECK_EQ(unix_part_put(&names, &extra, &start), 0);
	CHECK_EQ(end - start, sizeof(struct unix_part) + 2 * sizeof(uint32_t));
	CHECK(unix_part_is_whole(start, (uint32_t)(end - start), may_pass, NULL));
	CHECK(!unix_part_is_whole(start, (uint32_t)(end - start) - 1, may_pass, NULL));
	CHECK(!unix_part_is_whole(start, 3, may_pass, NULL));
	start[0] = 1; /* the other id is a byte of the message then */
	CHECK(unix_part_is_whole(start, (uint32_t)(end - start), may_pass, NULL));
	start[sizeof(struct unix_part)] = 9;
	CHECK(!unix_part_is_whole(start, (uint32_t)(end - start), may_pass, NULL));
	start = end;
	extra.fd[1] = 5;
	CHECK_EQ(unix_part_put(&names, &extra, &start), -ENOLINK);
	start = end;
	extra.pid = self + 1;
	CHECK_EQ(unix_part_put(&names, &extra, &start), -ENOTSUP);
	start = end;
	extra.pid = 0;
	CHECK_EQ(unix_part_put(&names, &extra, &start), -ENOTSUP);
	start = end;
	extra = (struct os_unix_extra){ .has_sender = true, .uid = NOBODY, .gid = NOBODY };
	CHECK_EQ(unix_part_put(&names, &extra, &start), 0);
}

/* To the peer, and to a name. */
static void test_send(void)
{
	struct os_unix_extra extra = { .fd = { 0 }, .fd_count = 1 };
	const uint8_t name[] = "\0dvs-part-test";
	uint8_t *start = end;
	char got[8];
	int pair[2];

	memcpy(end, "word", 4);
	CHECK_EQ(unix_part_put(&names, &extra, &start), 0);
	uint32_t length = (uint32_t)(end - start) + 4;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	CHECK_EQ(unix_part_send(pair[0], NULL, 0, &hands, start, length), 0);
	CHECK_EQ(os_unix_peek(pair[1], got, sizeof(got), &extra), 4);
	CHECK(memcmp(got, "word", 4) == 0 && extra.fd_count == 1);
	os_unix_extra_close(&extra);
	close(pair[0]);
	pair[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK_EQ(unix_part_send(pair[0], name, sizeof(name), &hands, start, length), -ECONNREFUSED);
	close(pair[0]);
	close(pair[1]);
	memset(start + sizeof(struct unix_part), 4, 1);
	CHECK_EQ(unix_part_send(pair[0], NULL, 0, &hands, start, length), -ENOLINK);
}

int main(void)
{
	self = getpid();
	TEST(test_put);
	TEST(test_send);
	return test_end();
}
