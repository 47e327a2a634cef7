/* SPDX-License-Identifier: Apache-2.0 */
/* Memory files (memfd): open only, mapped in parts, sealed, sparse, executable, of odd size. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define PAGE   4096
#define SPARSE (256l << 20)

static const char line[] = "#!/bin/true";
static int program, closed_maps, odd, sealed, future, sparse, plain, second, reader;
static char *middle, *tail, *private, *read_only, *code, *window;

static int file(const char *name, long size, unsigned flags)
{
	int fd = memfd_create(name, flags);

	VICTIM_CHECK(fd >= 0 && ftruncate(fd, size) == 0);
	return fd;
}

/* Each page has its number in it. */
static void number(int fd, int pages, int first)
{
	for (int i = 0; i < pages; i++)
		VICTIM_CHECK(pwrite(fd, &(char){ (char)(first + i) }, 1, (off_t)i * PAGE) == 1);
}

static bool numbered(int fd, int pages, int first)
{
	char byte;

	for (int i = 0; i < pages; i++)
		if (pread(fd, &byte, 1, (off_t)i * PAGE) != 1 || byte != (char)(first + i))
			return false;
	return true;
}

static char *map(int fd, size_t bytes, int rights, int flags, off_t offset)
{
	char *at = mmap(NULL, bytes, rights, flags, fd, offset);

	VICTIM_CHECK(at != MAP_FAILED);
	return at;
}

static void build(void)
{
	char *all;

	/* Open, and not mapped at all. */
	closed_maps = file("open only", 8 * PAGE, 0);
	number(closed_maps, 8, 1);
	lseek(closed_maps, 3 * PAGE, SEEK_SET);
	/* The middle is mapped; twice more, privately and at another offset; no descriptor is left. */
	int gone = file("mapped only", 8 * PAGE, MFD_ALLOW_SEALING);

	number(gone, 8, 11);
	all = map(gone, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	munmap(all, 3 * PAGE);
	munmap(all + 5 * PAGE, 3 * PAGE);
	middle = all + 3 * PAGE;
	tail = map(gone, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 4 * PAGE);
	private = map(gone, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	private[PAGE] = 'p';
	close(gone);
	/* Of a size that is not a multiple of pages, and a name with a space and a suffix. */
	odd = file("odd (deleted)", 5000, MFD_CLOEXEC);
	VICTIM_CHECK(pwrite(odd, "end", 3, 4997) == 3);
	fchmod(odd, 0640);
	/* Sealed against everything, and mapped to be read. */
	sealed = file("sealed", 2 * PAGE, MFD_ALLOW_SEALING);
	number(sealed, 2, 31);
	VICTIM_CHECK(fcntl(sealed, F_ADD_SEALS,
			   F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", sealed);
	reader = open(path, O_RDONLY);
	read_only = map(reader, 2 * PAGE, PROT_READ, MAP_SHARED, 0);
	/* Nobody new may write; an old mapping may. */
	future = file("future", PAGE, MFD_ALLOW_SEALING);
	window = map(future, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	VICTIM_CHECK(fcntl(future, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0);
	/* A hole stays one. */
	sparse = file("sparse", SPARSE, 0);
	VICTIM_CHECK(pwrite(sparse, "s", 1, SPARSE / 2) == 1);
	VICTIM_CHECK(pwrite(sparse, "s", 1, SPARSE - 1) == 1);
	/* Code, and a second descriptor of one description. */
	plain = file("code", PAGE, 0);
	VICTIM_CHECK(pwrite(plain, "\xb8\x2a\0\0\0\xc3", 6, 0) == 6); /* return 42 */
	code = map(plain, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0);
	second = dup(plain);
	program = file("program", 0, 0);
	VICTIM_CHECK(write(program, line, sizeof(line) - 1) == sizeof(line) - 1);
}

/* A program in a memory file that is open for writing: it can be started as long as the file was never opened anew. */
static void check_program(void)
{
	char *const words[] = { "true", NULL };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		syscall(SYS_execveat, program, "", words, words + 1, AT_EMPTY_PATH);
		_exit(errno);
	}
	VICTIM_CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	VICTIM_CHECK(fcntl(program, F_GETFL) & O_RDWR &&
		     lseek(program, 0, SEEK_CUR) == sizeof(line) - 1);
}

static void check_contents(char round)
{
	struct stat status;
	char text[4] = "";

	VICTIM_CHECK(numbered(closed_maps, 8, 1) && lseek(closed_maps, 0, SEEK_CUR) == 3 * PAGE);
	VICTIM_CHECK(middle[0] == 14 && middle[PAGE] == 15 && tail[0] == 15 &&
		     tail[3 * PAGE] == 18);
	tail[1] = round;
	VICTIM_CHECK(middle[PAGE + 1] == round);
	VICTIM_CHECK(private[0] == 11 && private[PAGE] == 'p');
	VICTIM_CHECK(fstat(odd, &status) == 0 && status.st_size == 5000);
	VICTIM_CHECK((status.st_mode & 07777) == 0640 && fcntl(odd, F_GETFD) == FD_CLOEXEC);
	VICTIM_CHECK(pread(odd, text, 4, 4997) == 3 && strcmp(text, "end") == 0);
	VICTIM_CHECK(fstat(sparse, &status) == 0 && status.st_size == SPARSE);
	VICTIM_CHECK(status.st_blocks <= 4 * PAGE / 512);
	VICTIM_CHECK(pread(sparse, text, 1, SPARSE / 2) == 1 && text[0] == 's');
	VICTIM_CHECK(((int (*)(void))(uintptr_t)code)() == 42);
	VICTIM_CHECK(lseek(plain, 0, SEEK_CUR) == 0);
	VICTIM_CHECK(syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, plain, second) == 0);
}

static void check_seals(char round)
{
	char link[64] = "", path[32];

	VICTIM_CHECK(fcntl(sealed, F_GET_SEALS) ==
		     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	VICTIM_CHECK(numbered(sealed, 2, 31) && numbered(reader, 2, 31) && read_only[PAGE] == 32);
	VICTIM_CHECK(pwrite(sealed, "x", 1, 0) < 0 && errno == EPERM);
	VICTIM_CHECK(pwrite(reader, "x", 1, 0) < 0 && errno == EBADF);
	VICTIM_CHECK(fcntl(future, F_GET_SEALS) == F_SEAL_FUTURE_WRITE);
	VICTIM_CHECK(window[0] == (round ? round - 1 : 0));
	window[0] = round;
	VICTIM_CHECK(pwrite(future, "x", 1, 0) < 0 && errno == EPERM);
	VICTIM_CHECK(fcntl(plain, F_GET_SEALS) == F_SEAL_SEAL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", odd);
	VICTIM_CHECK(readlink(path, link, sizeof(link) - 1) > 0);
	VICTIM_CHECK(strcmp(link, "/memfd:odd (deleted) (deleted)") == 0);
}

int main(void)
{
	victim_begin();
	build();
	check_contents(0);
	check_seals(0);
	check_program();
	victim_ready();
	for (char round = 1; victim_moved(); round++) {
		check_contents(round);
		check_seals(round);
		check_program();
	}
	return victim_end();
}
