/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inotify.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILLERS_READ 1000 /* so many tell of their end before that is read */
#define NAME_BYTES   40

static uint64_t number_after(const char *line, const char *name, int base)
{
	const char *at = strstr(line, name);

	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_handle(const char *line, struct os_inotify_watch *watch)
{
	const char *at = strstr(line, " f_handle:");

	watch->handle_bytes = (uint32_t)number_after(line, " fhandle-bytes:", 16);
	watch->handle_type = (int32_t)number_after(line, " fhandle-type:", 16);
	if (!at || watch->handle_bytes > sizeof(watch->handle))
		return !at && !watch->handle_bytes;
	at += strlen(" f_handle:");
	for (uint32_t i = 0; i < watch->handle_bytes; i++) {
		int high = digit(at[2 * i]), low = high < 0 ? -1 : digit(at[2 * i + 1]);

		if (low < 0)
			return false;
		watch->handle[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

int os_inotify_next(const char **at, struct os_inotify_watch *watch)
{
	static const char head[] = "inotify wd:";
	char line[512];

	for (; **at; *at += **at == '\n') {
		size_t length = strcspn(*at, "\n");

		if (strncmp(*at, head, strlen(head)) != 0) {
			*at += length;
			continue;
		}
		if (length >= sizeof(line))
			return -EPROTO;
		memcpy(line, *at, length);
		line[length] = 0;
		*at += length;
		uint32_t device = (uint32_t)number_after(line, " sdev:", 16);

		*watch = (struct os_inotify_watch){
			.number = (int)number_after(line, " wd:", 16),
			.mask = (uint32_t)number_after(line, " mask:", 16),
			.inode = number_after(line, " ino:", 16),
			.device_major = device >> 20,
			.device_minor = device & 0xfffff,
		};
		return watch->number > 0 && read_handle(line, watch) ? 1 : -EPROTO;
	}
	return 0;
}

int os_inotify_open(const struct os_inotify_watch *watch, int fd)
{
	union {
		struct file_handle head;
		uint8_t bytes[sizeof(struct file_handle) + OS_INOTIFY_HANDLE_BYTES];
	} handle = { .head = { .handle_bytes = watch->handle_bytes,
			       .handle_type = watch->handle_type } };

	assert(watch->handle_bytes <= OS_INOTIFY_HANDLE_BYTES);
	if (!watch->handle_bytes)
		return -EOPNOTSUPP;
	memcpy(handle.bytes + sizeof(handle.head), watch->handle, watch->handle_bytes);
	int opened = open_by_handle_at(fd, &handle.head, O_PATH | O_CLOEXEC);

	return opened < 0 ? -errno : opened;
}

int os_inotify_new(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int os_inotify_bytes(int fd)
{
	int bytes = 0;

	assert(fd >= 0);
	return ioctl(fd, FIONREAD, &bytes) < 0 ? -errno : bytes;
}

static int watch(int fd, int object, uint32_t mask)
{
	char name[NAME_BYTES];

	assert(fd >= 0 && object >= 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", object);
	int number = inotify_add_watch(fd, name, mask);

	return number < 0 ? -errno : number;
}

/* Reads the events of the ends of fillers. No other watch makes events yet. */
static void read_all(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		continue;
}

/* Numbers up to that one are given to a file of nobody, and taken from it. */
static int fill(int fd, int number, int *next)
{
	int filler = memfd_create("dvs", MFD_CLOEXEC), r = filler < 0 ? -errno : 0;

	for (; r == 0 && *next < number; ++*next) {
		r = watch(fd, filler, IN_DELETE_SELF);
		if (r > 0)
			r = r != *next ? -ERANGE : inotify_rm_watch(fd, r) < 0 ? -errno : 0;
		if (*next % FILLERS_READ == 0)
			read_all(fd);
	}
	read_all(fd);
	if (filler >= 0)
		close(filler);
	return r;
}

int os_inotify_add(int fd, int object, int number, int *next)
{
	assert(number >= *next && *next > 0);
	int r = number > *next ? fill(fd, number, next) : 0;

	/* That it leaves out files without a name makes no event. */
	if (r == 0)
		r = watch(fd, object, IN_EXCL_UNLINK);
	if (r < 0)
		return r;
	*next = number + 1;
	return r == number ? 0 : -ERANGE;
}

int os_inotify_set(int fd, int object, uint32_t mask)
{
	int r = watch(fd, object, mask);

	return r < 0 ? r : 0;
}
