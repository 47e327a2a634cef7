/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slave of a pseudo-terminal whose master moves along: opened by its own name or as /dev/tty, or hung up because
 * its master was closed. All that the descriptions of one terminal have in common is carried with its master.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore_terminal.h"
#include "migrate/terminals.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

#define MAJOR_SLAVE 136
#define MAJOR_TTY   5
#define MINOR_TTY   0

/* ---- source ---- */

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const struct os_status *status = seen->status;
	uint32_t device = os_device_major(status->rdev);
	struct terminal_slave body = { .kind = TERMINAL_SLAVE_FILE };
	bool is_master = false,
	     is_tty = device == MAJOR_TTY && os_device_minor(status->rdev) == MINOR_TTY;

	if ((status->mode & OS_MODE_KIND) != OS_MODE_DEVICE || image->flags & OS_OPEN_PATH ||
	    (device != MAJOR_SLAVE && !is_tty))
		return 0;
	int fd = os_pid_descriptor(seen->pid, seen->number);
	int r = fd < 0 ? fd : os_terminal_number(fd, &body.number, &is_master);

	os_close(fd);
	if (is_tty)
		body.kind = TERMINAL_SLAVE_TTY;
	if (r == -EIO)
		body = (struct terminal_slave){ .kind = TERMINAL_SLAVE_HUNG_UP };
	if (r && r != -EIO)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses %s (descriptor %d), a terminal that cannot "
				   "move to another node: %s",
				   seen->link, seen->number, strerror(-r));
	memcpy(image->body, &body, sizeof(body));
	return 1;
}

static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	const struct terminal_slave body = terminals_read_slave(&description->image);
	const struct description *master = terminals_master(descriptions, body.number);

	(void)pid;
	if (body.kind == TERMINAL_SLAVE_HUNG_UP)
		return 0;
	if (!master)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses a terminal (descriptor %d, /dev/pts/%u) whose "
				   "other end does not move with it; start a program that gives it "
				   "one, as `script` or `tmux`, and the process inside that",
				   description->number, body.number);
	if (body.kind == TERMINAL_SLAVE_FILE || terminals_read_master(&master->image).session)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "descriptor %d is /dev/tty of a session that has ended, which cannot be "
			   "opened again",
			   description->number);
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct terminal_slave body = terminals_read_slave(image);

	(void)files, (void)before, (void)complete;
	return body.kind > 0 && body.kind < TERMINAL_SLAVE_KINDS && !(image->flags & OS_OPEN_PATH);
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	const struct terminal_slave body = terminals_read_slave(&description->image);
	const struct description *master = terminals_master(all, body.number);

	(void)descriptors;
	return body.kind == TERMINAL_SLAVE_HUNG_UP ||
	       (master && (body.kind == TERMINAL_SLAVE_FILE ||
			   terminals_read_master(&master->image).session));
}

/* A terminal of its own, which is closed at once. */
static int open_hung_up(struct restore *restore, uint32_t flags)
{
	int master = os_open_below(restore->root, "/dev/ptmx", OS_OPEN_BOTH | OS_OPEN_NO_TERMINAL);
	int r = master < 0 ? master : os_terminal_lock(master, false);
	int slave = r < 0 ? r : os_terminal_slave(master);
	int fd = slave < 0 ? slave
			   : os_open_again(slave, (flags & OS_OPEN_ACCESS) | OS_OPEN_NO_TERMINAL |
							  OS_OPEN_NONBLOCK);

	os_close(slave);
	os_close(master);
	return fd;
}

/* By the leader of the session: it alone is sure to be there. */
static int open_tty(struct restore *restore, const struct terminal_master *master, uint32_t flags,
		    struct refusal *refusal)
{
	struct restore *leader = restore;

	if (restore->member && restore->picture.process.vpid != master->session)
		leader = restore->member(restore->tree, master->session);
	if (!leader)
		return refusal_set(refusal, EDVSIO, "the image is damaged: its terminals");
	if (leader != restore)
		calls_begin(&leader->calls, &leader->foothold, &leader->threads.tracee[0]);
	return restore_terminal_tty(leader, flags, refusal);
}

static int open_slave(struct restore *restore, const struct terminal_slave *body, uint32_t flags,
		      struct refusal *refusal)
{
	const struct description *other =
		terminals_master(&restore->picture.tables->descriptions, body->number);
	const struct terminal_master master = terminals_read_master(&other->image);
	struct restore_terminal *terminal;

	assert(body->kind && body->kind < TERMINAL_SLAVE_KINDS);
	if (body->kind == TERMINAL_SLAVE_TTY)
		return open_tty(restore, &master, flags, refusal);
	int r = restore_terminal(restore, &master, &terminal, refusal);
	int slave = r ? r : restore_terminal_slave(terminal, refusal);

	return slave < 0 ? slave
			 : os_open_again(slave, (flags & OS_OPEN_ACCESS) | OS_OPEN_NO_TERMINAL |
							OS_OPEN_NONBLOCK);
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct terminal_slave body = terminals_read_slave(&description->image);
	uint32_t flags = description->image.flags;
	int fd = body.kind == TERMINAL_SLAVE_HUNG_UP ? open_hung_up(restore, flags)
						     : open_slave(restore, &body, flags, refusal);
	int r = fd < 0 ? fd : 0;

	if (r == 0)
		r = os_open_set_flags(fd, flags);
	if (r == 0)
		return fd;
	if (fd >= 0)
		os_close(fd);
	return refusal->error ? r
			      : refusal_set(refusal, EDVSPROCSTS,
					    "the target cannot open a terminal of the process: %s",
					    strerror(-r));
}

/* /dev/tty has one file for all terminals. */
static enum kind_share share(const struct image_description *image, const struct files *files)
{
	(void)files;
	return terminals_read_slave(image).kind == TERMINAL_SLAVE_TTY ? KIND_SHARE_DESCRIPTION
								      : KIND_SHARE_OBJECT;
}

const struct kind kind_terminal = {
	.name = "a terminal",
	.common = "is also open in",
	.remedy = "",
	.find = find,
	.check = check,
	.read = read_body,
	.whole = whole,
	.open = open_here,
	.share = share,
};
