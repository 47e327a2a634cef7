/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a process is of the kind that can move: the questions about the task itself, not about
 * its memory or descriptors. Everything here reads /proc or compares kernel objects (kcmp); nothing
 * touches the process. State that only the process itself can tell is asked for when it is frozen (state.c).
 */
#include "migrate/ended.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/apart.h"
#include "migrate/inventory.h"
#include "migrate/others.h"
#include "migrate/peculiar.h"
#include "dvk/errors.h"
#include "os/cgroup.h"
#include "os/machine.h"
#include "os/kcmp.h"
#include "os/open.h"
#include "os/signals.h"
#include "os/socket.h"

static int refuse(struct refusal *refusal, const char *sentence)
{
	return refusal_set(refusal, EDVSPROCSTS, "%s", sentence);
}

/* alone: it is the only thread there is; held: it stands because we hold it. */
static int check_state(char state, bool alone, bool held, struct refusal *refusal)
{
	switch (state) {
	case 't':
		if (held)
			return 0;
		return refuse(refusal, "the process is being traced by a debugger");
	case 'Z':
	case 'X':
		if (!alone)
			return refusal_set(refusal, EDVSBUSY,
					   "the main thread of the process has just ended while "
					   "others live; try again");
		return refusal_set(refusal, EDVSSRCH, "the process has ended");
	}
	return 0;
}

/* Rows of /proc/PID/task/TID/status that must have their ordinary value. */
static int check_features(const char *status, struct refusal *refusal)
{
	const char *features = procdir_field(status, "x86_Thread_features");

	if (features && strncmp(features, "shstk", 5) == 0)
		return refuse(refusal, "the process has a shadow stack, which is not carried");
	if (procdir_number(status, "untag_mask", 16, ~0ull) != ~0ull)
		return refuse(refusal, "the process uses tagged addresses (LAM), which are not "
				       "carried");
	return 0;
}

static int check_thread_status(const char *status, bool alone, bool held, struct refusal *refusal)
{
	const char *state = procdir_field(status, "State");
	int r = check_state(state ? state[0] : 'X', alone, held, refusal);

	if (r)
		return r;
	if (!held && procdir_number(status, "TracerPid", 10, 0))
		return refuse(refusal, "the process is being traced by a debugger");
	return check_features(status, refusal);
}

/* A thread shares all tables with its process but that of its descriptors, and its directory if it wants to. */
static int check_sharing(struct inventory *inventory, uint32_t index, struct refusal *refusal)
{
	pid_t pid = inventory_task(inventory), tid = inventory->thread[index].tid;

	assert(tid != pid);
	apart_look(inventory, index);
	for (int i = 0; i < OTHERS_TABLES; i++) {
		int kind = others_tables[i].kind;

		if (kind == OS_KCMP_FILES || kind == OS_KCMP_FS || os_kcmp(pid, tid, kind) <= 0)
			continue;
		return refusal_set(refusal, EDVSPROCSTS,
				   "thread %d has its own %s, which is not carried", (int)tid,
				   others_tables[i].what);
	}
	return 0;
}

/* Another thread than the main one: its status is in `text`, that of the main one in `more`. */
static int check_against_leader(struct inventory *inventory, uint32_t index,
				struct refusal *refusal)
{
	pid_t tid = inventory->thread[index].tid;
	int r = check_sharing(inventory, index, refusal);

	assert(index);
	inventory->thread[index].umask =
		(uint32_t)procdir_number(inventory->text.text, "Umask", 8, 022);
	return r ? r
		 : peculiar_check_status(inventory->more.text, inventory->text.text, tid, refusal);
}

/* The main thread is first: the status of each other one is compared with its, which is kept in `more`. */
static int check_threads(struct inventory *inventory, struct refusal *refusal)
{
	bool alone = inventory->thread_count == 1;
	int r = 0;

	assert(inventory->thread_count);
	if (inventory->stand_in && inventory->leader_status & 0x7f)
		return refuse(refusal, "the main thread of the process was killed alone, by a "
				       "seccomp filter, which is not carried");
	if (!alone)
		r = procdir_read(inventory->dir, "status", &inventory->more);
	if (r < 0)
		return ended_refuse(inventory->dir, r, "status", refusal);
	for (uint32_t i = 0; i < inventory->thread_count && r == 0; i++) {
		/* A thread that ends just now is no reason; its process is another matter. */
		if (inventory_read_thread(inventory, i) < 0 || (i && inventory->thread[i].ended))
			continue;
		r = check_thread_status(inventory->text.text, alone, inventory->is_held, refusal);
		if (r == 0 && i)
			r = check_against_leader(inventory, i, refusal);
	}
	if (r == 0)
		r = apart_meet(inventory, refusal);
	return r ? r : peculiar_check_outside(inventory, refusal);
}

static int check_session(struct inventory *inventory, struct refusal *refusal)
{
	int read = procdir_read(inventory->dir, "status", &inventory->text);

	if (read < 0)
		return ended_refuse(inventory->dir, read, "status", refusal);
	const char *status = inventory->text.text;
	int vpid = inventory->process.vpid;

	if (vpid <= 1)
		return refuse(refusal, "the process is the init of its container");
	if (!inventory->is_child &&
	    (inventory_last_number(procdir_field(status, "NSsid")) != vpid ||
	     inventory_last_number(procdir_field(status, "NSpgid")) != vpid))
		return refuse(refusal,
			      "the process is not the leader of a session and process group "
			      "of its own; start it with `dvs run`");
	return 0;
}

/* The init's /proc directory: that of the parent, which has to be pid 1 of the process's pid namespace. */
static int open_init(struct inventory *inventory, struct refusal *refusal)
{
	if (inventory->is_child) {
		int dir = procdir_open(inventory->init);

		return dir >= 0 ? dir : refuse(refusal, "the process has no init that can be seen");
	}
	int read = procdir_read(inventory->dir, "status", &inventory->text);

	if (read < 0)
		return ended_refuse(inventory->dir, read, "status", refusal);
	pid_t parent = (pid_t)procdir_number(inventory->text.text, "PPid", 10, 0);
	int init = procdir_open(parent);

	inventory->init = parent;
	if (init < 0)
		return refuse(refusal, "the process has no parent that can be seen");
	if (procdir_read(init, "status", &inventory->more) < 0 ||
	    inventory_last_number(procdir_field(inventory->more.text, "NSpid")) != 1) {
		os_close(init);
		return refuse(refusal, "the process was not started by its container's init but by "
				       "another process; start it with `dvs run`");
	}
	return init;
}

static int check_namespaces(struct inventory *inventory, int init, struct refusal *refusal)
{
	static const struct {
		const char *mine, *init;
	} kinds[] = {
		{ "ns/mnt", "ns/mnt" },	  { "ns/net", "ns/net" },
		{ "ns/ipc", "ns/ipc" },	  { "ns/uts", "ns/uts" },
		{ "ns/user", "ns/user" }, { "ns/cgroup", "ns/cgroup" },
		{ "ns/pid", "ns/pid" },	  { "ns/pid_for_children", "ns/pid" },
	};
	char mine[64], theirs[64];

	assert(init >= 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (procdir_link(inventory->dir, kinds[i].mine, mine, sizeof(mine)) < 0 ||
		    procdir_link(init, kinds[i].init, theirs, sizeof(theirs)) < 0)
			continue;
		if (strcmp(mine, theirs))
			return refusal_set(
				refusal, EDVSPROCSTS,
				"the process has a %s namespace of its own, which is not "
				"carried",
				kinds[i].mine + 3);
	}
	if (procdir_link(inventory->dir, "ns/time", mine, sizeof(mine)) > 0 &&
	    procdir_link(inventory->dir, "ns/time_for_children", theirs, sizeof(theirs)) > 0 &&
	    strcmp(mine, theirs))
		return refuse(refusal,
			      "the process has prepared a time namespace for its children, "
			      "which is not carried");
	return 0;
}

/*
 * The process is in the group of its init, or in one of those that its daemon has made below that (os/cgroup.h):
 * the line of the version 2 hierarchy may be longer by "/dvs.NODE/NAME".
 */
static bool same_cgroup(const char *mine, const char *init)
{
	while (*mine && *init) {
		size_t m = strcspn(mine, "\n"), n = strcspn(init, "\n");
		const char *rest = mine + n, *slash;

		if (m != n || strncmp(mine, init, n)) {
			if (strncmp(mine, "0::/", 4) || m < n || strncmp(mine, init, n))
				return false;
			rest -= init[n - 1] == '/'; /* at the top */
			slash = memchr(rest + 1, '/', (size_t)(mine + m - rest - 1));
			if (strncmp(rest, "/" OS_CGROUP_FOLDER, sizeof(OS_CGROUP_FOLDER)) ||
			    !slash || memchr(slash + 1, '/', (size_t)(mine + m - slash - 1)))
				return false;
		}
		mine += m + (mine[m] == '\n');
		init += n + (init[n] == '\n');
	}
	return *mine == *init;
}

static bool same_text(const char *mine, const char *init)
{
	return strcmp(mine, init) == 0;
}

/* Files that must say the same of the process and of its init. */
static int check_same_as_init(struct inventory *inventory, int init, struct refusal *refusal)
{
	static const struct {
		const char *file, *what;
		bool (*same)(const char *mine, const char *init);
	} same[] = {
		{ "cgroup", "is in another control group than its container", same_cgroup },
		{ "attr/current", "has a security label of its own", same_text },
	};

	assert(init >= 0);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		if (procdir_read(inventory->dir, same[i].file, &inventory->text) < 0 ||
		    procdir_read(init, same[i].file, &inventory->more) < 0)
			continue;
		if (!same[i].same(inventory->text.text, inventory->more.text))
			return refusal_set(refusal, EDVSPROCSTS,
					   "the process %s, which is not carried", same[i].what);
	}
	return 0;
}

static int check_speculation(struct inventory *inventory, int init, struct refusal *refusal)
{
	static const char *const rows[] = { "Speculation_Store_Bypass",
					    "SpeculationIndirectBranch" };

	if (procdir_read(inventory->dir, "status", &inventory->text) < 0 ||
	    procdir_read(init, "status", &inventory->more) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *mine = procdir_field(inventory->text.text, rows[i]);
		const char *theirs = procdir_field(inventory->more.text, rows[i]);

		if (mine && theirs && strncmp(mine, theirs, strcspn(mine, "\n") + 1))
			return refuse(refusal, "the process has changed its speculation control "
					       "(PR_SET_SPECULATION_CTRL), which is not carried");
	}
	return 0;
}

static int check_exe_kind(struct inventory *inventory, struct refusal *refusal)
{
	unsigned char ident[5] = { 0 };
	int fd = os_open_at(inventory->dir, "exe", OS_OPEN_READ);

	if (fd < 0)
		return 0;
	ssize_t got = os_read_at(fd, ident, sizeof(ident), 0);

	os_close(fd);
	if (got == sizeof(ident) && ident[4] != 2)
		return refuse(refusal, "the process runs a 32-bit program, which is not carried");
	return 0;
}

/* Each line of numa_maps has the policy of a mapping as its second word. */
static int check_memory_policy(struct inventory *inventory, struct refusal *refusal)
{
	if (procdir_read(inventory->dir, "numa_maps", &inventory->text) < 0)
		return 0;
	for (const char *line = inventory->text.text; line && *line;) {
		const char *policy = strchr(line, ' ');

		if (policy && strncmp(policy + 1, "default", 7) && strncmp(policy + 1, "local", 5))
			return refuse(refusal, "the process has a NUMA memory policy, which is not "
					       "carried");
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return 0;
}

/*
 * An undo list cannot be looked into; that of one thread can be taken and put back (sysv_undo.h). Every process that
 * ever had two threads has one, empty or not, so it counts only where semaphores exist at all.
 */
int fitness_check_semaphores(struct inventory *inventory, uint32_t sets, struct refusal *refusal)
{
	inventory->may_undo = false;
	if (!sets || os_kcmp(inventory_task(inventory), inventory->init, OS_KCMP_SYSVSEM) <= 0)
		return 0;
	inventory->may_undo = inventory->thread_count == 1;
	if (inventory->may_undo)
		return 0;
	return refuse(refusal, "the process may hold System V semaphores with undo, which are not "
			       "carried for threads that have them in common");
}

/* A thread of a process that stands: the status of the leader is in `more`. */
static int check_thread_again(struct inventory *inventory, uint32_t index, struct refusal *refusal)
{
	int r = inventory_read_thread(inventory, index);
	const char *status = inventory->text.text;

	if (r < 0)
		return ended_refuse(inventory->dir, r, "status of a thread", refusal);
	r = check_features(status, refusal);
	if (r == 0 && index)
		r = check_against_leader(inventory, index, refusal);
	if (r)
		return r;
	uint64_t pending =
		procdir_number(status, "SigPnd", 16, 0) | procdir_number(status, "ShdPnd", 16, 0);

	/* Our own breakpoint would be lost in it. */
	return pending & OS_SIGNAL_BIT(OS_SIGTRAP)
		       ? refuse(refusal, "the process has a pending SIGTRAP, which is not carried")
		       : 0;
}

int fitness_check_again(struct inventory *inventory, struct refusal *refusal)
{
	int r = 0;

	assert(inventory->thread_count);
	if (inventory->thread_count > 1)
		r = procdir_read(inventory->dir, "status", &inventory->more);
	if (r < 0)
		return ended_refuse(inventory->dir, r, "status", refusal);
	for (uint32_t i = 0; i < inventory->thread_count && r == 0; i++)
		r = check_thread_again(inventory, i, refusal);
	if (r == 0)
		r = apart_meet(inventory, refusal);
	return r ? r : peculiar_check_outside(inventory, refusal);
}

int fitness_check(struct inventory *inventory, struct refusal *refusal)
{
	int r = check_threads(inventory, refusal);

	if (r == 0)
		r = check_session(inventory, refusal);
	if (r)
		return r;
	int init = open_init(inventory, refusal);

	if (init < 0)
		return init;
	if (files_set_container(&inventory->tables->files, init) < 0)
		r = refuse(refusal, "the root directory of the container cannot be opened");
	if (r == 0)
		r = check_namespaces(inventory, init, refusal);
	inventory->login_of_init = inventory_login(init);
	if (r == 0)
		r = check_same_as_init(inventory, init, refusal);
	if (r == 0)
		r = check_speculation(inventory, init, refusal);
	os_close(init);
	if (r == 0)
		r = check_exe_kind(inventory, refusal);
	if (r == 0)
		r = check_memory_policy(inventory, refusal);
	return r;
}
