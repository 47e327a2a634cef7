/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes of this very process, read as those of another and made anew. */
#include "base/test.h"
#include "migrate/found_test.h"
#include "migrate/kind.h"
#include "migrate/restore.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KIB 1024

/* A pipe, the descriptions of its two ends, and what is made of them. */
static struct tables made_tables;

struct both {
	int end[2];
	struct restore *restore; /* its picture has the descriptions */
	struct refusal refusal;
	struct found found;
};

static struct description *end_of(const struct both *both, int which)
{
	return &both->restore->picture.tables->descriptions.description[which];
}

static int add_end(struct both *both, int fd)
{
	return found_add(&both->found, IMAGE_DESCRIPTION_PIPE, fd, "pipe:[1]");
}

static void begin(struct both *both, int flags)
{
	*both = (struct both){ .restore = calloc(1, sizeof(*both->restore)) };
	both->restore->picture.tables = &made_tables;
	both->found = (struct found){ .all = &made_tables.descriptions, .refusal = &both->refusal };
	CHECK_EQ(pipe2(both->end, flags), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(add_end(both, both->end[i]), 1);
}

static void end(struct both *both)
{
	tables_free(&made_tables);
	free(both->restore);
	close(both->end[0]);
	close(both->end[1]);
}

/* Both ends of the pipe that the target makes. */
static void open_both(struct both *both, int opened[2])
{
	for (int i = 0; i < 2; i++) {
		opened[i] = kind_pipe.open(both->restore, end_of(both, i), &both->refusal);
		CHECK(opened[i] >= 0);
	}
}

static int waiting(int fd)
{
	int bytes = -1;

	ioctl(fd, FIONREAD, &bytes);
	return bytes;
}

static void test_stream(void)
{
	uint8_t sent[100 * KIB], got[100 * KIB + 1];
	struct both both;
	int opened[2];

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 >> 3);
	begin(&both, O_NONBLOCK);
	CHECK_EQ(fcntl(both.end[1], F_SETPIPE_SZ, 128 * KIB), 128 * KIB);
	CHECK_EQ(write(both.end[1], sent, sizeof(sent)), sizeof(sent));
	descriptions_clear(&both.restore->picture.tables->descriptions);
	CHECK(add_end(&both, both.end[0]) == 1 && add_end(&both, both.end[1]) == 1);
	CHECK_EQ(found_complete(&both.found), 0);
	open_both(&both, opened);
	CHECK_EQ(fcntl(opened[0], F_GETPIPE_SZ), 128 * KIB);
	CHECK_EQ(fcntl(opened[0], F_GETFL), O_RDONLY | O_NONBLOCK);
	CHECK_EQ(fcntl(opened[1], F_GETFL), O_WRONLY | O_NONBLOCK);
	const int readers[] = { both.end[0], opened[0] }; /* the source keeps what it had */

	for (int i = 0; i < 2; i++) {
		memset(got, 0, sizeof(got));
		CHECK_EQ(read(readers[i], got, sizeof(got)), sizeof(sent));
		CHECK(memcmp(got, sent, sizeof(sent)) == 0);
	}
	CHECK(write(opened[1], "more", 4) == 4 && waiting(opened[0]) == 4);
	CHECK_EQ(waiting(both.end[0]), 0); /* another pipe */
	close(opened[0]);
	close(opened[1]);
	end(&both);
}

static void test_packets(void)
{
	static const int lengths[] = { 5, 1, 4096, 17 };
	char bytes[4096] = "packets of bytes", got[4096];
	struct both both;
	int opened[2];

	begin(&both, O_DIRECT | O_NONBLOCK);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(write(both.end[1], bytes, (size_t)lengths[i]), lengths[i]);
	CHECK_EQ(found_complete(&both.found), 0);
	open_both(&both, opened);
	CHECK(fcntl(opened[1], F_GETFL) & O_DIRECT);
	const int readers[] = { both.end[0], opened[0] };

	for (int reader = 0; reader < 2; reader++)
		for (int i = 0; i < 4; i++)
			CHECK_EQ(read(readers[reader], got, sizeof(got)), lengths[i]);
	close(opened[0]);
	close(opened[1]);
	end(&both);
}

/* A full pipe of packets has as many as it has pages, in few bytes. */
static void test_many_packets(void)
{
	struct both both;
	int opened[2], count = 0, more = 0;
	char byte;

	begin(&both, O_DIRECT | O_NONBLOCK);
	while (write(both.end[1], "x", 1) == 1)
		count++;
	CHECK_EQ(found_complete(&both.found), 0);
	open_both(&both, opened);
	CHECK(write(opened[1], "x", 1) < 0);
	while (read(opened[0], &byte, 1) == 1)
		more++;
	CHECK(count > 1 && more == count);
	close(opened[0]);
	close(opened[1]);
	end(&both);
}

static void test_refused(void)
{
	struct both both;

	begin(&both, O_DIRECT);
	CHECK(write(both.end[1], "a", 1) == 1 && write(both.end[1], "b", 1) == 1);
	CHECK_EQ(fcntl(both.end[1], F_SETFL, 0), 0);
	end_of(&both, 1)->image.flags = O_WRONLY;
	CHECK(found_complete(&both.found) < 0 && strstr(both.refusal.reason, "packets"));
	end(&both);
	begin(&both, 0); /* only one end is the process's */
	both.restore->picture.tables->descriptions.count = 1;
	CHECK(found_complete(&both.found) < 0 && strstr(both.refusal.reason, "another process"));
	/* The other one may be in a queue that was not looked at. */
	both.refusal = REFUSAL_NONE;
	both.restore->picture.tables->descriptions.lacks_queued = true;
	CHECK_EQ(kind_pipe.check(getpid(), both.found.all, end_of(&both, 0), &both.refusal), 0);
	end(&both);
}

/* The other end is closed: that can be seen, and is so on the target. */
static void test_alone(void)
{
	struct both both;
	char byte = 0;

	begin(&both, O_NONBLOCK);
	CHECK_EQ(write(both.end[1], "z", 1), 1);
	close(both.end[1]);
	both.end[1] = -1;
	both.restore->picture.tables->descriptions.count = 1;
	const struct descriptions *descriptions = &both.restore->picture.tables->descriptions;

	CHECK_EQ(kind_pipe.check(getpid(), descriptions, end_of(&both, 0), &both.refusal), 0);
	CHECK_EQ(kind_pipe.write(&(struct kind_frozen){ .pid = getpid(),
							.descriptions = descriptions },
				 end_of(&both, 0), &both.refusal),
		 0);
	int opened = kind_pipe.open(both.restore, end_of(&both, 0), &both.refusal);

	descriptions_let_go(&both.restore->picture.tables->descriptions);
	CHECK(read(opened, &byte, 1) == 1 && byte == 'z');
	CHECK_EQ(read(opened, &byte, 1), 0); /* its end */
	close(opened);
	end(&both);
}

static void test_bad_body(void)
{
	struct both both;

	begin(&both, 0);
	CHECK_EQ(found_complete(&both.found), 0);
	const struct descriptions *descriptions = &both.restore->picture.tables->descriptions;
	struct image_description good = end_of(&both, 1)->image, bad = good;
	const uint32_t stranger = 77;

	CHECK(kind_pipe.read(&good, NULL, descriptions, true));
	memcpy(bad.body + 8, &stranger, sizeof(stranger)); /* of no owner */
	CHECK(!kind_pipe.read(&bad, NULL, descriptions, true));
	bad = good;
	memset(bad.body + 12, 0xff, 4); /* too large */
	CHECK(!kind_pipe.read(&bad, NULL, descriptions, true));
	bad = good;
	end_of(&both, 0)->image.kind = IMAGE_DESCRIPTION_EVENTFD; /* the owner is no pipe */
	CHECK(!kind_pipe.read(&bad, NULL, descriptions, true));
	end(&both);
}

int main(void)
{
	TEST(test_stream);
	TEST(test_packets);
	TEST(test_many_packets);
	TEST(test_refused);
	TEST(test_alone);
	TEST(test_bad_body);
	return test_end();
}
