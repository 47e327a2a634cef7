/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/restore_terminal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/inode.h"
#include "os/kernel.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

#define PLACE 0 /* the shell's lowest descriptor, which it does not use */

void restore_terminals_close(struct restore_terminals *terminals)
{
	for (uint32_t i = 0; i < terminals->count; i++) {
		os_close(terminals->terminal[i].slave);
		os_close(terminals->terminal[i].master);
	}
	free(terminals->terminal);
	*terminals = (struct restore_terminals){ 0 };
}

static struct restore_terminal *add(struct restore_terminals *terminals, uint32_t number)
{
	struct restore_terminal *bigger =
		realloc(terminals->terminal, (terminals->count + 1) * sizeof(*terminals->terminal));

	if (!bigger)
		return NULL;
	terminals->terminal = bigger;
	bigger[terminals->count] = (struct restore_terminal){ number, -1, -1 };
	return &bigger[terminals->count++];
}

static int refuse(const struct terminal_master *master, int r, struct refusal *refusal)
{
	if (r == -EEXIST)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"terminal number %u (/dev/pts/%u) is taken on the target; end the "
			"program that has it, or choose another node",
			master->number, master->number);
	return refusal_set(refusal, EDVSPROCSTS, "the target cannot make a terminal: %s",
			   strerror(-r));
}

int restore_terminal(struct restore *restore, const struct terminal_master *master,
		     struct restore_terminal **terminal, struct refusal *refusal)
{
	struct restore_terminals *all = restore->terminals;

	assert(all);
	for (uint32_t i = 0; i < all->count; i++) {
		*terminal = &all->terminal[i];
		if ((*terminal)->number == master->number)
			return 0;
	}
	*terminal = add(all, master->number);
	if (!*terminal)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	int fd = os_terminal_new(restore->root,
				 master->flags & TERMINAL_IN_FOLDER ? "/dev/pts/ptmx" : "/dev/ptmx",
				 master->number);

	(*terminal)->master = fd;
	return fd < 0 ? refuse(master, fd, refusal) : 0;
}

int restore_terminal_slave(struct restore_terminal *terminal, struct refusal *refusal)
{
	assert(terminal->master >= 0);
	if (terminal->slave < 0)
		terminal->slave = os_terminal_slave(terminal->master);
	return terminal->slave >= 0
		       ? terminal->slave
		       : refusal_set(refusal, EDVSPROCSTS, "the target cannot open a terminal: %s",
				     strerror(-terminal->slave));
}

/* One call in the shell, whose descriptor PLACE is the slave meanwhile. */
static int call(struct restore *leader, const struct terminal_master *master, const char *what,
		uint64_t request, const int32_t *argument, struct refusal *refusal)
{
	struct restore_terminal *terminal;

	assert(leader->threads.count);
	int r = restore_terminal(leader, master, &terminal, refusal);
	int slave = r ? r : restore_terminal_slave(terminal, refusal);

	if (slave < 0)
		return slave;
	/* A size that is set later is told to the processes by a signal. */
	if (!argument)
		r = os_terminal_set_size(terminal->master, &master->size);
	if (r < 0)
		return refuse(master, r, refusal);
	calls_begin(&leader->calls, &leader->foothold, &leader->threads.tracee[0]);
	r = restore_send_descriptor(leader, os_dup(slave), PLACE, RESTORE_SHELL_FD, refusal);
	if (r)
		return r;
	calls_room(&leader->calls, 2, sizeof(*argument));
	uint64_t at = argument ? calls_put(&leader->calls, argument, sizeof(*argument)).at : 0;

	calls_expect(&leader->calls, what, 0, SYS_ioctl, PLACE, request, at);
	calls_expect(&leader->calls, what, 0, SYS_close, PLACE);
	return restore_run(leader, refusal);
}

int restore_terminal_take(struct restore *leader, const struct terminal_master *master,
			  struct refusal *refusal)
{
	assert(master->session == leader->threads.vtid[0]);
	return call(leader, master, "take its controlling terminal", TIOCSCTTY, NULL, refusal);
}

int restore_terminal_foreground(struct restore *leader, const struct terminal_master *master,
				struct refusal *refusal)
{
	assert(master->session == leader->threads.vtid[0]);
	if (!master->foreground || master->foreground == master->session)
		return 0;
	return call(leader, master, "give its terminal a foreground group", TIOCSPGRP,
		    &master->foreground, refusal);
}

int restore_terminal_tty(struct restore *leader, uint32_t flags, struct refusal *refusal)
{
	static const char name[] = "/dev/tty";
	struct calls *calls = &leader->calls;

	calls_room(calls, 1, sizeof(name));
	struct remote_ptr path = calls_put(calls, name, sizeof(name));
	uint32_t opened = calls_add(calls, "open its controlling terminal", CALL_OK, SYS_openat,
				    OS_FOLDER_CURRENT, path.at,
				    (flags & OS_OPEN_ACCESS) | OS_OPEN_NO_TERMINAL |
					    OS_OPEN_CLOEXEC | OS_OPEN_NONBLOCK,
				    0);
	int r = restore_run(leader, refusal);

	if (r)
		return r;
	int number = (int)calls_result(calls, opened);
	int fd = os_pid_descriptor(leader->pid, number);

	calls_room(calls, 1, 0);
	calls_expect(calls, "hand on its controlling terminal", 0, SYS_close, (uint64_t)number);
	r = restore_run(leader, refusal);
	if (r == 0 && fd >= 0)
		return fd;
	os_close(fd);
	return r ? r
		 : refusal_set(refusal, EDVSPROCSTS, "the target cannot open a terminal: %s",
			       strerror(-fd));
}
