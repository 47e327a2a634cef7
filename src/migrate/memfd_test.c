/* SPDX-License-Identifier: Apache-2.0 */
/* Memory files of this very process, described as those of another, and made anew. */
#include "migrate/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "os/procdir.h"

static int describe(int fd, struct image_file *image, struct refusal *refusal)
{
	int dir = procdir_open(getpid());
	char link[32];

	*image = (struct image_file){ 0 };
	*refusal = REFUSAL_NONE;
	snprintf(link, sizeof(link), "fd/%d", fd);
	int r = memfd_describe(dir, link, image, refusal);

	close(dir);
	return r;
}

static void test_links(void)
{
	CHECK(memfd_is_link("/memfd:a (deleted)"));
	CHECK(memfd_is_link("/memfd: (deleted)"));
	CHECK(!memfd_is_link("/memfd"));
	CHECK(!memfd_is_link("memfd:a"));
	CHECK(!memfd_is_link("/tmp/memfd:a"));
}

static void test_described(void)
{
	struct image_file image;
	struct refusal refusal;
	int fd = memfd_create("a", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK_EQ(ftruncate(fd, 5000), 0);
	CHECK_EQ(fchmod(fd, 0640), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	CHECK_EQ(describe(fd, &image, &refusal), 0);
	CHECK_EQ(image.use, IMAGE_FILE_MEMORY);
	CHECK_EQ(image.size, 5000);
	CHECK_EQ(image.mode & 07777, 0640);
	CHECK_EQ(image.seals, F_SEAL_GROW);
	CHECK(image.uid == geteuid() && image.gid == getegid());
	close(fd);
}

static void test_refused(void)
{
	char path[] = "/tmp/dvs-memfd-XXXXXX";
	struct image_file image;
	struct refusal refusal;
	int fd = mkstemp(path), large = memfd_create("a", MFD_CLOEXEC);

	/* A file of another file system, be its name what it may. */
	CHECK(is_refusal(describe(fd, &image, &refusal), &refusal, EDVSPROCSTS, "another kind"));
	unlink(path);
	close(fd);
	CHECK(is_refusal(describe(9999, &image, &refusal), &refusal, EDVSIO, "cannot be read"));
	if (ftruncate(large, (off_t)IMAGE_ADDRESS_END + IMAGE_PAGE) == 0)
		CHECK(is_refusal(describe(large, &image, &refusal), &refusal, EDVSPROCSTS,
				 "larger than any address space"));
	CHECK_EQ(ftruncate(large, 0), 0);
	if (fsetxattr(large, "trusted.dvs", "x", 1, 0) == 0)
		CHECK(is_refusal(describe(large, &image, &refusal), &refusal, EDVSPROCSTS,
				 "extended attributes"));
	close(large);
	large = memfd_create("a", MFD_CLOEXEC | MFD_HUGETLB);
	if (large >= 0)
		CHECK(is_refusal(describe(large, &image, &refusal), &refusal, EDVSPROCSTS,
				 "huge pages"));
	close(large);
}

static struct file named(char *path, uint64_t size)
{
	return (struct file){ .path = path, .image = { .use = IMAGE_FILE_MEMORY, .size = size } };
}

static bool has_link(int fd, const char *wanted)
{
	char link[32], name[320] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, name, sizeof(name) - 1) > 0 && strcmp(name, wanted) == 0;
}

/* Of the same name and size. The kernel adds the mark of a file without a name itself. */
static void test_made(void)
{
	char deleted[] = "/memfd:its name (deleted)", plain[] = "/memfd:x";
	struct file file = named(deleted, 12345);
	struct refusal refusal = REFUSAL_NONE;
	struct stat status;
	int fd = memfd_make(&file, &refusal);

	CHECK(fd >= 0 && fstat(fd, &status) == 0 && status.st_size == 12345);
	CHECK(has_link(fd, deleted));
	int again = memfd_reopen(&file, fd, O_RDONLY | O_NONBLOCK, &refusal);

	CHECK(again >= 0 && again != fd);
	CHECK_EQ(fcntl(again, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	close(again);
	close(fd);
	file = named(plain, 0);
	fd = memfd_make(&file, &refusal);
	CHECK(fd >= 0 && has_link(fd, "/memfd:x (deleted)"));
	close(fd);
	CHECK_EQ(refusal.error, 0);
}

/* A name and a size of an image come from outside. */
static void test_not_made(void)
{
	char other[] = "/tmp/file", ordinary[] = "/memfd:a", length[300] = "/memfd:";
	struct file file = named(other, 0);
	struct refusal refusal = REFUSAL_NONE;

	CHECK(is_refusal(memfd_make(&file, &refusal), &refusal, EDVSPROCSTS,
			 "cannot make the memory file /tmp/file of the process"));
	file = named(ordinary, IMAGE_ADDRESS_END + 1);
	refusal_clear(&refusal);
	CHECK(is_refusal(memfd_make(&file, &refusal), &refusal, EDVSPROCSTS, "Invalid argument"));
	memset(length + 7, 'n', 249);
	file = named(length, 0);
	refusal_clear(&refusal);
	int fd = memfd_make(&file, &refusal);

	CHECK(fd >= 0);
	close(fd);
	memset(length + 7, 'n', 250);
	CHECK(is_refusal(memfd_make(&file, &refusal), &refusal, EDVSPROCSTS, "Invalid argument"));
}

/* Mode, times and seals of the image, once the contents are in. */
static void test_sealed(void)
{
	char path[] = "/memfd:s";
	struct file file = named(path, 4096);
	struct refusal refusal = REFUSAL_NONE;
	struct stat status;
	int fd = memfd_make(&file, &refusal);

	file.image.mode = S_IFREG | 0604;
	file.image.uid = geteuid();
	file.image.gid = getegid();
	file.image.mtime_s = 1234567;
	file.image.mtime_ns = 89;
	file.image.seals = F_SEAL_SHRINK | F_SEAL_WRITE;
	CHECK_EQ(memfd_seal(&file, fd, &refusal), 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_WRITE);
	CHECK(fstat(fd, &status) == 0 && (status.st_mode & 07777) == 0604);
	CHECK(status.st_mtim.tv_sec == 1234567 && status.st_mtim.tv_nsec == 89);
	/* One seal more than the image says is another file. */
	file.image.seals = F_SEAL_SHRINK;
	CHECK(is_refusal(memfd_seal(&file, fd, &refusal), &refusal, EDVSPROCSTS,
			 "Operation not permitted"));
	close(fd);
}

int main(void)
{
	TEST(test_links);
	TEST(test_described);
	TEST(test_refused);
	TEST(test_made);
	TEST(test_not_made);
	TEST(test_sealed);
	return test_end();
}
