/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/pipe_contents.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"

#define ROOM 65536

/* They stay where they were, and come out of the other pipe as they went into the first. */
static void test_bytes(void)
{
	struct contents contents = { 0 };
	int from[2], to[2];
	char got[16] = "";

	CHECK(pipe(from) == 0 && pipe2(to, O_NONBLOCK) == 0);
	CHECK_EQ(pipe_contents_take(from[0], ROOM, false, &contents), 0);
	CHECK_EQ(contents.length, 0);
	CHECK(write(from[1], "abc", 3) == 3 && write(from[1], "de", 2) == 2);
	CHECK_EQ(pipe_contents_take(from[0], ROOM, false, &contents), 0);
	CHECK_EQ(pipe_contents_put(to[1], &contents), 0);
	CHECK(read(from[0], got, 16) == 5 && memcmp(got, "abcde", 5) == 0);
	CHECK(read(to[0], got, 16) == 5 && memcmp(got, "abcde", 5) == 0);
	contents_free(&contents);
	for (int i = 0; i < 2; i++) {
		close(from[i]);
		close(to[i]);
	}
}

static void test_packets(void)
{
	struct contents contents = { 0 };
	int from[2];

	CHECK_EQ(pipe2(from, O_DIRECT), 0);
	CHECK(write(from[1], "abc", 3) == 3 && write(from[1], "de", 2) == 2);
	CHECK_EQ(pipe_contents_take(from[0], ROOM, false, &contents), -EBADMSG);
	contents_free(&contents);
	CHECK_EQ(pipe_contents_take(from[0], ROOM, true, &contents), 0);
	CHECK_EQ(contents.length, 4 + 3 + 4 + 2);
	contents_free(&contents);
	close(from[0]);
	close(from[1]);
}

static void test_refuse(void)
{
	static const struct {
		int result;
		const char *word;
	} row[] = { { -E2BIG, "KiB" },
		    { -EBADMSG, "packets" },
		    { -EBUSY, "notifications" },
		    { -EIO, "read" } };
	const struct description description = { .number = 7 };

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct refusal why = REFUSAL_NONE;

		CHECK(pipe_contents_refuse(&description, "FIFO", row[i].result, &why) < 0);
		CHECK(strstr(why.reason, row[i].word) &&
		      strstr(why.reason, "the FIFO of descriptor 7"));
	}
}

static void test_widen(void)
{
	struct description description = { 0 };
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	description.number = ends[1];
	CHECK(!pipe_contents_widen(getpid(), &description, 1)); /* it is another one by now */
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	TEST(test_bytes);
	TEST(test_packets);
	TEST(test_refuse);
	TEST(test_widen);
	return test_end();
}
