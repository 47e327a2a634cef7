/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors as a folder that is made up shows them. Their numbers are those of descriptors of the test, so that the
 * kernel says which of them share one description.
 */
#include "migrate/descriptors_source.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/kind.h"
#include "migrate/made_proc_test.h"
#include "migrate/over_test.h"
#include "os/kcmp.h"

static const struct migrate_host nothing;
static struct made_proc made;
static struct descriptors descriptors;
static struct tables tables;
static struct procdir_text buffer;
static struct refusal refusal;
static char path[64]; /* of the file that is open */

static void begin(void)
{
	made_proc_open(&made);
	made_proc_link(&made, "root", "/");
	made_proc_text(&made, "file", "contents");
	snprintf(path, sizeof(path), "%s/file", made.folder);
}

static void end(void)
{
	descriptors_free(&descriptors);
	tables_free(&tables);
	procdir_text_free(&buffer);
	made_proc_close(&made);
}

/* A descriptor that leads to the target and has this info. */
static void show(int number, const char *target, const char *info)
{
	char name[32];

	snprintf(name, sizeof(name), "fd/%d", number);
	made_proc_link(&made, name, target);
	snprintf(name, sizeof(name), "fdinfo/%d", number);
	made_proc_text(&made, name, info);
}

static void hide(int number, const char *folder)
{
	char name[32];

	snprintf(name, sizeof(name), "%s/%d", folder, number);
	made_proc_unlink(&made, name);
}

static int read_all(void)
{
	refusal = REFUSAL_NONE;
	const struct descriptors_of process = { getpid(), made.dir, &descriptors, 0, false };

	return descriptors_read(&process, 1, false, &tables, &nothing, &buffer, &refusal);
}

/* In ascending order; duplicates have one description, that of the lowest number; a second open has its own. */
static void test_shared(void)
{
	begin();
	int first = open(path, O_RDWR | O_CLOEXEC), other = open(path, O_RDWR | O_CLOEXEC);
	int low = dup(first), high = fcntl(first, F_DUPFD_CLOEXEC, 100);

	CHECK(first < other && other < low && low < high);
	show(high, path, "pos:\t3\nflags:\t02100002\n");
	show(low, path, "pos:\t3\nflags:\t0100002\n");
	show(other, path, "pos:\t3\nflags:\t02100002\n");
	show(first, path, "pos:\t3\nflags:\t02100002\n");
	CHECK_EQ(read_all(), 0);
	if (os_kcmp_files(getpid(), first, getpid(), low) == 0) {
		CHECK(descriptors.count == 4 && tables.descriptions.count == 2);
		const int numbers[] = { first, other, low, high };
		const uint32_t shared[] = { 1, 2, 1, 1 }, cloexec[] = { 1, 1, 0, 1 };

		for (uint32_t i = 0; i < descriptors.count; i++) {
			CHECK_EQ(descriptors.fd[i].number, numbers[i]);
			CHECK_EQ(descriptors.fd[i].description, shared[i]);
			CHECK_EQ(descriptors.fd[i].cloexec, cloexec[i]);
		}
		CHECK_EQ(tables.descriptions.description[0].number, first);
		CHECK_EQ(tables.descriptions.description[0].image.kind, IMAGE_DESCRIPTION_FILE);
		/* That it closes on exec is the descriptor's. */
		CHECK_EQ(tables.descriptions.description[0].image.flags, 0100002);
		struct stat status;

		CHECK_EQ(stat(path, &status), 0);
		CHECK_EQ(tables.descriptions.description[1].inode, status.st_ino);
		CHECK_EQ(tables.files.count, 1);
	} else {
		test_skip("the kernel does not compare descriptions");
	}
	close(first);
	close(other);
	close(low);
	close(high);
	end();
}

static void test_locks(void)
{
	begin();
	show(7, path, "flags:\t0100000\nlock:\t1: POSIX  ADVISORY  WRITE 1 00:01:2 3 EOF\n");
	CHECK_EQ(read_all(), 0);
	CHECK(descriptors.locks.count == 1 && descriptors.locks.lock[0].number == 7 &&
	      descriptors.locks.lock[0].start == 3);
	CHECK_EQ(read_all(), 0);
	CHECK_EQ(descriptors.locks.count, 1);
	end();
}

/* O_ASYNC is the owner's record's, not the image's. */
static void test_owners(void)
{
	char info[48];

	begin();
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	CHECK(fcntl(fd, F_SETOWN, getpid()) == 0 && fcntl(fd, F_SETSIG, 40) == 0);
	snprintf(info, sizeof(info), "flags:\t0120002\n");
	show(fd, "/dev/null", info);
	CHECK_EQ(read_all(), 0);
	CHECK_OR_RETURN(descriptors.owners.count == 1);
	const struct image_owner *owner = &descriptors.owners.owner[0];

	CHECK(owner->number == fd && owner->type == IMAGE_OWNER_PROCESS && owner->signal == 40 &&
	      owner->async && owner->vpid > 0);
	CHECK_EQ(tables.descriptions.description[0].image.flags, 0100002);
	CHECK_EQ(fcntl(fd, F_SETOWN, getppid()), 0);
	CHECK(is_refusal(read_all(), &refusal, EDVSPROCSTS, "to process"));
	close(fd);
	end();
}

static void test_refused(void)
{
	static char target[IMAGE_PATH_MAX];

	begin();
	show(7, path, "flags:\t0100000\nlock:\t1: NEW  KIND  READ 1 00:01:2 0 EOF\n");
	CHECK(is_refusal(read_all(), &refusal, EDVSPROCSTS, "of a kind on descriptor 7"));
	show(7, "/proc/version", "flags:\t0100001\n");
	CHECK(is_refusal(read_all(), &refusal, EDVSPROCSTS, "of the proc file system"));
	memset(target, 'a', sizeof(target) - 1);
	target[0] = '/';
	show(7, target, "flags:\t0100000\n");
	CHECK(is_refusal(read_all(), &refusal, EDVSPROCSTS, "a file whose path is longer than"));
	end();
}

/* A process that runs may close one while it is looked at: that one is none. */
static void test_closed_meanwhile(void)
{
	begin();
	show(7, path, "flags:\t0100000\n");
	hide(7, "fdinfo");
	CHECK_EQ(read_all(), 0);
	CHECK_EQ(descriptors.count, 0);
	show(7, "/no/such/file/now", "flags:\t0100000\n");
	CHECK_EQ(read_all(), 0);
	CHECK_EQ(descriptors.count, 0);
	show(7, path, "flags:\t0100000\n");
	CHECK_EQ(read_all(), 0);
	CHECK_EQ(descriptors.count, 1);
	CHECK_EQ(read_all(), 0); /* anew */
	CHECK(descriptors.count == 1 && tables.descriptions.count == 1);
	end();
}

static void test_ended(void)
{
	begin();
	CHECK(is_refusal(read_all(), &refusal, EDVSSRCH, "has ended"));
	made_proc_text(&made, "stat", "7 (a) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99\n");
	CHECK(is_refusal(read_all(), &refusal, EDVSIO, "list of descriptors of the process"));
	end();
}

/* The records: descriptions with their contents, if the caller wants these, then the numbers. */
static void send(bool contents, enum image_type wanted[], uint32_t count)
{
	int stream = memfd_create("stream", MFD_CLOEXEC);
	const void *payload = NULL;
	struct writer writer;
	struct reader reader;

	CHECK_EQ(writer_init(&writer, over(stream)), 0);
	descriptors_send_descriptions(&tables.descriptions, contents, &writer);
	descriptors_send_numbers(&descriptors, &writer);
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	CHECK_EQ(lseek(stream, 0, SEEK_SET), 0);
	CHECK_EQ(reader_init(&reader, over(stream)), 0);
	for (uint32_t i = 0; i < count; i++) {
		refusal = REFUSAL_NONE;
		CHECK_EQ(reader_next(&reader, &payload, &refusal), 0);
		CHECK_EQ(reader.type, wanted[i]);
		const struct image_contents *head = payload;

		if (reader.type == IMAGE_CONTENTS)
			CHECK(head->description == 1 && head->length == 5 &&
			      image_contents_ok(head, reader.length) &&
			      memcmp(head + 1, i == 1 ? "first" : "other", 5) == 0);
	}
	CHECK(reader.over);
	reader_deinit(&reader);
	close(stream);
}

static void test_records(void)
{
	enum image_type all[] = { IMAGE_DESCRIPTION, IMAGE_CONTENTS, IMAGE_CONTENTS,
				  IMAGE_DESCRIPTION, IMAGE_FD,	     IMAGE_END };
	enum image_type heads[] = { IMAGE_DESCRIPTION, IMAGE_DESCRIPTION, IMAGE_FD, IMAGE_END };
	const struct image_description pipe = { .id = 1, .kind = IMAGE_DESCRIPTION_PIPE },
				       file = { .id = 2, .kind = IMAGE_DESCRIPTION_FILE };
	const struct image_fd fd = { .number = 4, .description = 2 };
	struct description *description =
		descriptions_add(&tables.descriptions, &pipe, kind_of(pipe.kind));

	CHECK_EQ(contents_append(&description->contents, "first", 5), 0);
	CHECK_EQ(contents_append(&description->contents, "other", 5), 0);
	CHECK(descriptions_add(&tables.descriptions, &file, kind_of(file.kind)));
	CHECK_EQ(descriptors_append(&descriptors, &fd), 0);
	send(true, all, 6);
	send(false, heads, 4);
	/* A file has room for a write, and so has a descriptor that is not known. */
	CHECK(descriptors_widen(&descriptors, &tables.descriptions, 4, 1 << 20));
	CHECK(descriptors_widen(&descriptors, &tables.descriptions, 5, 1 << 20));
	descriptors_free(&descriptors);
	tables_free(&tables);
}

int main(void)
{
	TEST(test_shared);
	TEST(test_locks);
	TEST(test_owners);
	TEST(test_refused);
	TEST(test_closed_meanwhile);
	TEST(test_ended);
	TEST(test_records);
	return test_end();
}
