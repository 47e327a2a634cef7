/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The init's side: process 1 of a pid namespace, one thread, one loop.
 *
 *	request socket   SPAWN -> waiting[] -> GO, or its end; SHELL
 *	event socket     one packet for every child collected, its own or an orphan; when there is no
 *	                 room a child stays uncollected until there is
 *	end of file      on either: the daemon is gone, and so is everything here
 *
 * Pids: a process gets one from the node's range by clone3's set_tid. Threads and children that it makes
 * itself take the kernel's next one, so that cursor is put back whenever it has left the range.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "node/state/fault.h"
#include "node/task/init.h"
#include "node/task/init_orphans.h"
#include "wire/init.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/own_proc.h"
#include "os/pid.h"
#include "os/reap.h"
#include "os/self.h"
#include "os/signals.h"
#include "os/socket.h"
#include "os/spawn.h"

#define STEP_TIMEOUT_MS	 (DC_INIT_TIMEOUT_MS * 3 / 4) /* the daemon is told before it gives up */
#define CURSOR_PERIOD_US 1000000
#define STRINGS_MAX	 8192 /* arguments and variables */

struct waiting {
	int vpid; /* 0: free */
	int go_fd, pidfd;
};

static struct {
	struct os_loop *loop;
	struct os_source *requests, *events, *children, *cursor;
	int base; /* first vpid of the range */
	struct waiting waiting[INIT_WAITING_MAX];
	_Alignas(8) uint8_t packet[INIT_PACKET_MAX];
	char *list[STRINGS_MAX];
} self;

static bool in_range(pid_t pid)
{
	return pid >= self.base && pid < self.base + DC_VPID_COUNT;
}

/* Where the kernel looks next, put back to the start when it has left the range. */
static pid_t next_vpid(void)
{
	pid_t last = 0;

	if (os_last_pid(&last) < 0 || !in_range(last + 1)) {
		os_set_last_pid(self.base - 1);
		return self.base;
	}
	return last + 1;
}

static void on_cursor(void *ctx)
{
	(void)ctx;
	next_vpid();
	os_timer_set(self.cursor, CURSOR_PERIOD_US);
}

static struct waiting *find_waiting(int vpid)
{
	for (int i = 0; i < INIT_WAITING_MAX; i++)
		if (self.waiting[i].vpid == vpid)
			return &self.waiting[i];
	return NULL;
}

/* Its go_fd has been taken or closed. */
static void forget_waiting(struct waiting *w)
{
	os_close(w->pidfd);
	*w = (struct waiting){ .go_fd = -1, .pidfd = -1 };
}

static void reply(int error, int vpid, enum os_spawn_step step, int pidfd)
{
	struct init_reply r = { .error = error, .vpid = vpid, .step = step };

	/* If the daemon is gone the end of file will tell. */
	os_packet_send(INIT_REQUEST_FD, &r, sizeof(r), &pidfd, pidfd >= 0 ? 1 : 0);
}

/* Tries the pids of the range, from the kernel's cursor on, that nobody in the cluster uses. */
static int hold_in_range(struct os_spawn *spawn, const uint64_t *taken, struct os_spawned *spawned,
			 enum os_spawn_step *step)
{
	pid_t first = next_vpid();

	for (int i = 0; i < DC_VPID_COUNT; i++) {
		int n = (first - self.base + i) % DC_VPID_COUNT, r;

		if (bits_test(taken, (unsigned)n))
			continue;
		spawn->pid = self.base + n;
		r = os_spawn_hold(spawn, STEP_TIMEOUT_MS, spawned, step);
		if (r == -EEXIST && *step == OS_SPAWN_CLONE)
			continue;
		if (!r)
			os_set_last_pid(spawn->pid);
		return r;
	}
	*step = OS_SPAWN_CLONE;
	return -EAGAIN;
}

/* Splits the strings of a SPAWN into argv, envp and cwd. 0 or -EBADMSG. */
static int split_strings(const struct init_request *request, char *text, struct os_spawn *spawn)
{
	size_t at = 0, count = (size_t)request->argc + request->envc, slot = 0;

	if (count + 2 > STRINGS_MAX)
		return -E2BIG;
	if (!request->argc || text[request->string_bytes - 1])
		return -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		if (i == request->argc)
			self.list[slot++] = NULL;
		if (at >= request->string_bytes)
			return -EBADMSG;
		self.list[slot++] = text + at;
		at += strlen(text + at) + 1;
	}
	if (request->argc == count)
		self.list[slot++] = NULL;
	self.list[slot] = NULL;
	if (at >= request->string_bytes)
		return -EBADMSG;
	spawn->argv = self.list;
	spawn->envp = self.list + request->argc + 1;
	spawn->cwd = text + at;
	return 0;
}

/* Takes it from the end of the list; 0: there is none. */
static int cgroup_of(const struct init_request *request, const int *fds, int *fd_count)
{
	return request->cgroup && *fd_count ? fds[--*fd_count] : 0;
}

static void serve_spawn(const struct init_request *request, char *text, const int *fds,
			int fd_count)
{
	struct os_spawn spawn = { .umask = request->umask,
				  .uid = request->uid,
				  .gid = request->gid,
				  .groups = request->groups,
				  .group_count = (int)request->group_count,
				  .cgroup = cgroup_of(request, fds, &fd_count),
				  .fd_count = 3 };
	struct waiting *w = find_waiting(0);
	struct os_spawned spawned;
	enum os_spawn_step step = OS_SPAWN_NONE;
	int used = 0, r = split_strings(request, text, &spawn);

	for (int i = 0; i < 3; i++) {
		bool given = request->streams & 1u << i;

		if (given && used == fd_count)
			r = -EBADMSG;
		spawn.fds[i] = given && used < fd_count ? fds[used++] : -1;
	}
	if (request->group_count > DC_INIT_GROUPS_MAX)
		r = -EBADMSG;
	if (!r && !w)
		r = -EAGAIN;
	if (!r)
		r = hold_in_range(&spawn, request->taken, &spawned, &step);
	if (r < 0) {
		reply(r, 0, step, -1);
		return;
	}
	init_orphans_leader(spawned.pid);
	*w = (struct waiting){ spawned.pid, spawned.go_fd, spawned.pidfd };
	reply(0, spawned.pid, step, spawned.pidfd);
}

static void serve_go(const struct init_request *request)
{
	struct waiting *w = request->vpid > 0 ? find_waiting(request->vpid) : NULL;
	int r;

	if (!w) {
		reply(-ESRCH, 0, OS_SPAWN_NONE, -1);
		return;
	}
	r = os_spawn_go(w->go_fd, STEP_TIMEOUT_MS);
	if (r < 0)
		os_pidfd_signal(w->pidfd, OS_SIGKILL);
	forget_waiting(w);
	reply(r, request->vpid, OS_SPAWN_EXECUTE, -1);
}

/* Collects whoever ended, as far as the daemon's socket has room for the news. */
static void collect(void)
{
	struct dc_exit ended;
	struct waiting *w;
	pid_t pid;
	int r;

	while (!os_reap_peek(&pid, &ended.status)) {
		fault_point("init-collect");
		init_orphans_end(pid);
		ended.vpid = pid;
		r = os_packet_send(INIT_EVENT_FD, &ended, sizeof(ended), NULL, 0);
		if (r == -EAGAIN) {
			os_source_set(self.events, OS_READ | OS_WRITE);
			return;
		}
		if (r < 0)
			_Exit(0);
		w = find_waiting(pid);
		if (w) {
			os_close(w->go_fd);
			forget_waiting(w);
		}
		os_reap(pid);
	}
	os_source_set(self.events, OS_READ);
}

/* Has the process with that number ended, and only not been collected yet? */
static bool is_over(int vpid)
{
	int pidfd = os_pidfd_open(vpid, false);
	bool over = pidfd == -ESRCH || (pidfd >= 0 && os_poll(pidfd, OS_READ, 0) == 0);

	os_close(pidfd);
	return over;
}

/*
 * With exactly this number. It may be a process's that has just left and whose end nobody has taken
 * note of yet: -EBUSY while it is that of remains that somebody else has to let go of first.
 */
static int hold_exactly(struct os_spawn *spawn, struct os_spawned *spawned,
			enum os_spawn_step *step)
{
	int r = os_spawn_hold(spawn, STEP_TIMEOUT_MS, spawned, step);

	if (r != -EEXIST || *step != OS_SPAWN_CLONE)
		return r;
	collect();
	r = os_spawn_hold(spawn, STEP_TIMEOUT_MS, spawned, step);
	return r == -EEXIST && *step == OS_SPAWN_CLONE && is_over(spawn->pid) ? -EBUSY : r;
}

/*
 * More than the limit of any process that may come, whose own limit is set later: where the kernel puts new
 * mappings is decided when the shell executes, and they must not end up where the stack is to grow.
 */
#define SHELL_STACK_BYTES (UINT64_C(64) << 30)

static void serve_shell(const struct init_request *request, char *text, const int *fds,
			int fd_count)
{
	char *argv[] = { text, NULL }, *envp[] = { NULL };
	int cgroup = cgroup_of(request, fds, &fd_count);
	struct os_spawn spawn = { .argv = argv,
				  .envp = envp,
				  .cwd = "/",
				  .umask = 022,
				  .cgroup = cgroup,
				  .fd_first = 3,
				  .fd_count = fd_count,
				  .stack_bytes = SHELL_STACK_BYTES,
				  .pid = request->vpid };
	struct os_spawned spawned;
	enum os_spawn_step step = OS_SPAWN_NONE;
	int r = text[request->string_bytes - 1] || request->vpid <= 1 ? -EBADMSG : 0;

	memcpy(spawn.fds, fds, sizeof(*fds) * (size_t)fd_count);
	if (!r)
		r = hold_exactly(&spawn, &spawned, &step);
	if (r < 0) {
		reply(r, 0, step, -1);
		return;
	}
	r = os_spawn_go(spawned.go_fd, STEP_TIMEOUT_MS);
	if (r < 0)
		os_pidfd_signal(spawned.pidfd, OS_SIGKILL);
	else
		init_orphans_leader(spawned.pid);
	reply(r, spawned.pid, OS_SPAWN_EXECUTE, r < 0 ? -1 : spawned.pidfd);
	os_close(spawned.pidfd);
}

static void serve(size_t len, const int *fds, int fd_count)
{
	const struct init_request *request = (const void *)self.packet;
	char *text = (char *)self.packet + sizeof(*request);
	bool whole = len >= sizeof(*request) && len == sizeof(*request) + request->string_bytes;
	bool strings = whole && request->string_bytes;

	if (strings && request->call == INIT_SPAWN)
		serve_spawn(request, text, fds, fd_count);
	else if (strings && request->call == INIT_SHELL)
		serve_shell(request, text, fds, fd_count);
	else if (whole && request->call == INIT_GO)
		serve_go(request);
	else if (whole && request->call == INIT_NOTHING)
		reply(INIT_NOTHING_DONE, 0, OS_SPAWN_NONE, -1);
	else
		reply(-EBADMSG, 0, OS_SPAWN_NONE, -1);
}

static void on_request(void *ctx, int fd, int events)
{
	int fds[OS_FDS_MAX], count = 0;
	ssize_t n = os_packet_recv(fd, self.packet, sizeof(self.packet), fds, &count);

	(void)ctx;
	(void)events;
	if (n == -EAGAIN)
		return;
	if (n > 0)
		serve((size_t)n, fds, count);
	else if (n == -EMSGSIZE || n == -EMFILE)
		reply(n == -EMFILE ? -EMFILE : -E2BIG, 0, OS_SPAWN_NONE, -1);
	else
		_Exit(0); /* the daemon is gone */
	while (count > 0)
		os_close(fds[--count]);
}

static void on_child(void *ctx)
{
	(void)ctx;
	collect();
}

/* Nothing is ever sent this way: readable is the end of file. */
static void on_event_socket(void *ctx, int fd, int events)
{
	(void)ctx;
	(void)fd;
	if (events & OS_READ)
		_Exit(0);
	collect();
}

static int serve_start(void)
{
	int r = os_loop_new(&self.loop, NULL);

	if (!r)
		r = os_set_nonblock(INIT_REQUEST_FD, 1);
	if (!r)
		r = os_set_nonblock(INIT_EVENT_FD, 1);
	if (!r)
		r = os_source_signal(self.loop, OS_SIGCHLD, on_child, NULL, &self.children);
	if (!r)
		r = os_source_io(self.loop, INIT_EVENT_FD, OS_READ, on_event_socket, NULL,
				 &self.events);
	if (!r)
		r = os_source_io(self.loop, INIT_REQUEST_FD, OS_READ, on_request, NULL,
				 &self.requests);
	if (!r)
		r = os_source_timer(self.loop, CURSOR_PERIOD_US, on_cursor, NULL, &self.cursor);
	/* Where this is not permitted, processes still get pids of the range; their threads do not. */
	if (!r && os_set_last_pid(self.base - 1) < 0)
		os_log(OS_LOG_WARN, "threads and children may take pids of other nodes' ranges");
	return r;
}

int dc_init_main(int argc, char **argv)
{
	char prefix[32];
	int r;

	if (argc != 4)
		return 2;
	for (int i = 0; i < INIT_WAITING_MAX; i++)
		self.waiting[i] = (struct waiting){ .go_fd = -1, .pidfd = -1 };
	/* The daemon catches SIGHUP, which would be back to ending an init. */
	os_self_keep_running();
	os_unblock_signals();
	snprintf(prefix, sizeof(prefix), "dvs-init %.10s", argv[2]);
	os_log_init(prefix, OS_LOG_INFO);
	os_set_name("dvs-init");
	self.base = dc_vpid_base((int)strtol(argv[3], NULL, 10));
	r = os_own_proc();
	if (r < 0)
		os_log(OS_LOG_WARN, "/proc shows the numbers of the node, not of the DC: %s",
		       strerror(-r));
	r = serve_start();
	reply(r, 0, OS_SPAWN_NONE, -1);
	if (!r)
		r = os_loop_run(self.loop);
	os_log(OS_LOG_ERROR, "cannot go on: %s", strerror(-r));
	return 1;
}
