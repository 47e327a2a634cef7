/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/restore_unix.h"

#include <assert.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kernel.h"
#include "os/unix_socket.h"

#define KEEP ((uint64_t)UINT32_MAX)

int restore_unix_shell(struct restore *restore, int32_t vpid, struct restore **shell,
		       struct refusal *refusal)
{
	assert(restore);
	*shell = restore->member ? restore->member(restore->tree, vpid) : restore;
	if (!*shell || !(*shell)->picture.process.vpid)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the target cannot make a Unix socket: process %d, which has made it, does "
			"not move with those that have it open",
			vpid);
	if (*shell != restore)
		calls_begin(&(*shell)->calls, &(*shell)->foothold, &(*shell)->threads.tracee[0]);
	return 0;
}

int restore_unix_leave(struct restore *restore, struct restore *shell, struct refusal *refusal)
{
	assert(restore && shell);
	return shell == restore ? 0 : restore_run(shell, refusal);
}

/* The rights that the task had which made it, for a socket tells them of its maker. */
static void take_rights(struct restore *restore, const struct restore_unix_maker *maker)
{
	const struct image_opener *opener = &restore->picture.process.opener;
	struct calls *calls = &restore->calls;

	calls_room(calls, 8, sizeof(opener->group) + 64);
	struct remote_ptr group = calls_put(calls, opener->group, sizeof(opener->group));

	calls_expect(calls, "take its groups", 0, SYS_setgroups, opener->group_count, group.at);
	calls_expect(calls, "take its group", 0, SYS_setresgid, KEEP, maker->gid, KEEP);
	calls_expect(calls, "take its user", 0, SYS_setresuid, KEEP, maker->uid, KEEP);
}

static void give_rights_back(struct restore *restore)
{
	struct calls *calls = &restore->calls;

	calls_expect(calls, "give back its user", 0, SYS_setresuid, KEEP, 0, KEEP);
	calls_expect(calls, "give back its group", 0, SYS_setresgid, KEEP, 0, KEEP);
}

int restore_unix_pair(struct restore *restore, enum os_unix_type type,
		      const struct restore_unix_maker *maker, int number[2],
		      struct refusal *refusal)
{
	struct calls *calls = &restore->calls;

	take_rights(restore, maker);
	struct remote_ptr pair = calls_space(calls, 2 * sizeof(int));

	calls_expect(calls, "make a pair of sockets", 0, SYS_socketpair, AF_UNIX,
		     (uint64_t)type | SOCK_CLOEXEC, 0, pair.at);
	give_rights_back(restore);
	int r = restore_run(restore, refusal);

	if (r == 0)
		memcpy(number, calls_at(calls, pair), 2 * sizeof(int));
	return r;
}

int restore_unix_socket(struct restore *restore, enum os_unix_type type, int *number,
			struct refusal *refusal)
{
	struct calls *calls = &restore->calls;

	calls_room(calls, 1, 0);
	uint32_t made = calls_add(calls, "make a socket", CALL_OK, SYS_socket, AF_UNIX,
				  (uint64_t)type | SOCK_CLOEXEC, 0);
	int r = restore_run(restore, refusal);

	if (r == 0)
		*number = (int)calls_result(calls, made);
	return r;
}

int restore_unix_listen(struct restore *restore, int number, uint32_t backlog,
			const struct restore_unix_maker *maker, struct refusal *refusal)
{
	assert(number >= 0);
	take_rights(restore, maker);
	calls_expect(&restore->calls, "listen", 0, SYS_listen, (uint64_t)number, backlog);
	give_rights_back(restore);
	return restore_run(restore, refusal);
}

int restore_unix_connect_to(struct restore *restore, int number, const void *name, uint32_t bytes,
			    const struct restore_unix_maker *maker, struct refusal *refusal)
{
	struct {
		uint16_t family;
		char name[OS_UNIX_NAME_BYTES];
	} address = { .family = AF_UNIX };

	assert(bytes <= sizeof(address.name) && number >= 0);
	memcpy(address.name, name, bytes);
	take_rights(restore, maker);
	calls_room(&restore->calls, 3, sizeof(address) + 16);
	struct remote_ptr at = calls_put(&restore->calls, &address, sizeof(address));

	calls_expect(&restore->calls, "connect", 0, SYS_connect, (uint64_t)number, at.at,
		     sizeof(address.family) + bytes);
	give_rights_back(restore);
	return restore_run(restore, refusal);
}

int restore_unix_connect(struct restore *restore, enum os_unix_type type, const void *name,
			 uint32_t bytes, const struct restore_unix_maker *maker, int *number,
			 struct refusal *refusal)
{
	int r = restore_unix_socket(restore, type, number, refusal);

	return r ? r : restore_unix_connect_to(restore, *number, name, bytes, maker, refusal);
}

int restore_unix_accept(struct restore *restore, int listener, int *number, struct refusal *refusal)
{
	struct calls *calls = &restore->calls;

	calls_room(calls, 1, 0);
	uint32_t accepted = calls_add(calls, "accept a connection", CALL_OK, SYS_accept4,
				      (uint64_t)listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r = restore_run(restore, refusal);

	if (r == 0)
		*number = (int)calls_result(calls, accepted);
	return r;
}

int restore_unix_find(struct restore *restore, const char *path, int *number,
		      struct refusal *refusal)
{
	struct calls *calls = &restore->calls;
	size_t bytes = strlen(path) + 1;

	assert(path[0] == '/');
	calls_room(calls, 1, (uint32_t)bytes);
	struct remote_ptr at = calls_put(calls, path, bytes);
	uint32_t opened = calls_add(calls, "find a Unix socket", CALL_OK, SYS_openat,
				    (uint64_t)AT_FDCWD, at.at, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int r = restore_run(restore, refusal);

	if (r == 0)
		*number = (int)calls_result(calls, opened);
	return r;
}

void restore_unix_close(struct restore *restore, int number)
{
	assert(number >= 0);
	calls_room(&restore->calls, 1, 0);
	calls_expect(&restore->calls, "hand on a socket", 0, SYS_close, (uint64_t)number);
}
