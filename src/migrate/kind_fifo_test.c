/* SPDX-License-Identifier: Apache-2.0 */
/* FIFOs of this very process, read as those of another one, and opened on a target where they have to be filled. */
#include "migrate/kind.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/found_test.h"
#include "migrate/restore_test.h"
#include "os/open.h"

static char folder[] = "/tmp/dvs-kind-fifo-XXXXXX", path[64];
static struct descriptions *all;
static struct found found;

static int add(int fd)
{
	return found_add(&found, IMAGE_DESCRIPTION_FIFO, fd, path);
}

static void begin(void)
{
	restore_begin();
	all = &restore->picture.tables->descriptions;
	found = (struct found){ .all = all,
				.files = &restore->picture.tables->files,
				.refusal = &restore_refusal };
	CHECK_EQ(mkfifo(path, 0600), 0);
}

static void end(void)
{
	unlink(path);
	restore_end();
}

static int open_end(uint32_t id)
{
	return kind_fifo.open(restore, &all->description[id - 1], &restore_refusal);
}

static short told(int fd)
{
	struct pollfd seen = { .fd = fd, .events = POLLIN };

	return poll(&seen, 1, 0) < 0 ? -1 : seen.revents;
}

/* On another machine the FIFO of that path takes the bytes, and must not be in use. */
static void test_elsewhere(void)
{
	char got[16] = "";

	begin();
	int reader = open(path, O_RDONLY | O_NONBLOCK), writer = open(path, O_WRONLY);

	CHECK(add(reader) == 1 && add(writer) == 1);
	CHECK_EQ(write(writer, "hello", 5), 5);
	CHECK_EQ(found_complete(&found), 0);
	restore->same_machine = false;
	CHECK(is_refusal(open_end(1), &restore_refusal, EDVSPROCSTS, "in use on the target"));
	descriptions_let_go(all);
	close(reader);
	close(writer);
	int there[2] = { open_end(1), open_end(2) };

	CHECK(there[0] >= 0 && there[1] >= 0);
	descriptions_let_go(all);
	CHECK_EQ(fcntl(there[1], F_GETFL) & O_NONBLOCK, 0);
	CHECK(read(there[0], got, sizeof(got)) == 5 && memcmp(got, "hello", 5) == 0);
	CHECK(read(there[0], got, 1) < 0 && errno == EAGAIN);
	close(there[1]);
	CHECK_EQ(read(there[0], got, 1), 0);
	close(there[0]);
	end();
}

/* Readers alone: one that no writer has left, one that a writer has, and one of two processes. */
static void test_alone(void)
{
	begin();
	int reader = open(path, O_RDONLY | O_NONBLOCK);

	CHECK(add(reader) == 1 && found_complete(&found) == 0);
	int there = open_end(1);

	CHECK_EQ(told(there), 0);
	close(there);
	int writer = open(path, O_WRONLY);

	CHECK(is_refusal(found_complete(&found), &restore_refusal, EDVSPROCSTS,
			 "to another process"));
	close(writer);
	CHECK_EQ(found_complete(&found), 0);
	there = open_end(1);
	CHECK_EQ(told(there), POLLHUP);
	close(there);
	close(reader);
	end();
}

static void test_read(void)
{
	struct image_description bad;

	begin();
	int both = open(path, O_RDWR);

	CHECK(add(both) == 1 && found_complete(&found) == 0);
	for (int field = 0; field < 3; field++) { /* no such file, owner, room */
		bad = all->description[0].image;
		memset(bad.body + 4 * field, 0xff, 4);
		CHECK(!kind_fifo.read(&bad, &restore->picture.tables->files, all, true));
	}
	close(both);
	end();
}

int main(void)
{
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/fifo", folder);
	TEST(test_elsewhere);
	TEST(test_alone);
	TEST(test_read);
	rmdir(folder);
	return test_end();
}
