/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors. The kernel always gives the lowest free number, and the process's descriptors are
 * built in ascending order, so that every number is known before it is asked for: when descriptor n
 * is made, the lowest free number is n or one below that the process does not use.
 */
#include "migrate/restore.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inventory.h"
#include "migrate/kind.h"
#include "os/kernel.h"
#include "os/pid.h"
#include "os/socket.h"

#define LOGIN "/proc/self/loginuid"

/* The lowest number that the process does not use. */
static int first_gap(const struct descriptors *descriptors)
{
	uint32_t number = 0;

	while (number < descriptors->count && descriptors->fd[number].number == (int)number)
		number++;
	return (int)number;
}

/* One of ours. Another process may have it already, and shares it. */
static int open_description(struct restore *restore, struct description *description,
			    struct refusal *refusal)
{
	bool is_kept = description->kept >= 0;
	int ahead = description->ahead;

	description->ahead = -1;
	if (ahead >= 0)
		return ahead;
	if (description->number < 0 && !is_kept)
		return description->kind->open(restore, description, refusal);
	int fd = is_kept ? os_dup(description->kept)
			 : os_pid_descriptor(description->pid, description->number);

	return fd >= 0 ? fd
		       : refusal_set(refusal, EDVSPROCSTS,
				     "descriptor %d cannot be given to another process on the "
				     "target: %s",
				     description->number, strerror(-fd));
}

/* The first descriptor of a description is made, the others are duplicates of it. */
static int add_descriptor(struct restore *restore, const struct image_fd *fd, int gap, int shell_fd,
			  struct refusal *refusal)
{
	struct calls *calls = &restore->calls;
	struct description *description =
		descriptions_find(&restore->picture.tables->descriptions, fd->description);

	assert(description); /* which was found when the number was taken */
	calls_room(calls, 1, 0);
	if (description->last_pid == restore->pid) {
		calls_expect(calls, "duplicate a descriptor", fd->number, SYS_dup3,
			     (uint64_t)description->last_number, (uint64_t)fd->number,
			     fd->cloexec ? O_CLOEXEC : 0);
		return 0;
	}
	int temporary = gap < fd->number ? gap : fd->number;
	int opened = open_description(restore, description, refusal);
	int r = restore_send_descriptor(restore, opened, temporary, shell_fd, refusal);

	if (r)
		return r;
	if (description->number < 0) {
		description->pid = restore->pid;
		description->number = fd->number;
	}
	description->last_pid = restore->pid;
	description->last_number = fd->number;
	calls_room(calls, 3, 0);
	if (temporary != fd->number) {
		calls_expect(calls, "place a descriptor", fd->number, SYS_dup2, (uint64_t)temporary,
			     (uint64_t)fd->number);
		calls_expect(calls, "place a descriptor", 0, SYS_close, (uint64_t)temporary);
	}
	calls_expect(calls, "mark a descriptor", 0, SYS_fcntl, (uint64_t)fd->number, F_SETFD,
		     fd->cloexec ? FD_CLOEXEC : 0);
	return 0;
}

/* The way to the shell gets a number above all others. */
static int move_shell_fd(struct restore *restore, struct refusal *refusal)
{
	const struct descriptors *descriptors = &restore->picture.descriptors;
	int above = descriptors->count ? descriptors->fd[descriptors->count - 1].number + 1 : 0;
	int r = 0;

	if (above <= RESTORE_SHELL_FD)
		above = RESTORE_SHELL_FD + 1;
	r = restore_allow_number(restore, above, refusal);
	if (r)
		return r;
	calls_expect(&restore->calls, "move its socket", above, SYS_fcntl, RESTORE_SHELL_FD,
		     F_DUPFD_CLOEXEC, (uint64_t)above);
	calls_expect(&restore->calls, "move its socket", 0, SYS_close, RESTORE_SHELL_FD);
	assert(above > RESTORE_SHELL_FD);
	return above;
}

uint32_t restore_add_lock(struct calls *calls, const struct image_lock *lock)
{
	struct flock range = {
		.l_type = lock->exclusive ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)lock->start,
		.l_len = (off_t)lock->length,
	};
	uint64_t number = (uint64_t)lock->number;

	calls_room(calls, 1, sizeof(range));
	if (lock->owner == IMAGE_LOCK_DESCRIPTION_ALL)
		return calls_add(calls, "lock a file", CALL_ANY, SYS_flock, number,
				 (uint64_t)((lock->exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB));
	if (lock->owner == IMAGE_LOCK_LEASE)
		return calls_add(calls, "take a lease", CALL_ANY, SYS_fcntl, number, F_SETLEASE,
				 lock->exclusive ? F_WRLCK : F_RDLCK);
	struct remote_ptr address = calls_put(calls, &range, sizeof(range));

	return calls_add(calls, "lock a file", CALL_ANY, SYS_fcntl, number,
			 lock->owner == IMAGE_LOCK_DESCRIPTION ? F_OFD_SETLK : F_SETLK, address.at);
}

void restore_add_owner(struct calls *calls, const struct image_owner *owner, uint32_t flags)
{
	const struct f_owner_ex wanted = { .type = (int)owner->type, .pid = owner->vpid };
	uint64_t number = (uint64_t)owner->number;

	calls_room(calls, 3, sizeof(wanted));
	calls_add(calls, "set the signal of a descriptor", CALL_OK, SYS_fcntl, number, F_SETSIG,
		  owner->signal);
	if (owner->vpid) {
		struct remote_ptr address = calls_put(calls, &wanted, sizeof(wanted));

		calls_add(calls, "set the owner of a descriptor", CALL_OK, SYS_fcntl, number,
			  F_SETOWN_EX, address.at);
	}
	if (owner->async)
		calls_add(calls, "let a descriptor send signals", CALL_OK, SYS_fcntl, number,
			  F_SETFL, flags | O_ASYNC);
}

int restore_join(struct restore *restore, bool last, struct refusal *refusal)
{
	struct descriptions *descriptions = &restore->picture.tables->descriptions;
	bool joined = false;
	int r = 0;

	os_pid_keep();
	for (uint32_t i = 0; i < descriptions->count && r == 0; i++) {
		struct description *description = &descriptions->description[i];
		const struct kind *kind = description->kind;

		/* One that no descriptor refers to was not made. */
		if (!kind->join || kind->is_last != last || description->number < 0 ||
		    description->pid != restore->pid)
			continue;
		if (!joined)
			calls_begin(&restore->calls, &restore->foothold,
				    &restore->threads.tracee[0]);
		joined = true;
		r = kind->join(restore, description, refusal);
	}
	os_pid_let_go();
	return r == 0 && joined ? restore_run(restore, refusal) : r;
}

/* Only the process itself can set it, and once, unless it has the right to change it. */
int restore_login(struct restore *restore, struct refusal *refusal)
{
	struct calls *calls = &restore->calls;
	uint32_t login = restore->picture.login;
	char text[16];

	if (!restore->picture.has_login || inventory_login(restore->dir) == login)
		return 0;
	int length = snprintf(text, sizeof(text), "%u", login);

	calls_begin(calls, &restore->foothold, &restore->threads.tracee[0]);
	struct remote_ptr name = calls_put(calls, LOGIN, sizeof(LOGIN));
	struct remote_ptr number = calls_put(calls, text, sizeof(text));

	calls_expect(calls, "open its login user id", 0, SYS_openat, (uint64_t)AT_FDCWD, name.at,
		     O_WRONLY);
	calls_expect(calls, "set its login user id", length, SYS_write, 0, number.at,
		     (uint64_t)length);
	calls_expect(calls, "close its login user id", 0, SYS_close, 0);
	return restore_run(restore, refusal);
}

static int enter_directory(struct restore *restore, struct refusal *refusal)
{
	const struct image_process *process = &restore->picture.process;
	struct calls *calls = &restore->calls;

	calls_begin(calls, &restore->foothold, &restore->threads.tracee[0]);
	int fd = restore_open_file(restore,
				   files_find(&restore->picture.tables->files, process->cwd_file),
				   O_PATH | O_DIRECTORY, refusal);
	int r = restore_send_descriptor(restore, fd, 0, RESTORE_SHELL_FD, refusal);

	if (r)
		return r;
	calls_room(calls, 8, 0);
	calls_expect(calls, "enter its directory", 0, SYS_fchdir, 0);
	calls_expect(calls, "enter its directory", 0, SYS_close, 0);
	calls_add(calls, "set its file mask", CALL_OK, SYS_umask, process->umask);
	return 0;
}

int restore_files(struct restore *restore, struct refusal *refusal)
{
	int r = enter_directory(restore, refusal);

	if (r || restore->shares & IMAGE_SHARES_FILES)
		return r ? r : restore_run(restore, refusal);
	return restore_descriptors(restore, refusal);
}

int restore_descriptors(struct restore *restore, struct refusal *refusal)
{
	const struct descriptors *descriptors = &restore->picture.descriptors;
	struct calls *calls = &restore->calls;
	int r = 0;
	int shell_fd = move_shell_fd(restore, refusal);
	int gap = first_gap(descriptors);

	if (shell_fd < 0)
		return shell_fd;
	for (uint32_t i = 0; i < descriptors->count; i++) {
		if (i % RESTORE_AHEAD_MOST == 0)
			restore_open_ahead(restore, i);
		r = add_descriptor(restore, &descriptors->fd[i], gap, shell_fd, refusal);

		if (r)
			return r;
	}
	calls_room(calls, 1, 0);
	calls_expect(calls, "close its socket", 0, SYS_close, (uint64_t)shell_fd);
	return restore_run(restore, refusal);
}

void restore_resume(const struct descriptions *descriptions)
{
	assert(descriptions);
	os_pid_keep();
	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct description *description = &descriptions->description[i];
		const struct kind *kind = description->kind;

		if (kind->resume && description->number >= 0)
			kind->resume(descriptions, description);
	}
	os_pid_let_go();
}

void restore_files_decided(struct restore *restore, bool arrives)
{
	struct descriptions *descriptions = &restore->picture.tables->descriptions;

	for (uint32_t i = 0; i < descriptions->count; i++) {
		struct description *description = &descriptions->description[i];
		const struct kind *kind = description->kind;

		/* Of another one, or of none. */
		if (!description->holder || description->holder != restore->picture.process.vpid)
			continue;
		assert(kind);
		if (kind->decided)
			kind->decided(restore, description, arrives);
	}
}
