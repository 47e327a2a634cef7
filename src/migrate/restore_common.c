/* SPDX-License-Identifier: Apache-2.0 */
/* The stages have this in common: they run calls in the shell, open descriptors, and send them to the shell. */
#include "migrate/restore.h"

#include <assert.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/memfd.h"
#include "migrate/reopen.h"
#include "os/kernel.h"
#include "os/inode.h"
#include "os/limit.h"
#include "os/open.h"
#include "os/socket.h"

#define SENT_MAX      100
#define FD_LIMIT_ROOM 64

int restore_run(struct restore *restore, struct refusal *refusal)
{
	return restore_refuse(restore, calls_run(&restore->calls), refusal);
}

int restore_refuse(struct restore *restore, int r, struct refusal *refusal)
{
	return r ? calls_refuse(&restore->calls, r, "the process shell on the target", refusal) : 0;
}

static bool was_offered(const struct restore *restore, const struct file *file)
{
	const struct files *offered = restore->offered;

	for (uint32_t i = 0; offered && i < offered->count; i++)
		if (offered->file[i].image.inode == file->image.inode &&
		    strcmp(offered->file[i].path, file->path) == 0)
			return true;
	return !offered;
}

/* A file that was looked at before the stop could have been carried along; a later one is looked at next time. */
static int open_own(struct restore *restore, const struct file *file, uint32_t flags,
		    struct refusal *refusal)
{
	struct refusal own = REFUSAL_NONE;
	int fd = files_reopen(file, restore->root, restore->same_machine, restore->held,
			      &restore->picture.process.opener, flags, &own);

	if (fd >= 0)
		return fd;
	if (!was_offered(restore, file))
		return refusal_set(refusal, EDVSBUSY,
				   "the process has opened %s just before it was stopped, and the "
				   "target has not the same; try again",
				   file->path);
	return refusal_set_number(refusal, own.error, "%s", own.reason);
}

int restore_open_file(struct restore *restore, const struct file *file, uint32_t flags,
		      struct refusal *refusal)
{
	size_t index = (size_t)(file - restore->picture.tables->files.file);

	assert(index < restore->picture.tables->files.count);
	if (file->image.use & (IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED))
		return memfd_reopen(file, restore->memfd[index], flags, refusal);
	int fd = carried_open(restore->carried, file, flags, refusal);

	return fd == CARRIED_NOT ? open_own(restore, file, flags, refusal) : fd;
}

int restore_lend_memory_file(struct restore *restore, const struct file *file, uint32_t flags,
			     struct refusal *refusal)
{
	size_t index = (size_t)(file - restore->picture.tables->files.file);

	assert(file->image.use & IMAGE_FILE_MEMORY);
	assert(restore->memfd[index] >= 0);
	int fd = os_dup(restore->memfd[index]);
	int r = fd < 0 ? fd : os_open_set_flags(fd, flags);

	if (r == 0)
		r = os_seek(fd, 0);
	if (r == 0)
		return fd;
	os_close(fd);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot open the memory file %.100s: %s", file->path,
			   strerror(-r));
}

/* Calls that receive one descriptor, whose number must be `expected`. */
static void add_receive(struct restore *restore, int expected, int shell_fd)
{
	struct calls *calls = &restore->calls;

	calls_room(calls, 3, 256);
	struct remote_ptr byte = calls_space(calls, 8);
	struct remote_ptr control = calls_space(calls, CMSG_SPACE(sizeof(int)));
	struct iovec io = { .iov_base = (void *)byte.at, .iov_len = 1 };
	struct remote_ptr vector = calls_put(calls, &io, sizeof(io));
	struct msghdr message = {
		.msg_iov = (void *)vector.at,
		.msg_iovlen = 1,
		.msg_control = (void *)control.at,
		.msg_controllen = CMSG_SPACE(sizeof(int)),
	};
	struct remote_ptr head = calls_put(calls, &message, sizeof(message));

	calls_expect(calls, "receive a descriptor", 1, SYS_recvmsg, (uint64_t)shell_fd, head.at, 0);
	/* Proves that it came and where: it is not close-on-exec. */
	calls_expect(calls, "receive a descriptor", 0, SYS_fcntl, (uint64_t)expected, F_GETFD, 0);
}

int restore_send_descriptor(struct restore *restore, int fd, int expected, int shell_fd,
			    struct refusal *refusal)
{
	const char byte = 0;
	int r = fd < 0 ? fd : 0;

	assert(restore->sent < SENT_MAX);
	/* Descriptors that were sent and not received yet must fit into the socket. */
	if (r == 0 && ++restore->sent == SENT_MAX) {
		restore->sent = 0;
		r = restore_run(restore, refusal);
	}
	if (r == 0) {
		r = os_packet_send(restore->sock, &byte, sizeof(byte), &fd, 1);
		if (r < 0)
			r = refusal_set(
				refusal, EDVSPROCSTS,
				"the process shell on the target cannot be given a descriptor: %s",
				strerror(-r));
	}
	os_close(fd);
	if (r == 0)
		add_receive(restore, expected, shell_fd);
	return r;
}

int restore_open_foreign(struct restore *restore, const uint8_t name[IMAGE_NAME_BYTES],
			 struct refusal *refusal)
{
	struct foreign_name foreign;

	memcpy(foreign.bytes, name, sizeof(foreign.bytes));
	if (!restore->host->open)
		return refusal_set(refusal, EDVSNOSYS, "the target knows no foreign objects");
	int fd = restore->host->open(restore->host->ctx, &foreign);

	if (fd >= 0)
		return fd;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target has no page or pipe to take the place of the "
			   "source's: %s",
			   strerror(-fd));
}

int restore_allow_number(struct restore *restore, int number, struct refusal *refusal)
{
	const struct descriptors *descriptors = &restore->picture.descriptors;
	int last = descriptors->count ? descriptors->fd[descriptors->count - 1].number : 0;
	uint64_t needed = (uint64_t)(number > last ? number : last) + FD_LIMIT_ROOM;
	struct os_limit limit;

	assert(number >= 0);
	if (os_limit(restore->pid, OS_LIMIT_DESCRIPTORS, &limit) || limit.soft >= needed)
		return 0;
	limit.soft = needed;
	if (limit.hard < needed)
		limit.hard = needed;
	int r = os_limit_set(restore->pid, OS_LIMIT_DESCRIPTORS, &limit);

	return r < 0 ? refusal_set(refusal, EDVSPROCSTS,
				   "the target may not open descriptor %d: %s", number,
				   strerror(-r))
		     : 0;
}
