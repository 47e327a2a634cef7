/* SPDX-License-Identifier: Apache-2.0 */
/* Files that were deleted or replaced, or never had a name: contents, holes, positions, mappings, times, owners. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "victims/victim.h"

#define PAGE 4096
#define TAIL 77

struct deleted {
	int fd, reader;
	unsigned char *shared, *private;
	struct timespec mtime;
};

static struct deleted file[2];

static void begin_file(struct deleted *one, const char *folder)
{
	char name[64];
	const unsigned char line[] = "contents";
	const struct timespec times[2] = { { 1, 0 }, { 1234567890, 987654321 } };

	snprintf(name, sizeof(name), "%s/dvs-victim-deleted-XXXXXX", folder);
	one->fd = mkstemp(name);
	one->reader = open(name, O_RDONLY | O_CLOEXEC);
	VICTIM_CHECK(one->fd >= 0 && one->reader >= 0 && fchmod(one->fd, 0640) == 0);
	for (int page = 0; page < 64; page += 9)
		VICTIM_CHECK(pwrite(one->fd, line, sizeof(line), page * PAGE) == sizeof(line));
	VICTIM_CHECK(ftruncate(one->fd, 64 * PAGE + TAIL) == 0);
	VICTIM_CHECK(lseek(one->fd, 5 * PAGE, SEEK_SET) == 5 * PAGE &&
		     lseek(one->reader, 3, SEEK_SET) == 3);
	one->shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, one->fd, 9 * PAGE);
	one->private =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, one->reader, 9 * PAGE);
	VICTIM_CHECK(one->shared != MAP_FAILED && one->private != MAP_FAILED);
	one->private[PAGE] = 'p';
	VICTIM_CHECK(unlink(name) == 0 && futimens(one->fd, times) == 0);
	one->mtime = times[1];
}

static void check_file(const struct deleted *one, unsigned moves)
{
	struct stat status;
	char line[16] = "";

	VICTIM_CHECK(fstat(one->fd, &status) == 0 && status.st_nlink == 0 &&
		     status.st_size == 64 * PAGE + TAIL && status.st_mode == (S_IFREG | 0640));
	VICTIM_CHECK(moves || (status.st_mtim.tv_sec == one->mtime.tv_sec &&
			       status.st_mtim.tv_nsec == one->mtime.tv_nsec));
	VICTIM_CHECK(status.st_blocks * 512 < 40 * PAGE); /* the holes are holes */
	VICTIM_CHECK(pread(one->reader, line, 9, 63 * PAGE) == 9 && strcmp(line, "contents") == 0);
	VICTIM_CHECK(read(one->reader, line, 5) == 5 && memcmp(line, "tents", 5) == 0);
	VICTIM_CHECK(lseek(one->reader, 3, SEEK_SET) == 3 &&
		     lseek(one->fd, 0, SEEK_CUR) == 5 * PAGE);
	VICTIM_CHECK(fcntl(one->reader, F_GETFD) == FD_CLOEXEC && fcntl(one->fd, F_GETFL) & O_RDWR);
	VICTIM_CHECK(write(one->reader, line, 1) < 0 && errno == EBADF);
	VICTIM_CHECK(one->private[PAGE] == 'p' && one->private[0] == 'c');
	VICTIM_CHECK(one->shared[0] == 'c' && one->shared[PAGE] == (unsigned char)moves);
	one->shared[PAGE] = (unsigned char)(moves + 1); /* seen through the descriptor, too */
	VICTIM_CHECK(pread(one->reader, line, 1, 10 * PAGE) == 1 && line[0] == (char)(moves + 1));
}

/* The new file has the name; the old one is still open. */
static int replaced(void)
{
	char name[] = "/tmp/dvs-victim-deleted-XXXXXX", other[] = "/tmp/dvs-victim-deleted-XXXXXX";
	int fd = mkstemp(name);

	VICTIM_CHECK(fd >= 0 && write(fd, "old", 3) == 3);
	close(mkstemp(other));
	VICTIM_CHECK(rename(other, name) == 0 && unlink(name) == 0);
	return fd;
}

/* Two names of one file, both of which are gone: still one file. */
static void begin_twins(int twin[2])
{
	char name[] = "/tmp/dvs-victim-deleted-XXXXXX", other[64];

	twin[0] = mkstemp(name);
	snprintf(other, sizeof(other), "%s.link", name);
	VICTIM_CHECK(twin[0] >= 0 && link(name, other) == 0);
	twin[1] = open(other, O_RDWR);
	VICTIM_CHECK(twin[1] >= 0 && unlink(name) == 0 && unlink(other) == 0);
}

static void check_twins(const int twin[2], char round)
{
	struct stat one, other;
	char seen = 0;

	VICTIM_CHECK(fstat(twin[0], &one) == 0 && fstat(twin[1], &other) == 0 &&
		     one.st_dev == other.st_dev && one.st_ino == other.st_ino);
	VICTIM_CHECK(pwrite(twin[0], &round, 1, 7) == 1 && pread(twin[1], &seen, 1, 7) == 1 &&
		     seen == round);
}

int main(void)
{
	int twin[2];
	unsigned moves = 0;
	char folder[] = "/tmp/dvs-victim-named-XXXXXX", name[64], text[4] = "";

	victim_begin();
	begin_file(&file[0], "/tmp");
	begin_file(&file[1], "/dev/shm");
	int old = replaced(), nameless = open("/tmp", O_TMPFILE | O_RDWR, 0600),
	    empty = open("/tmp", O_TMPFILE | O_RDWR, 0);

	begin_twins(twin);
	VICTIM_CHECK(nameless >= 0 && empty >= 0 && write(nameless, "abc", 3) == 3);
	victim_ready();
	for (; victim_moved(); moves++) {
		check_file(&file[0], moves);
		check_file(&file[1], moves);
		VICTIM_CHECK(pread(old, text, 3, 0) == 3 && strcmp(text, "old") == 0);
		VICTIM_CHECK(pread(nameless, text, 3, 0) == 3 && strcmp(text, "abc") == 0);
		VICTIM_CHECK(lseek(empty, 0, SEEK_END) == 0);
		check_twins(twin, (char)(moves + 1));
	}
	/* It can be given a name still, as nobody has done so yet. */
	VICTIM_CHECK(mkdtemp(folder));
	snprintf(name, sizeof(name), "%s/named", folder);
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", nameless);
	VICTIM_CHECK(linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 &&
		     unlink(name) == 0 && rmdir(folder) == 0);
	return victim_end();
}
