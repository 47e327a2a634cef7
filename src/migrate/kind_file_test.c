/* SPDX-License-Identifier: Apache-2.0 */
/* Files that this very process has open, read as those of another and opened anew. */
#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/kind.h"
#include "migrate/restore.h"
#include "os/inode.h"
#include "os/procdir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The source's own table, and a target of the same machine. */
static struct tables made_tables;

struct both {
	struct files files;
	struct restore *restore;
	struct refusal refusal;
	int dir; /* /proc of this process */
};

static char folder[] = "/tmp/dvs-kind-file-XXXXXX";

static void begin(struct both *both)
{
	*both = (struct both){ .restore = calloc(1, sizeof(*both->restore)),
			       .dir = procdir_open(getpid()) };
	CHECK(both->restore && both->dir >= 0);
	both->restore->picture.tables = &made_tables;
	both->restore->same_machine = true;
	both->restore->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(both->restore->root >= 0);
}

static void end(struct both *both)
{
	files_free(&both->files);
	tables_free(&made_tables);
	close(both->restore->root);
	close(both->dir);
	free(both->restore);
}

static int open_file(const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	return fd;
}

/* As the source sees this descriptor: 1, or a refusal. */
static int find(struct both *both, int fd, struct image_description *image)
{
	char entry[32], link[IMAGE_PATH_MAX];
	struct procdir_text info = { 0 };
	struct os_status status;

	snprintf(entry, sizeof(entry), "fdinfo/%d", fd);
	CHECK_EQ(procdir_read(both->dir, entry, &info), 0);
	snprintf(entry, sizeof(entry), "fd/%d", fd);
	CHECK(procdir_link(both->dir, entry, link, sizeof(link)) > 0);
	CHECK_EQ(os_status(fd, &status), 0);
	const struct kind_seen seen = { .pid = getpid(),
					.dir = both->dir,
					.number = fd,
					.entry = entry,
					.link = link,
					.status = &status,
					.info = info.text,
					.files = &both->files };

	*image = (struct image_description){ .id = 1,
					     .kind = IMAGE_DESCRIPTION_FILE,
					     .flags = (uint32_t)fcntl(fd, F_GETFL) };
	refusal_clear(&both->refusal);
	int r = kind_file.find(&seen, image, &both->refusal);

	procdir_text_free(&info);
	return r;
}

/* The files as the target reads them. */
static void carry_files(struct both *both)
{
	struct file_record {
		struct image_file file;
		char path[IMAGE_PATH_MAX];
	} *record = calloc(1, sizeof(*record));

	CHECK_OR_RETURN(record);
	files_free(&both->restore->picture.tables->files);
	both->restore->picture.tables->files = (struct files){ 0 };
	for (uint32_t i = 0; i < both->files.count; i++) {
		record->file = both->files.file[i].image;
		record->file.path_length = (uint32_t)strlen(both->files.file[i].path);
		memcpy(record->path, both->files.file[i].path, record->file.path_length);
		CHECK_EQ(files_add_record(&both->restore->picture.tables->files, &record->file), 0);
	}
	free(record);
}

static int open_again(struct both *both, const struct image_description *image)
{
	struct description description = { .image = *image };

	carry_files(both);
	refusal_clear(&both->refusal);
	return kind_file.open(both->restore, &description, &both->refusal);
}

/* The position is carried; a flag that took effect in the moment of opening is not set again. */
static void test_position(void)
{
	struct image_description image;
	struct stat was, is;
	struct both both;

	begin(&both);
	int fd = open_file("written", O_RDWR | O_CREAT | O_EXCL);

	CHECK_EQ(write(fd, "eleven bits", 11), 11);
	CHECK_EQ(lseek(fd, 7, SEEK_SET), 7);
	CHECK_EQ(find(&both, fd, &image), 1);
	CHECK_EQ(both.files.file[0].image.use, IMAGE_FILE_WRITTEN);
	CHECK(strstr(kind_file.label(&image, &both.files), "/written"));
	CHECK(kind_file.read(&image, &both.files, NULL, true));
	CHECK_EQ(kind_file.share(&image, &both.files), KIND_SHARE_DESCRIPTION);
	image.flags |= O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW;

	int copy = open_again(&both, &image);

	CHECK_OR_RETURN(copy >= 0);
	CHECK_EQ(lseek(copy, 0, SEEK_CUR), 7);
	CHECK_EQ(fcntl(copy, F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK(fstat(fd, &was) == 0 && fstat(copy, &is) == 0);
	CHECK(was.st_ino == is.st_ino);
	CHECK_EQ(is.st_size, 11);
	memset(image.body, 0xff, sizeof(int64_t)); /* a position that there is not */
	CHECK_EQ(open_again(&both, &image), EDVSPROCSTS);
	CHECK(strstr(both.refusal.reason, "cannot set the position"));
	close(copy);
	close(fd);
	end(&both);
}

/* One that is only read is not said to be written. */
static void test_use(void)
{
	struct image_description image;
	struct both both;

	begin(&both);
	int reader = open_file("written", O_RDONLY), path = open_file("written", O_PATH);
	int writer = open_file("written", O_WRONLY);

	CHECK_EQ(find(&both, reader, &image), 1);
	CHECK_EQ(find(&both, path, &image), 1);
	CHECK_EQ(both.files.count, 1);
	CHECK_EQ(both.files.file[0].image.use, 0);
	CHECK_EQ(find(&both, writer, &image), 1);
	CHECK_EQ(both.files.count, 1);
	CHECK_EQ(both.files.file[0].image.use, IMAGE_FILE_WRITTEN);
	close(reader);
	close(path);
	close(writer);
	end(&both);
}

/* Whether a process that stays may have the description, too: where its position counts for nothing. */
static void test_share(void)
{
	static const struct {
		uint32_t flags, use;
		enum kind_share share;
	} cases[] = {
		{ O_RDONLY, 0, KIND_SHARE_DESCRIPTION },
		{ O_WRONLY, 0, KIND_SHARE_DESCRIPTION },
		{ O_WRONLY | O_APPEND, 0, KIND_SHARE_FREE },
		{ O_RDWR | O_APPEND, 0, KIND_SHARE_DESCRIPTION }, /* its reads have a position */
		{ O_RDONLY | O_APPEND, 0, KIND_SHARE_DESCRIPTION },
		{ O_PATH, 0, KIND_SHARE_FREE },
		{ O_RDWR, IMAGE_FILE_DEVICE, KIND_SHARE_FREE },
		{ O_RDWR, IMAGE_FILE_DIRECTORY, KIND_SHARE_DESCRIPTION },
	};
	struct image_description image;
	struct both both;

	begin(&both);
	int fd = open_file("written", O_RDWR);

	CHECK_EQ(find(&both, fd, &image), 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		image.flags = cases[i].flags;
		both.files.file[0].image.use = cases[i].use;
		CHECK_EQ(kind_file.share(&image, &both.files), cases[i].share);
	}
	close(fd);
	end(&both);
}

/* A body comes from outside, and may name a file that there is not. */
static void test_bad_body(void)
{
	struct image_description image;
	struct both both;

	begin(&both);
	int fd = open_file("written", O_RDONLY);

	CHECK_EQ(find(&both, fd, &image), 1);
	CHECK(kind_file.read(&image, &both.files, NULL, false));
	CHECK(!kind_file.read(&image, &both.restore->picture.tables->files, NULL, false));
	memset(image.body + sizeof(int64_t), 0xff, sizeof(uint32_t));
	CHECK(!kind_file.read(&image, &both.files, NULL, false));
	close(fd);
	end(&both);
}

static void test_refused(void)
{
	struct image_description image;
	struct both both;

	begin(&both);
	int fd = open_file("deleted", O_RDWR | O_CREAT),
	    watched = open_file("", O_RDONLY | O_DIRECTORY);
	char path[128];

	snprintf(path, sizeof(path), "%s/deleted", folder);
	unlink(path);
	CHECK_EQ(find(&both, fd, &image), 1); /* one that is made anew */
	close(fd);
	CHECK_EQ(find(&both, watched, &image), 1);
	if (fcntl(watched, F_NOTIFY, DN_CREATE | DN_MULTISHOT) == 0) {
		CHECK_EQ(find(&both, watched, &image), EDVSPROCSTS);
		CHECK(strstr(both.refusal.reason, "F_NOTIFY"));
	} else {
		test_skip("the kernel has no F_NOTIFY");
	}
	close(watched);
	end(&both);
}

int main(void)
{
	char path[128];

	signal(SIGIO, SIG_IGN);
	CHECK(mkdtemp(folder));
	TEST(test_position);
	TEST(test_use);
	TEST(test_share);
	TEST(test_bad_body);
	TEST(test_refused);
	snprintf(path, sizeof(path), "%s/written", folder);
	unlink(path);
	rmdir(folder);
	return test_end();
}
