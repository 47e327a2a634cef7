/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/stage_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrate/source_members.h"
#include "migrate/stage_init_test.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/secure.h"
#include "os/socket.h"

/* ---- in the test ---- */

#define NEWS_KEPT 64
#define INIT_MS \
	30000 /* until the init of a side has answered, on a machine that has much else to do */

static struct stage_news kept[STAGE_SIDES][NEWS_KEPT];
static int kept_count[STAGE_SIDES];

static int next_news(struct stage *stage, int side, struct stage_news *news, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = stage->control[side], .events = POLLIN };

	if (poll(&poll_fd, 1, timeout_ms) <= 0)
		return -ETIMEDOUT;
	if (recv(stage->control[side], news, sizeof(*news), 0) != sizeof(*news))
		return -ECONNRESET;
	if (news->ended && kept_count[side] < NEWS_KEPT)
		kept[side][kept_count[side]++] = *news;
	return 0;
}

static int ask_init(struct stage *stage, int side, const struct stage_request *request,
		    const int *fds)
{
	struct stage_news news = { .ended = 1 };
	int result = stage_init_send(stage->control[side], request, fds);

	while (result == 0 && news.ended)
		result = next_news(stage, side, &news, INIT_MS);
	return result < 0 ? result : news.status;
}

static void bring_up_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		_exit(1);
	close(fd);
}

/* A daemon is in the network of its programs. */
static void enter_network(struct stage *stage, int side)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)stage->init[side]);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	setns(fd, CLONE_NEWNET);
	close(fd);
}

/* As a container has them. Where the machine has no terminals, none is needed. */
static void mount_own(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		_exit(1);
	mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
	      "newinstance,ptmxmode=0666,mode=620");
}

static int open_side(struct stage *stage, int side)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
		uint64_t set_tid, set_tid_size, cgroup;
	} args = { .flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS,
		   .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0) {
		close(pair[0]);
		close(pair[1]);
		return -errno;
	}
	if (pid == 0) {
		close(pair[0]);
		bring_up_loopback();
		mount_own();
		stage_init_run(pair[1]);
	}
	close(pair[1]);
	stage->control[side] = pair[0];
	stage->init[side] = (pid_t)pid;
	return 0;
}

int stage_open(struct stage *stage)
{
	*stage = (struct stage){ .shell = getenv("DVS_SHELL") };
	if (geteuid() != 0)
		return -EPERM;
	stage->page_fd = memfd_create("stage", MFD_CLOEXEC);
	if (stage->page_fd < 0 || ftruncate(stage->page_fd, 4096) < 0 ||
	    pipe2(stage->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	fcntl(stage->pipe[1], F_SETFL, 0);
	stage->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, stage->page_fd, 0);
	for (int side = 0; side < STAGE_SIDES; side++) {
		kept_count[side] = 0;
		int result = open_side(stage, side);

		if (result < 0)
			return result;
	}
	enter_network(stage, 0);
	return 0;
}

void stage_close(struct stage *stage)
{
	for (int side = 0; side < STAGE_SIDES; side++) {
		if (stage->init[side] <= 0)
			continue;
		close(stage->control[side]);
		kill(stage->init[side], SIGKILL);
		waitpid(stage->init[side], NULL, 0);
	}
	close(stage->page_fd);
	close(stage->pipe[0]);
	close(stage->pipe[1]);
	munmap(stage->page, 4096);
}

static void list_children(pid_t pid, struct source_children *children)
{
	struct inventory lister = { .dir = procdir_open(pid) };

	if (lister.dir >= 0)
		source_children_list(children, &lister);
	os_close(lister.dir);
	procdir_text_free(&lister.text);
}

pid_t stage_find(struct stage *stage, int side, int vpid)
{
	struct source_children children = { 0 };
	pid_t found = 0;

	list_children(stage->init[side], &children);
	for (uint32_t i = 0; i < children.count && !found; i++)
		if (!vpid || os_pid_innermost(children.child[i].pid) == vpid)
			found = children.child[i].pid;
	source_children_free(&children);
	return found;
}

pid_t stage_start(struct stage *stage, int side, int vpid, char *const argv[])
{
	struct stage_request request = { .vpid = vpid, .fd_count = 4 };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int fds[4] = { null, stage->pipe[1], stage->pipe[1], stage->page_fd };

	for (; argv[request.argc] && request.argc < STAGE_ARGS_MAX; request.argc++)
		snprintf(request.arg[request.argc], sizeof(request.arg[0]), "%s",
			 argv[request.argc]);
	int result = ask_init(stage, side, &request, fds);

	close(null);
	return result < 0 ? result : stage_find(stage, side, vpid);
}

int stage_status(struct stage *stage, int side, int vpid, int timeout_ms)
{
	for (;;) {
		for (int i = kept_count[side]; i-- > 0;) {
			if (kept[side][i].vpid != vpid)
				continue;
			int status = kept[side][i].status;

			kept[side][i].vpid = 0;
			return status;
		}
		struct stage_news news;

		if (kept_count[side] == NEWS_KEPT)
			kept_count[side] = 0;
		if (next_news(stage, side, &news, timeout_ms) < 0)
			return -1;
	}
}

char stage_state(pid_t pid)
{
	struct procdir_text text = { 0 };
	char path[32], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (procdir_read(AT_FDCWD, path, &text) == 0 && procdir_field(text.text, "State"))
		state = *procdir_field(text.text, "State");
	procdir_text_free(&text);
	return state;
}

void stage_forget(struct stage *stage, int side)
{
	struct stage_news news;

	while (next_news(stage, side, &news, 30) == 0)
		continue;
	kept_count[side] = 0;
}

/* ---- the host ---- */

static bool stage_identify(void *ctx, uint64_t device, uint64_t inode, struct foreign_name *name)
{
	struct stage *stage = ((struct stage_side *)ctx)->stage;
	const int fds[2] = { stage->page_fd, stage->pipe[1] };

	for (uint8_t i = 0; i < 2; i++) {
		struct stat status;

		if (fstat(fds[i], &status) < 0 || status.st_dev != device || status.st_ino != inode)
			continue;
		memset(name, 0, sizeof(*name));
		name->bytes[0] = i + 1;
		return true;
	}
	return false;
}

static int stage_open_object(void *ctx, const struct foreign_name *name)
{
	struct stage *stage = ((struct stage_side *)ctx)->stage;
	int fd = name->bytes[0] == 1 ? stage->page_fd : name->bytes[0] == 2 ? stage->pipe[1] : -1;

	if (fd < 0)
		return -ENOENT;
	stage->page_opens++;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int stage_spawn(void *ctx, int vpid, pid_t *lpid, int *sock)
{
	struct stage_side *side = ctx;
	struct stage_request request = { .vpid = vpid, .argc = 1, .fd_count = 1 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	snprintf(request.arg[0], sizeof(request.arg[0]), "%s", side->stage->shell);
	int result = ask_init(side->stage, side->side, &request, &pair[1]);

	close(pair[1]);
	if (result == 0) {
		*lpid = stage_find(side->stage, side->side, vpid);
		*sock = pair[0];
		if (*lpid > 0)
			return 0;
		result = -ESRCH;
	}
	close(pair[0]);
	return result;
}

static bool stage_busy(void *ctx)
{
	struct stage_side *side = ctx;
	bool busy = side->busy_once;

	side->busy_once = false;
	return busy;
}

/* As if all that descends from the init was the process's, parents first: as a control group lists them. */
static int stage_offspring(void *ctx, pid_t *pids, int max)
{
	struct stage_side *side = ctx;
	struct source_children children = { 0 };

	if (!side->stage->tells_offspring)
		return -1;
	list_children(side->stage->init[side->side], &children);
	for (uint32_t i = 0; i < children.count; i++)
		list_children(children.child[i].pid, &children);
	int count = (int)children.count;

	for (int i = 0; i < count && i < max; i++)
		pids[i] = children.child[i].pid;
	source_children_free(&children);
	return count;
}

struct migrate_host stage_host(struct stage_side *side)
{
	return (struct migrate_host){
		.identify = stage_identify,
		.open = stage_open_object,
		.spawn_shell = stage_spawn,
		.busy = stage_busy,
		.offspring = stage_offspring,
		.moves = side->stage->moves,
		.ctx = side,
	};
}

/* ---- a move ---- */

bool stage_await(const uint32_t *word, uint32_t value)
{
	for (int i = 0; i < 5000; i++) {
		if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
			return true;
		usleep(1000);
	}
	return false;
}

struct target_thread {
	struct stage_move *move;
	struct migrate_target *target;
	struct secure *secure;
	int result;
	bool resume;
	bool killed; /* the source has ended the process, for the sake of its locks */
	pthread_barrier_t meet;
};

static void *run_target(void *argument)
{
	struct target_thread *thread = argument;
	struct refusal *refusal = &thread->move->target;

	enter_network(thread->move->stage, !thread->move->from);
	thread->result = migrate_target_check(thread->target, thread->secure, refusal);
	thread->move->shell = migrate_target_pid(thread->target);
	pthread_barrier_wait(&thread->meet);
	pthread_barrier_wait(&thread->meet);
	if (thread->result == 0)
		thread->result = migrate_target_load(thread->target, thread->secure, refusal);
	pthread_barrier_wait(&thread->meet);
	pthread_barrier_wait(&thread->meet); /* the decision */
	if (thread->result == 0 && thread->resume) {
		thread->result = migrate_target_resume(thread->target, NULL, refusal);
		thread->move->arrived = migrate_target_pid(thread->target);
	} else {
		migrate_target_discard(thread->target);
	}
	thread->move->received = *migrate_target_stats(thread->target);
	pthread_barrier_wait(&thread->meet);
	return NULL;
}

static void call_hook(struct stage_move *move, void (*hook)(struct stage_move *move), int sock)
{
	if (hook)
		hook(move);
	if (move->cut)
		shutdown(sock, SHUT_RDWR);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* From the offer on; returns the first result that was not 0. */
static int run_source(struct stage_move *move, struct migrate_source *source,
		      struct target_thread *thread, struct secure *secure)
{
	int result = migrate_source_offer(source, secure, &move->source);
	int sock = secure_fd(secure);

	if (result)
		shutdown(sock, SHUT_RDWR);
	pthread_barrier_wait(&thread->meet);
	if (result == 0)
		result = thread->result;
	if (result == 0) {
		call_hook(move, move->when_checked, sock);
		result = migrate_source_freeze(source, &move->source);
	}
	if (result)
		shutdown(sock, SHUT_RDWR);
	pthread_barrier_wait(&thread->meet);
	if (result == 0) {
		call_hook(move, move->when_frozen, sock);
		result = migrate_source_send(source, secure, &move->source);
		if (result)
			shutdown(sock, SHUT_RDWR);
	}
	pthread_barrier_wait(&thread->meet);
	if (result == 0)
		result = thread->result;
	if (result == 0)
		call_hook(move, move->when_loaded, sock);
	if (move->cut && result == 0)
		result = -ECANCELED;
	thread->resume = result == 0;
	pthread_barrier_wait(&thread->meet);
	if (result == 0 && migrate_source_excludes(source)) {
		migrate_source_kill(source, &move->late, &move->source);
		thread->killed = true;
	}
	pthread_barrier_wait(&thread->meet);
	if (result == 0)
		result = thread->result;
	return result;
}

void stage_move(struct stage_move *move)
{
	struct stage_side here = { move->stage, move->from, move->busy_once };
	struct stage_side there = { move->stage, !move->from, false };
	struct migrate_host source_host = stage_host(&here), target_host = stage_host(&there);
	struct migrate_source *source = migrate_source_new(move->pid, &source_host);
	struct target_thread thread = { .move = move };
	uint64_t started = now_ns();
	pthread_t worker;
	struct secure *secure;
	int pair[2];

	enter_network(move->stage, move->from);
	move->result = migrate_source_check(source, &move->source);
	if (move->result || move->no_target) {
		migrate_source_free(source);
		return;
	}
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	thread.target = migrate_target_new(&target_host);
	secure = secure_plain(pair[0]);
	thread.secure = secure_plain(pair[1]);
	pthread_barrier_init(&thread.meet, NULL, 2);
	pthread_create(&worker, NULL, run_target, &thread);
	move->result = run_source(move, source, &thread, secure);
	move->sent = *migrate_source_stats(source);
	if (move->result == 0) {
		move->frozen_ns = move->received.resume_ns - move->sent.freeze_ns;
		if (!thread.killed)
			migrate_source_kill(source, &move->late, &move->source);
		move->total_ns = now_ns() - started;
		int32_t vpid;
		uint64_t late;

		for (uint32_t i = 1; migrate_source_late(source, i, &vpid, &late); i++)
			move->late_of_others |= late;
	}
	pthread_join(worker, NULL);
	pthread_barrier_destroy(&thread.meet);
	migrate_source_free(source);
	migrate_target_free(thread.target);
	secure_free(secure);
	secure_free(thread.secure);
}
