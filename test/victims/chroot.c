/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that have changed their root directory: one with a socket, files and watches below it, and one file open
 * that is outside of it; a thread, and a child, that have the directory in common with it; a child with a root below
 * that one, whose working directory is outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "victims/victim.h"

enum kind {
	THREAD,
	COMMON,
	DEEPER,
	KINDS
};

struct one {
	uint32_t asked, right, wrong;
};

static struct one *one; /* shared memory */
static struct stat root, inner;
static int outside, outer_folder, watches, listener;
static const char *mapped;
static char folder[] = "/tmp/dvs-root-XXXXXX";

static bool make_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	bool good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	return close(fd) == 0 && good;
}

static bool has(const char *path, const char *text)
{
	char found[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && read(fd, found, sizeof(found) - 1) > 0 && strcmp(found, text) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

static bool is_root(const struct stat *wanted)
{
	struct stat now, above;

	return stat("/", &now) == 0 && stat("/..", &above) == 0 && now.st_ino == wanted->st_ino &&
	       now.st_dev == wanted->st_dev && above.st_ino == now.st_ino;
}

static bool is_in_place(enum kind kind)
{
	if (kind != DEEPER)
		return is_root(&root) && has("/file", "inside") && access("/etc/passwd", F_OK) < 0;
	/* Relative paths begin outside. */
	return is_root(&inner) && access("/file", F_OK) < 0 && has("/deep", "deep") &&
	       has("file", "inside");
}

static void serve(enum kind kind)
{
	for (uint32_t round = 1;; round++) {
		while (__atomic_load_n(&one[kind].asked, __ATOMIC_ACQUIRE) != round)
			victim_nap();
		__atomic_add_fetch(is_in_place(kind) ? &one[kind].right : &one[kind].wrong, 1,
				   __ATOMIC_RELEASE);
	}
}

static void *thread(void *unused)
{
	serve(THREAD);
	return unused;
}

static void start_child(enum kind kind)
{
	unsigned long flags = kind == COMMON ? CLONE_FS : 0;

	if (syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0) != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kind == DEEPER && (chdir("/") || chroot("/inner")))
		_exit(98);
	serve(kind);
}

static bool ask(uint32_t round)
{
	for (enum kind kind = 0; kind < KINDS; kind++)
		__atomic_store_n(&one[kind].asked, round, __ATOMIC_RELEASE);
	for (enum kind kind = 0; kind < KINDS; kind++)
		if (!victim_counts(&one[kind].right, round))
			return false;
	return true;
}

static bool connects(void)
{
	struct sockaddr_un name = { AF_UNIX, "/socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0;
	int accepted = accept(listener, NULL, NULL);

	close(accepted);
	close(fd);
	return good && accepted >= 0;
}

static bool is_told(void)
{
	char event[256];

	return chmod("/file", 0640) == 0 && read(watches, event, sizeof(event)) > 0;
}

static void begin(void)
{
	struct sockaddr_un name = { AF_UNIX, "/socket" };
	pthread_t other;

	VICTIM_CHECK(mkdtemp(folder) && chmod(folder, 0755) == 0 && chdir(folder) == 0);
	VICTIM_CHECK(make_file("file", "inside") && mkdir("inner", 0755) == 0 &&
		     make_file("inner/deep", "deep"));
	outer_folder = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	outside = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	VICTIM_CHECK(chroot(".") == 0 && stat("/", &root) == 0 && stat("/inner", &inner) == 0);
	int fd = open("/inner/deep", O_RDONLY | O_CLOEXEC);

	mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	VICTIM_CHECK(bind(listener, (struct sockaddr *)&name, sizeof(name)) == 0 &&
		     listen(listener, 4) == 0);
	watches = inotify_init1(IN_CLOEXEC);
	VICTIM_CHECK(inotify_add_watch(watches, "/file", IN_ATTRIB) == 1);
	VICTIM_CHECK(pthread_create(&other, NULL, thread, NULL) == 0);
	start_child(COMMON);
	start_child(DEEPER);
}

static void end(void)
{
	signal(SIGCHLD, SIG_IGN);
	unlink("/file");
	unlink("/socket");
	unlink("/inner/deep");
	rmdir("/inner");
	unlinkat(outer_folder, folder + 5, AT_REMOVEDIR);
}

int main(void)
{
	uint32_t round = 0;

	victim_begin();
	one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	begin();
	VICTIM_CHECK(ask(++round));
	victim_ready();
	while (victim_moved()) {
		char byte;

		VICTIM_CHECK(ask(++round) && is_in_place(THREAD));
		VICTIM_CHECK(connects() && is_told() && memcmp(mapped, "deep", 4) == 0);
		VICTIM_CHECK(pread(outside, &byte, 1, 0) == 1);
		VICTIM_CHECK(openat(outer_folder, "no such", O_RDONLY) < 0 && errno == ENOENT);
	}
	end();
	return victim_end();
}
