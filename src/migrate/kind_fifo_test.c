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
#include "migrate/restore_test.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/procdir.h"

static char folder[] = "/tmp/dvs-kind-fifo-XXXXXX", path[64];
static struct descriptions *all;
static int proc;

static int add(int fd)
{
	struct image_description image = { .kind = IMAGE_DESCRIPTION_FIFO,
					   .id = all->count + 1,
					   .flags = (uint32_t)fcntl(fd, F_GETFL) };
	struct os_status status;
	char entry[32];

	snprintf(entry, sizeof(entry), "fd/%d", fd);
	CHECK_EQ(os_status(fd, &status), 0);
	const struct kind_seen seen = { .pid = getpid(),
					.dir = proc,
					.number = fd,
					.entry = entry,
					.link = path,
					.status = &status,
					.info = "",
					.files = &restore->picture.tables->files };
	int r = kind_fifo.find(&seen, &image, &restore_refusal);
	struct description *description = descriptions_add(all, &image, kind_of(image.kind));

	description->pid = getpid();
	description->number = fd;
	description->inode = status.inode;
	description->device = status.device;
	return r;
}

static int complete(void)
{
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = all };
	int r = 0;

	for (uint32_t i = 0; i < all->count && r == 0; i++) {
		struct description *one = &all->description[i];

		r = kind_fifo.check(getpid(), all, one, &restore_refusal);
		if (r == 0)
			r = kind_fifo.write(&frozen, one, &restore_refusal);
		if (r == 0)
			CHECK(kind_fifo.read(&one->image, &restore->picture.tables->files, all,
					     true));
	}
	return r;
}

static void begin(void)
{
	restore_begin();
	all = &restore->picture.tables->descriptions;
	proc = procdir_open(getpid());
	CHECK_EQ(mkfifo(path, 0600), 0);
}

static void end(void)
{
	close(proc);
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
	CHECK_EQ(complete(), 0);
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

	CHECK(add(reader) == 1 && complete() == 0);
	int there = open_end(1);

	CHECK_EQ(told(there), 0);
	close(there);
	int writer = open(path, O_WRONLY);

	CHECK(is_refusal(complete(), &restore_refusal, EDVSPROCSTS, "to another process"));
	close(writer);
	CHECK_EQ(complete(), 0);
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

	CHECK(add(both) == 1 && complete() == 0);
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
