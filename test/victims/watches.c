/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches of files and folders (inotify), one of them of a symbolic link: numbers, masks, events that wait, a thread
 * that waits for one, epoll.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "victims/victim.h"

static char folder[] = "/tmp/dvs-victim-watches-XXXXXX", file[64], other[64], link_path[64];
static int events, awaited, epoll;
static int watch_folder, watch_file, watch_link;
static uint32_t told, over;

static bool next_is(int number, uint32_t mask, const char *name)
{
	union {
		struct inotify_event event;
		char bytes[sizeof(struct inotify_event) + 256];
	} got;
	ssize_t length = read(events, &got, sizeof(struct inotify_event) + (*name ? 16 : 0));

	return length > 0 && got.event.wd == number && got.event.mask == mask &&
	       strcmp(got.event.len ? got.event.name : "", name) == 0;
}

static bool is_quiet(void)
{
	char byte[512];

	return read(events, byte, sizeof(byte)) < 0 && errno == EAGAIN;
}

static void touch(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0600);

	VICTIM_CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
}

static void *in_read(void *unused)
{
	char bytes[512];

	while (read(awaited, bytes, sizeof(bytes)) > 0 && !__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		__atomic_add_fetch(&told, 1, __ATOMIC_RELEASE);
	return unused;
}

static void build(void)
{
	struct epoll_event wanted = { .events = EPOLLIN, .data.u64 = 7 };

	VICTIM_CHECK(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/file", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	touch(file);
	events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	awaited = inotify_init1(0);
	/* Numbers that are not the first ones. */
	for (int i = 0; i < 5; i++)
		VICTIM_CHECK(inotify_rm_watch(events, inotify_add_watch(events, "/", IN_CREATE)) ==
			     0);
	while (!is_quiet())
		continue;
	watch_folder = inotify_add_watch(events, folder, IN_CREATE | IN_DELETE | IN_ONLYDIR);
	watch_file = inotify_add_watch(events, file, IN_MODIFY);
	VICTIM_CHECK(inotify_add_watch(awaited, file, IN_CLOSE_WRITE) == 1);
	snprintf(link_path, sizeof(link_path), "%s/link", folder);
	VICTIM_CHECK(symlink("nowhere", link_path) == 0);
	watch_link = inotify_add_watch(events, link_path, IN_ATTRIB | IN_DONT_FOLLOW);
	VICTIM_CHECK(watch_folder == 6 && watch_file == 7 && watch_link == 8);
	while (!is_quiet())
		continue;
	epoll = epoll_create1(0);
	VICTIM_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, events, &wanted) == 0);
}

static void leave_events(void)
{
	touch(other);
	unlink(other);
}

static void check(void)
{
	uint32_t before = __atomic_load_n(&told, __ATOMIC_ACQUIRE);
	struct epoll_event event = { 0 };

	VICTIM_CHECK(epoll_wait(epoll, &event, 1, 0) == 1 && event.data.u64 == 7);
	VICTIM_CHECK(fcntl(events, F_GETFD) == FD_CLOEXEC && fcntl(events, F_GETFL) == O_NONBLOCK);
	VICTIM_CHECK(next_is(watch_folder, IN_CREATE, "other"));
	VICTIM_CHECK(next_is(watch_folder, IN_DELETE, "other"));
	VICTIM_CHECK(is_quiet());
	touch(file);
	VICTIM_CHECK(next_is(watch_file, IN_MODIFY, "") && is_quiet());
	VICTIM_CHECK(utimensat(AT_FDCWD, link_path, NULL, AT_SYMLINK_NOFOLLOW) == 0);
	VICTIM_CHECK(next_is(watch_link, IN_ATTRIB, "") && is_quiet());
	/* The same file has the same watch still. */
	VICTIM_CHECK(inotify_add_watch(events, file, IN_MODIFY) == watch_file);
	VICTIM_CHECK(victim_counts(&told, before + 1));
}

int main(void)
{
	pthread_t thread;

	victim_begin();
	build();
	leave_events();
	pthread_create(&thread, NULL, in_read, NULL);
	victim_ready();
	while (victim_moved()) {
		check();
		leave_events();
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	touch(file);
	pthread_join(thread, NULL);
	unlink(file);
	unlink(link_path);
	rmdir(folder);
	return victim_end();
}
