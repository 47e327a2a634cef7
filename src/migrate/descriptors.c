/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/fd says what each descriptor refers to, fdinfo its position and flags, kcmp which of
 * them share one open description. Carried are files, directories, stateless devices and what the
 * host knows as its own; everything else is refused by the name people know it by.
 */
#include "migrate/descriptors.h"

#include "dvk/errors.h"
#include "migrate/ended.h"
#include "os/kernel.h"
#include "os/procdir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void descriptors_free(struct descriptors *descriptors)
{
	free(descriptors->fd);
	*descriptors = (struct descriptors){ 0 };
}

int descriptors_append(struct descriptors *descriptors, const struct image_fd *fd)
{
	if (descriptors->count == descriptors->capacity) {
		uint32_t capacity = descriptors->capacity ? descriptors->capacity * 2 : 16;
		struct image_fd *bigger = realloc(descriptors->fd, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		descriptors->fd = bigger;
		descriptors->capacity = capacity;
	}
	descriptors->fd[descriptors->count++] = *fd;
	return 0;
}

static const struct socket_name {
	int domain, type, protocol; /* -1: any */
	const char *name;
} socket_names[] = {
	{ AF_INET, SOCK_STREAM, 262, "an MPTCP socket" },
	{ AF_INET6, SOCK_STREAM, 262, "an MPTCP socket" },
	{ AF_INET, SOCK_STREAM, -1, "a TCP socket" },
	{ AF_INET6, SOCK_STREAM, -1, "a TCP socket" },
	{ AF_INET, SOCK_DGRAM, -1, "a UDP socket" },
	{ AF_INET6, SOCK_DGRAM, -1, "a UDP socket" },
	{ AF_INET, SOCK_RAW, -1, "a raw socket" },
	{ AF_INET6, SOCK_RAW, -1, "a raw socket" },
	{ AF_UNIX, -1, -1, "a Unix socket" },
	{ AF_NETLINK, -1, -1, "a netlink socket" },
	{ AF_PACKET, -1, -1, "a packet socket" },
};

static const char *name_socket(int fd)
{
	int domain = 0, type = 0, protocol = 0, listening = 0;
	socklen_t bytes = sizeof(int);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes);
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &bytes);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes);
	if (listening && type == SOCK_STREAM && (domain == AF_INET || domain == AF_INET6))
		return "a listening TCP socket";
	for (size_t i = 0; i < sizeof(socket_names) / sizeof(socket_names[0]); i++) {
		const struct socket_name *row = &socket_names[i];

		if (row->domain == domain && (row->type < 0 || row->type == type) &&
		    (row->protocol < 0 || row->protocol == protocol))
			return row->name;
	}
	return "a socket";
}

const char *descriptors_socket_name(pid_t pid, int number)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	const char *name = fd < 0 ? "a socket (TCP, UDP or another kind)" : name_socket(fd);

	if (fd >= 0)
		close(fd);
	if (pidfd >= 0)
		close(pidfd);
	return name;
}

/* What stands behind a link that is no path. */
static const char *object_name(pid_t pid, int number, const char *link)
{
	static const struct {
		const char *prefix, *name;
	} known[] = {
		{ "pipe:", "a pipe to another process" },
		{ "anon_inode:[eventfd]", "an eventfd" },
		{ "anon_inode:[eventpoll]", "an epoll instance" },
		{ "anon_inode:[timerfd]", "a timerfd" },
		{ "anon_inode:[signalfd]", "a signalfd" },
		{ "anon_inode:inotify", "an inotify instance" },
		{ "anon_inode:[fanotify]", "a fanotify group" },
		{ "anon_inode:[pidfd]", "a pidfd" },
		{ "pidfd:", "a pidfd" },
		{ "anon_inode:[io_uring]", "an io_uring" },
		{ "anon_inode:[perf_event]", "a perf event" },
		{ "anon_inode:[userfaultfd]", "a userfaultfd" },
		{ "anon_inode:bpf", "a BPF object" },
		{ "anon_inode:[landlock", "a Landlock ruleset" },
		{ "anon_inode:seccomp", "a seccomp listener" },
		{ "anon_inode:", "a kernel object" },
		{ "(unreachable)", "a file that lies outside its root directory" },
		{ "/SYSV", "a System V shared memory segment" },
	};

	if (strncmp(link, "socket:[", 8) == 0)
		return descriptors_socket_name(pid, number);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(link, known[i].prefix, strlen(known[i].prefix)) == 0)
			return known[i].name;
	}
	return link[0] == '/' ? NULL : "a kernel object";
}

/*
 * Who watches a directory with F_NOTIFY is its owner for signals; nothing else makes a directory have
 * one, but for F_SETOWN, which would be lost as well.
 */
static bool is_watched(pid_t pid, int number)
{
	struct f_owner_ex owner = { .pid = 0 };
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	bool watched = fd >= 0 && fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.pid != 0;

	if (fd >= 0)
		close(fd);
	if (pidfd >= 0)
		close(pidfd);
	return watched;
}

struct reader {
	struct descriptors *descriptors;
	pid_t pid;
	int dir;
	struct files *files;
	const struct migrate_host *host;
	struct procdir_text *buffer;
	struct refusal *refusal;
};

static int read_info(struct reader *reader, struct image_fd *fd)
{
	char name[32];

	snprintf(name, sizeof(name), "fdinfo/%d", fd->number);
	int result = procdir_read(reader->dir, name, reader->buffer);

	if (result < 0)
		return result;
	const char *text = reader->buffer->text;
	uint32_t flags = (uint32_t)procdir_number(text, "flags", 8, 0);

	fd->position = (int64_t)procdir_number(text, "pos", 10, 0);
	fd->cloexec = flags & O_CLOEXEC ? 1 : 0;
	fd->flags = flags & ~(uint32_t)O_CLOEXEC;
	if (procdir_field(text, "lock"))
		return refusal_set(reader->refusal, EDVSPROCSTS,
				   "the process holds a file lock or lease on descriptor %d, which "
				   "would be lost",
				   fd->number);
	if (fd->flags & O_ASYNC)
		return refusal_set(reader->refusal, EDVSPROCSTS,
				   "descriptor %d sends signals (O_ASYNC), which is not carried",
				   fd->number);
	return 0;
}

static int on_path(struct reader *reader, struct image_fd *fd, const char *entry, const char *link,
		   const struct stat *status)
{
	uint32_t access = fd->flags & O_ACCMODE;
	bool path_only = fd->flags & O_PATH;
	uint32_t use = !path_only && access != O_RDONLY ? IMAGE_FILE_WRITTEN : 0;
	struct files_object object = { entry, status->st_dev, status->st_ino };
	int index = files_add(reader->files, reader->dir, link, &object, use, reader->refusal);

	if (index < 0)
		return index;
	fd->kind = IMAGE_FD_FILE;
	fd->file = (uint32_t)index;
	return 0;
}

static int on_descriptor(struct reader *reader, int number)
{
	struct image_fd fd = { .number = number };
	struct foreign_name name;
	struct stat status;
	char entry[32], link[IMAGE_PATH_MAX];

	snprintf(entry, sizeof(entry), "fd/%d", number);
	int result = (int)procdir_link(reader->dir, entry, link, sizeof(link));

	if (result == -ENOENT)
		return 0; /* closed meanwhile: the process still runs, and is read again frozen */
	if (result == -ENAMETOOLONG || result >= (int)sizeof(link) - 1)
		return refusal_set(
			reader->refusal, EDVSPROCSTS,
			"descriptor %d of the process is a file whose path is longer than "
			"%d bytes, so that it cannot be opened on the target",
			number, (int)sizeof(link) - 2);
	if (result < 0)
		return result;
	if (fstatat(reader->dir, entry, &status, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	result = read_info(reader, &fd);

	if (result == -ENOENT)
		return 0;
	if (result < 0)
		return result;
	if (reader->host->identify &&
	    reader->host->identify(reader->host->ctx, status.st_dev, status.st_ino, &name)) {
		fd.kind = IMAGE_FD_FOREIGN;
		memcpy(fd.name, name.bytes, sizeof(fd.name));
	} else {
		const char *what = object_name(reader->pid, number, link);

		if (what)
			return refusal_set(reader->refusal, EDVSPROCSTS,
					   "the process has %s open (descriptor %d), which cannot "
					   "move to another node",
					   what, number);
		if (S_ISDIR(status.st_mode) && is_watched(reader->pid, number))
			return refusal_set(reader->refusal, EDVSPROCSTS,
					   "the process watches the directory of descriptor %d for "
					   "changes (F_NOTIFY), which is not carried",
					   number);
		result = on_path(reader, &fd, entry, link, &status);
		if (result < 0)
			return result;
	}
	if (reader->descriptors->count == IMAGE_FDS_MAX ||
	    descriptors_append(reader->descriptors, &fd) < 0)
		return refusal_set(reader->refusal, EDVSNOMEM,
				   "the process has too many open descriptors");
	return 0;
}

struct numbers {
	int *number;
	size_t count, capacity;
};

static int collect_number(void *ctx, const char *name)
{
	struct numbers *numbers = ctx;

	if (numbers->count == numbers->capacity) {
		numbers->capacity = numbers->capacity ? numbers->capacity * 2 : 64;
		int *bigger = realloc(numbers->number, numbers->capacity * sizeof(int));

		if (!bigger)
			return -ENOMEM;
		numbers->number = bigger;
	}
	numbers->number[numbers->count++] = (int)strtol(name, NULL, 10);
	return 0;
}

static int ascending(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

/* What two descriptors of one open description have in common; 0: they may be one. */
static int compare_descriptions(const struct image_fd *a, const struct image_fd *b)
{
	int64_t difference = (int64_t)a->kind - b->kind;

	if (!difference)
		difference = (int64_t)a->flags - b->flags;
	if (!difference && a->kind == IMAGE_FD_FILE)
		difference = (int64_t)a->file - b->file;
	if (!difference)
		return a->position != b->position ? (a->position < b->position ? -1 : 1)
						  : memcmp(a->name, b->name, sizeof(a->name));
	return difference < 0 ? -1 : 1;
}

struct sharing {
	struct descriptors *descriptors;
	pid_t pid;
};

/* kcmp() orders descriptions, so that a sort brings those of one description together. */
static int compare_open(const struct sharing *sharing, const struct image_fd *a,
			const struct image_fd *b)
{
	int order = compare_descriptions(a, b);

	if (order || a == b)
		return order;
	switch (syscall(SYS_kcmp, sharing->pid, sharing->pid, KCMP_FILE, a->number, b->number)) {
	case 0:
		return 0;
	case 1:
		return -1;
	}
	return 1;
}

static int by_description(const void *a, const void *b, void *ctx)
{
	const struct sharing *sharing = ctx;
	const uint32_t *first = a, *second = b;
	int order = compare_open(sharing, &sharing->descriptors->fd[*first],
				 &sharing->descriptors->fd[*second]);

	return order ? order : (*first > *second) - (*first < *second);
}

/*
 * Descriptors of one open description: the first is opened again, the others are duplicates. Sorted,
 * they stand together, the lowest number first.
 */
static int find_shared(struct descriptors *descriptors, pid_t pid)
{
	struct sharing sharing = { descriptors, pid };
	uint32_t *order = malloc((descriptors->count + 1) * sizeof(*order));
	struct image_fd *first = NULL, before;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < descriptors->count; i++)
		order[i] = i;
	qsort_r(order, descriptors->count, sizeof(*order), by_description, &sharing);
	for (uint32_t i = 0; i < descriptors->count; i++) {
		struct image_fd *fd = &descriptors->fd[order[i]];

		if (first && compare_open(&sharing, &before, fd) == 0) {
			fd->kind = IMAGE_FD_SHARED;
			fd->same_as = first->number;
		} else {
			first = fd;
			before = *fd;
		}
	}
	free(order);
	return 0;
}

int descriptors_read(struct descriptors *descriptors, pid_t pid, int dir, struct files *files,
		     const struct migrate_host *host, struct procdir_text *buffer,
		     struct refusal *refusal)
{
	struct reader reader = { descriptors, pid, dir, files, host, buffer, refusal };
	struct numbers numbers = { 0 };

	descriptors->count = 0;
	int result = procdir_each(dir, "fd", collect_number, &numbers);

	qsort(numbers.number, numbers.count, sizeof(int), ascending);
	for (size_t i = 0; i < numbers.count && result == 0; i++)
		result = on_descriptor(&reader, numbers.number[i]);
	free(numbers.number);
	if (result == 0)
		result = find_shared(descriptors, pid);
	if (result == 0)
		return 0;
	ended_refuse(dir, result, "list of descriptors", refusal);
	return refusal->error;
}
