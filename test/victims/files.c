/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: positions, flags, sharing, devices, directories, numbers with gaps. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "victims/victim.h"

static char name[] = "/tmp/dvs-victim-files-XXXXXX";

static bool shares(int a, int b)
{
	return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b) == 0;
}

static void check(unsigned round, int file, int second, int high, int append, int path)
{
	char text[8] = "";

	VICTIM_CHECK(lseek(file, 0, SEEK_CUR) == 100 + (off_t)round - 1);
	VICTIM_CHECK(shares(file, second) && shares(file, high) && !shares(file, append));
	VICTIM_CHECK(read(second, text, 1) == 1 && text[0] == 'x');
	VICTIM_CHECK(fcntl(file, F_GETFD) == 0 && fcntl(second, F_GETFD) == FD_CLOEXEC);
	VICTIM_CHECK(fcntl(append, F_GETFL) & O_APPEND && fcntl(append, F_GETFL) & O_NONBLOCK);
	VICTIM_CHECK(write(append, "y", 1) == 1);
	VICTIM_CHECK(fcntl(path, F_GETFL) & O_PATH && read(path, text, 1) < 0 && errno == EBADF);
}

static char first[] = "/tmp/dvs-victim-files-XXXXXX", second_name[sizeof(first) + 2];

/* A mapped file that lost its first name and has another one, as the semaphores of sem_open(3). */
static unsigned *linked_file(int *fdp)
{
	int fd = mkstemp(first);

	snprintf(second_name, sizeof(second_name), "%s-2", first);
	VICTIM_CHECK(ftruncate(fd, 4096) == 0 && link(first, second_name) == 0 &&
		     unlink(first) == 0);
	*fdp = fd;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static void check_linked(unsigned round, int fd, unsigned *word)
{
	unsigned read_back = 0;
	struct stat one, other;

	VICTIM_CHECK(*word == round - 1);
	*word = round;
	VICTIM_CHECK(pread(fd, &read_back, sizeof(read_back), 0) == sizeof(read_back) &&
		     read_back == round);
	VICTIM_CHECK(fstat(fd, &one) == 0 && stat(second_name, &other) == 0 &&
		     one.st_ino == other.st_ino);
}

int main(void)
{
	struct stat status;
	char byte = 1;

	victim_begin();
	int file = mkstemp(name), append = open(name, O_WRONLY | O_APPEND | O_NONBLOCK);

	for (unsigned i = 0; i < 1000; i++)
		VICTIM_CHECK(write(file, "x", 1) == 1);
	lseek(file, 100, SEEK_SET);
	int second = fcntl(file, F_DUPFD_CLOEXEC, 40), high = fcntl(file, F_DUPFD, 700);
	int directory = open("/usr", O_RDONLY | O_DIRECTORY), path = open("/etc/hosts", O_PATH);
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY);
	int random = open("/dev/urandom", O_RDONLY), full = open("/dev/full", O_WRONLY);
	int linked;
	unsigned *word = linked_file(&linked);

	victim_ready();
	for (unsigned round = 1; victim_moved(); round++) {
		check(round, file, second, high, append, path);
		check_linked(round, linked, word);
		VICTIM_CHECK(fstatat(directory, "bin", &status, 0) == 0);
		VICTIM_CHECK(write(null, "x", 1) == 1 && read(null, &byte, 1) == 0);
		VICTIM_CHECK(read(zero, &byte, 1) == 1 && byte == 0);
		VICTIM_CHECK(read(random, &byte, 1) == 1);
		VICTIM_CHECK(write(full, "x", 1) < 0 && errno == ENOSPC);
		VICTIM_CHECK(fcntl(41, F_GETFD) < 0 && fcntl(3, F_GETFD) >= 0);
		VICTIM_CHECK(fstat(file, &status) == 0 && status.st_size == 1000 + (off_t)round);
		VICTIM_CHECK(printf("still here\n") > 0 && fflush(stdout) == 0);
	}
	unlink(name);
	unlink(second_name);
	return victim_end();
}
