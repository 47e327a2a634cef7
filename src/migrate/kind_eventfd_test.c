/* SPDX-License-Identifier: Apache-2.0 */
/* An eventfd of this very process, read as one of another and made anew. */
#include "base/test.h"
#include "migrate/kind.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINK "anon_inode:[eventfd]"

static struct kind_frozen frozen;
static const uint64_t counts[] = { 0, 1, 2, 3, 1ull << 40, UINT64_MAX - 1 };
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

static int make(uint64_t count, int flags)
{
	int fd = eventfd(0, flags);

	CHECK(fd >= 0);
	if (count)
		CHECK_EQ(write(fd, &count, sizeof(count)), sizeof(count));
	return fd;
}

static bool is_readable(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}

/* As `info` says it, which an older kernel says less in. 1: found. */
static int find(const char *link, const char *info, struct description *description)
{
	const struct kind_seen seen = { .link = link, .info = info, .number = 3 };
	struct refusal refusal = REFUSAL_NONE;

	*description = (struct description){ 0 };
	return kind_eventfd.find(&seen, &description->image, &refusal);
}

/* The eventfd as another kernel describes it, and its copy on the other side. */
static void carry(uint64_t count, bool semaphore, bool told)
{
	int flags = EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0);
	struct refusal refusal = REFUSAL_NONE;
	struct description description;
	uint64_t value = 0;
	char info[128];
	int fd = make(count, flags);

	snprintf(info, sizeof(info), "pos:\t0\neventfd-count: %16llx\neventfd-id: 1\n",
		 (unsigned long long)count);
	if (told)
		snprintf(info + strlen(info), sizeof(info) - strlen(info),
			 "eventfd-semaphore: %d\n", semaphore);
	CHECK_EQ(find(LINK, info, &description), 1);
	description.number = fd;
	description.image.flags = O_RDWR | O_NONBLOCK;
	CHECK_EQ(kind_eventfd.read(&description.image, NULL, NULL, true), told);
	CHECK(kind_eventfd.read(&description.image, NULL, NULL, false)); /* in an offer */
	CHECK_EQ(kind_eventfd.write(&frozen, &description, &refusal), 0);
	CHECK(kind_eventfd.read(&description.image, NULL, NULL, true));
	int copy = kind_eventfd.open(NULL, &description, &refusal);
	const int both[] = { fd, copy }; /* the one that was looked at is unharmed */

	CHECK(copy >= 0 && fcntl(copy, F_GETFL) == (O_RDWR | O_NONBLOCK));
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(is_readable(both[i]), count != 0);
		if (!count)
			continue;
		CHECK_EQ(read(both[i], &value, sizeof(value)), sizeof(value));
		CHECK_EQ(value, semaphore ? 1 : count);
		CHECK_EQ(is_readable(both[i]), semaphore && count > 1);
	}
	close(copy);
	close(fd);
}

static void test_carried(void)
{
	for (size_t i = 0; i < COUNTS; i++)
		for (int how = 0; how < 4; how++)
			carry(counts[i], how & 1, how & 2);
}

static void test_others(void)
{
	struct description description;

	CHECK_EQ(find("anon_inode:[eventpoll]", "pos:\t0\n", &description), 0);
	CHECK(find(LINK, "pos:\t0\n", &description) < 0); /* no counter to be seen */
}

static void test_bad_body(void)
{
	struct description description;

	CHECK_EQ(find(LINK, "eventfd-count: 1\neventfd-semaphore: 1\n", &description), 1);
	CHECK(kind_eventfd.read(&description.image, NULL, NULL, true));
	memset(description.image.body, 0xff, 8); /* a counter that cannot be */
	CHECK(!kind_eventfd.read(&description.image, NULL, NULL, true));
	memset(description.image.body, 0, 8);
	memset(description.image.body + 8, 0xff, 4); /* a mode that there is not */
	CHECK(!kind_eventfd.read(&description.image, NULL, NULL, true));
}

int main(void)
{
	frozen.pid = getpid();
	TEST(test_carried);
	TEST(test_others);
	TEST(test_bad_body);
	return test_end();
}
