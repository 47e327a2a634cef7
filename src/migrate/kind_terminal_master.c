/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master of a pseudo-terminal. It carries the whole terminal: its number, settings, size, owner, what is under way
 * in both directions, and whose controlling terminal it is. Its slave moves with it, or is closed.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore_terminal.h"
#include "migrate/terminals.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"
#include "os/terminal_queue.h"

#define MAJOR_TTY  5
#define MINOR_PTMX 2
#define IN_FOLDER  "/dev/pts/ptmx"

/* The first piece of the contents; output, input and marks follow, as far as there are any. */
struct terminal_head {
	uint8_t settings[OS_TERMINAL_SETTINGS_BYTES];
	uint32_t flow; /* enum os_terminal_flow */
	uint32_t output_bytes, input_count;
};

/* ---- source ---- */

/* The process with this number here, if it moves: its number in its pid namespace. */
static int32_t member_number(const struct kind_seen *seen, pid_t pid)
{
	int number = kind_seen_moves(seen, pid) ? os_pid_innermost(pid) : 0;

	return number > 0 ? number : 0;
}

static int find_owner(const struct kind_seen *seen, int fd, struct terminal_master *body,
		      struct refusal *refusal)
{
	pid_t session = 0, group = 0;
	int r = os_terminal_owner(fd, &session, &group);

	body->session = session ? member_number(seen, session) : 0;
	/* A group that has ended is in the foreground until the leader takes the terminal back, as it does then. */
	int foreground = group > 0 && r == 0 ? os_pid_innermost(group) : 0;

	body->foreground = foreground > 0 ? foreground : 0;
	if (r || !session || body->session)
		return r;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has the other end of the controlling terminal of process "
			   "%d (descriptor %d), which would stay behind: end that one first",
			   (int)session, seen->number);
}

static int find_file(const struct kind_seen *seen, struct terminal_master *body)
{
	struct os_status status;
	char name[48];

	snprintf(name, sizeof(name), "root/dev/pts/%u", body->number);
	int r = os_status_at(files_seer(seen->files, seen->dir), name, &status);

	body->uid = status.uid;
	body->gid = status.gid;
	body->rights = status.mode & OS_MODE_RIGHTS;
	return r;
}

static int look(const struct kind_seen *seen, int fd, struct terminal_master *body,
		struct refusal *refusal)
{
	struct os_terminal_state state;
	bool is_master = false;
	int r = os_terminal_number(fd, &body->number, &is_master);

	if (r == 0)
		r = is_master ? os_terminal_look(fd, &state) : -ENOTTY;
	if (r == 0)
		r = find_file(seen, body);
	if (r)
		return r;
	body->size = state.size;
	body->flags = (state.locked ? TERMINAL_LOCKED : 0u) | (state.left ? TERMINAL_LEFT : 0u) |
		      (state.packets ? TERMINAL_PACKETS : 0u) |
		      (state.exclusive_master ? TERMINAL_MASTER_EXCLUSIVE : 0u) |
		      (strcmp(seen->link, IN_FOLDER) == 0 ? TERMINAL_IN_FOLDER : 0u);
	return find_owner(seen, fd, body, refusal);
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const struct os_status *status = seen->status;
	struct terminal_master body = { 0 };

	if ((status->mode & OS_MODE_KIND) != OS_MODE_DEVICE || image->flags & OS_OPEN_PATH ||
	    os_device_major(status->rdev) != MAJOR_TTY ||
	    os_device_minor(status->rdev) != MINOR_PTMX)
		return 0;
	int fd = os_pid_descriptor(seen->pid, seen->number);
	int r = fd < 0 ? fd : look(seen, fd, &body, refusal);

	os_close(fd);
	if (r && !refusal->error)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the terminal of descriptor %d cannot be looked at as one of the "
			"container: %s",
			seen->number, strerror(-r));
	memcpy(image->body, &body, sizeof(body));
	return r ? r : 1;
}

/* Where no process that moves has the slave, it is closed, or was not open so far. */
static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	struct terminal_master body = terminals_read_master(&description->image);
	const struct description *slave = terminals_slave(descriptions, body.number);

	(void)pid;
	if (slave || body.flags & TERMINAL_LEFT)
		return 0;
	if (!(body.flags & TERMINAL_LOCKED))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the other end of the terminal of descriptor %d is open in no "
				   "process that moves: a process outside may have it",
				   description->number);
	body.flags |= TERMINAL_UNOPENED;
	memcpy(description->image.body, &body, sizeof(body));
	return 0;
}

static const char *obstacle(const struct os_terminal_state *state)
{
	if (!state->is_plain)
		return "has another line discipline than the usual one";
	if (state->edits_outside)
		return "is one whose lines another program edits (EXTPROC)";
	return state->packets && state->news
		       ? "has a status that its other end has not read (TIOCPKT)"
		       : NULL;
}

static int append(struct contents *contents, const struct os_terminal_state *state,
		  const struct os_terminal_queue *queue)
{
	struct terminal_head head = { .flow = queue->flow,
				      .output_bytes = queue->output_bytes,
				      .input_count = queue->input_count };

	memcpy(head.settings, state->settings, sizeof(head.settings));
	int r = contents_append(contents, &head, sizeof(head));

	if (r == 0 && queue->output_bytes)
		r = contents_append(contents, queue->output, queue->output_bytes);
	if (r == 0 && queue->input_count)
		r = contents_append(contents, queue->input, queue->input_count);
	if (r == 0 && queue->input_count)
		r = contents_append(contents, queue->mark, queue->input_count);
	return r;
}

/* The terminal is as it was afterwards, whatever it is found to be. */
static int take(int master, const struct os_terminal_state *state, struct os_terminal_queue *queue)
{
	int r = os_terminal_take(master, state, queue);
	int put = os_terminal_put(master, state, queue);

	return r ? r : put;
}

static int take_contents(const struct kind_frozen *frozen, struct description *description, int fd,
			 struct os_terminal_queue *queue, const char **why)
{
	struct terminal_master body = terminals_read_master(&description->image);
	const struct description *other = terminals_slave(frozen->descriptions, body.number);
	int slave = other ? os_pid_descriptor(other->pid, other->number) : -1;
	struct os_terminal_state state;
	int r = os_terminal_look(fd, &state);

	if (r == 0)
		*why = obstacle(&state);
	if (r == 0 && !*why && other && !os_terminal_is_pair(fd, slave))
		*why = "is not the other end of the terminal that has its number";
	if (r == 0 && slave >= 0 && os_terminal_is_exclusive(slave))
		body.flags |= TERMINAL_SLAVE_EXCLUSIVE;
	os_close(slave);
	memcpy(description->image.body, &body, sizeof(body));
	if (r == 0 && !*why && !(body.flags & TERMINAL_UNOPENED))
		r = take(fd, &state, queue);
	return r || *why ? r : append(&description->contents, &state, queue);
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	struct os_terminal_queue *queue = calloc(1, sizeof(*queue));
	int fd = os_pid_descriptor(frozen->pid, description->number);
	const char *why = NULL;

	contents_free(&description->contents);
	int r = !queue	 ? -ENOMEM
		: fd < 0 ? fd
			 : take_contents(frozen, description, fd, queue, &why);

	os_close(fd);
	free(queue);
	if (!r && !why)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS, "the terminal of descriptor %d %s",
			   description->number, why ? why : strerror(-r));
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct terminal_master body = terminals_read_master(image);

	(void)files, (void)complete;
	return !(body.flags & ~(uint32_t)TERMINAL_FLAGS) &&
	       !(body.rights & ~(uint32_t)OS_MODE_RIGHTS) && body.session >= 0 &&
	       body.foreground >= 0 && !terminals_master(before, body.number) &&
	       (!body.session || !terminals_of_session(before, body.session)) &&
	       (image->flags & OS_OPEN_ACCESS) == OS_OPEN_BOTH;
}

static bool take_piece(const struct contents *contents, uint32_t *at, void *to, uint32_t bytes)
{
	uint32_t length;
	const uint8_t *piece = bytes ? contents_next(contents, at, &length) : NULL;

	if (piece && length == bytes)
		memcpy(to, piece, bytes);
	return !bytes || (piece && length == bytes);
}

static bool read_contents(const struct contents *contents, struct os_terminal_state *state,
			  struct os_terminal_queue *queue)
{
	struct terminal_head head;
	uint32_t at = 0, length;

	if (!take_piece(contents, &at, &head, sizeof(head)) || head.flow >= OS_TERMINAL_FLOWS ||
	    head.output_bytes > OS_TERMINAL_QUEUE_MAX || head.input_count > OS_TERMINAL_QUEUE_MAX)
		return false;
	*state = (struct os_terminal_state){ 0 };
	memcpy(state->settings, head.settings, sizeof(head.settings));
	queue->flow = (enum os_terminal_flow)head.flow;
	queue->output_bytes = head.output_bytes;
	queue->input_count = head.input_count;
	if (!take_piece(contents, &at, queue->output, head.output_bytes) ||
	    !take_piece(contents, &at, queue->input, head.input_count) ||
	    !take_piece(contents, &at, queue->mark, head.input_count) ||
	    contents_next(contents, &at, &length))
		return false;
	for (uint32_t i = 0; i < head.input_count; i++)
		if (queue->mark[i] >= OS_TERMINAL_MARKS)
			return false;
	return true;
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	struct os_terminal_queue *queue = calloc(1, sizeof(*queue));
	struct os_terminal_state state;
	bool good = queue && read_contents(&description->contents, &state, queue);

	(void)all, (void)descriptors;
	free(queue);
	return good;
}

static int fill(const struct description *description, struct restore_terminal *terminal)
{
	const struct terminal_master body = terminals_read_master(&description->image);
	struct os_terminal_queue *queue = calloc(1, sizeof(*queue));
	struct os_terminal_state state;

	if (!queue)
		return -ENOMEM;
	bool good = read_contents(&description->contents, &state, queue);

	assert(good); /* whole() saw to it */
	(void)good;
	state.packets = body.flags & TERMINAL_PACKETS;
	int r = body.flags & TERMINAL_UNOPENED ? os_terminal_set(terminal->master, &state)
					       : os_terminal_put(terminal->master, &state, queue);

	free(queue);
	return r;
}

/* The slave is opened for it if it was open ever, so that the master knows of it, as it did. */
static int settle(const struct description *description, struct restore_terminal *terminal,
		  struct refusal *refusal)
{
	const struct terminal_master body = terminals_read_master(&description->image);
	int r = os_terminal_set_size(terminal->master, &body.size);
	int slave = body.flags & TERMINAL_UNOPENED ? -1 : restore_terminal_slave(terminal, refusal);

	if (slave < 0 && !(body.flags & TERMINAL_UNOPENED))
		return slave;
	if (r == 0)
		r = fill(description, terminal);
	if (r == 0 && slave >= 0)
		r = os_inode_own(slave, body.uid, body.gid, body.rights);
	if (r == 0 && slave >= 0 && body.flags & TERMINAL_SLAVE_EXCLUSIVE)
		r = os_terminal_set_exclusive(slave, true);
	if (r == 0 && body.flags & TERMINAL_MASTER_EXCLUSIVE)
		r = os_terminal_set_exclusive(terminal->master, true);
	return r ? r : os_open_set_flags(terminal->master, description->image.flags);
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct terminal_master body = terminals_read_master(&description->image);
	struct restore_terminal *terminal;
	int r = restore_terminal(restore, &body, &terminal, refusal);

	if (r)
		return r;
	r = settle(description, terminal, refusal);
	if (r == 0)
		r = os_dup(terminal->master);
	return r >= 0 || refusal->error
		       ? r
		       : refusal_set(refusal, EDVSPROCSTS,
				     "the target cannot set a terminal of the process: %s",
				     strerror(-r));
}

/* Slaves are open by now. */
static int join(struct restore *restore, struct description *description, struct refusal *refusal)
{
	const struct terminal_master body = terminals_read_master(&description->image);
	int fd = os_pid_descriptor(restore->pid, description->number);
	int r = fd < 0 ? fd : body.flags & TERMINAL_LOCKED ? os_terminal_lock(fd, true) : 0;

	os_close(fd);
	return r ? refusal_set(refusal, EDVSPROCSTS,
			       "the target cannot lock a terminal of the process: %s", strerror(-r))
		 : 0;
}

const struct kind kind_terminal_master = {
	.name = "the master of a terminal",
	.common = "is also open in",
	.remedy = "",
	.find = find,
	.check = check,
	.write = complete,
	.read = read_body,
	.whole = whole,
	.open = open_here,
	.join = join,
	.shared = KIND_SHARE_DESCRIPTION,
};
