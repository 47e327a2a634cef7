/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program whose file was deleted while it runs, as by an upgrade; and a library, of which a process that stays has a
 * mapping as well. The program starts itself from a copy that it deletes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define PAGE 4096

static volatile int answer = 42; /* in a page of the program that is written */

static int constant(int by)
{
	return answer * by;
}

static void copy(int from, int to)
{
	char buffer[PAGE];
	ssize_t length;

	while ((length = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)length) != length)
			_exit(90);
}

/* The copy is executed with a name of its own, beside a place for others to run. */
static void become_deleted(char **argv)
{
	char name[] = "/tmp/dvs-victim-program-XXXXXX";
	char *const again[] = { argv[0], name, NULL };
	int from = open("/proc/self/exe", O_RDONLY), to = mkstemp(name);

	copy(from, to);
	close(from);
	if (fchmod(to, 0700) < 0)
		_exit(91);
	close(to);
	execv(name, again);
	_exit(92);
}

static char *library, *written;
static char expected;

/* A process of its own session stays, with the library mapped as programs do. */
static void leave_user(int fd)
{
	pid_t self = getpid(), child = fork();

	if (child == 0) {
		setsid();
		if (fork())
			_exit(0);
		char *at = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

		close(fd);
		while (at != MAP_FAILED && kill(self, 0) == 0)
			usleep(10000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void build(const char *own_name)
{
	char name[] = "/tmp/dvs-victim-library-XXXXXX";
	int to = mkstemp(name), from = open("/proc/self/exe", O_RDONLY);

	unlink(own_name);
	copy(from, to);
	close(from);
	close(to);
	int fd = open(name, O_RDONLY);

	library = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	written = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
	VICTIM_CHECK(library != MAP_FAILED && written != MAP_FAILED);
	leave_user(fd);
	close(fd);
	unlink(name);
	expected = library[PAGE + 5];
	written[5] = (char)(expected + 1);
}

/* The program is what it was, and can be neither written nor lost. */
static bool has_program(ino_t *inode)
{
	struct stat status;
	char link[128] = "";
	char head[4] = "";
	int fd = open("/proc/self/exe", O_RDONLY);
	bool good = fd >= 0 && read(fd, head, 4) == 4 && !memcmp(head, "\177ELF", 4) &&
		    fstat(fd, &status) == 0 && (status.st_mode & 0777) == 0700 &&
		    status.st_nlink == 0;

	close(fd);
	*inode = status.st_ino;
	good = good && readlink("/proc/self/exe", link, sizeof(link) - 1) > 0 &&
	       strstr(link, " (deleted)");
	return good && open("/proc/self/exe", O_RDWR) < 0 && errno == ETXTBSY;
}

int main(int argc, char **argv)
{
	ino_t inode;

	if (argc < 2)
		become_deleted(argv);
	victim_begin();
	build(argv[1]);
	VICTIM_CHECK(has_program(&inode));
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(has_program(&inode));
		VICTIM_CHECK(constant(2) == 84);
		VICTIM_CHECK(library[PAGE + 5] == expected && written[5] == (char)(expected + 1));
		VICTIM_CHECK(memcmp(library, "\177ELF", 4) == 0);
	}
	return victim_end();
}
