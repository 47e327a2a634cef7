/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inventory.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/apart.h"
#include "migrate/directories.h"
#include "migrate/ended.h"
#include "migrate/thread_timers.h"
#include "os/inode.h"
#include "os/socket.h"

#define STAT_EXIT_SIGNAL 38
#define STAT_EXIT_CODE	 52

int inventory_open(struct inventory *inventory, pid_t pid, struct tables *tables,
		   struct refusal *refusal)
{
	assert(pid > 0);
	*inventory = (struct inventory){ .pid = pid, .dir = procdir_open(pid), .tables = tables };
	if (inventory->dir == -ESRCH)
		return refusal_set(refusal, EDVSSRCH, "there is no process %d", (int)pid);
	if (inventory->dir < 0)
		return refusal_set(refusal, EDVSIO, "process %d cannot be looked at: %s", (int)pid,
				   strerror(-inventory->dir));
	return 0;
}

void inventory_close(struct inventory *inventory)
{
	os_close(inventory->dir);
	free(inventory->thread);
	free(inventory->timer);
	maps_free(&inventory->maps);
	descriptors_free(&inventory->descriptors);
	apart_clear(inventory);
	procdir_text_free(&inventory->text);
	procdir_text_free(&inventory->more);
	*inventory = (struct inventory){ .dir = -1, .tables = inventory->tables };
}

uint64_t inventory_stat_field(const char *stat, unsigned index)
{
	assert(index > 2);
	/* Field 2 is the name in parentheses and may itself contain both. */
	const char *at = strrchr(stat, ')');

	for (unsigned field = 2; at && field < index; field++) {
		at = strchr(at + 1, ' ');
		if (at && at[1] == 0)
			return 0;
	}
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

int inventory_last_number(const char *value)
{
	int last = 0;

	while (value && *value && *value != '\n') {
		char *end;
		long number = strtol(value, &end, 10);

		if (end == value)
			break;
		last = (int)number;
		value = end + strspn(end, " \t");
	}
	return last;
}

static int add_thread(void *ctx, const char *name)
{
	struct inventory *inventory = ctx;

	if (inventory->thread_count == IMAGE_THREADS_MAX)
		return -E2BIG;
	if (inventory->thread_count == inventory->thread_capacity) {
		uint32_t capacity =
			inventory->thread_capacity ? inventory->thread_capacity * 2 : 16;
		struct inventory_thread *bigger =
			realloc(inventory->thread, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		inventory->thread = bigger;
		inventory->thread_capacity = capacity;
	}
	assert(inventory->thread_count < inventory->thread_capacity);
	inventory->thread[inventory->thread_count++] =
		(struct inventory_thread){ .tid = (pid_t)strtol(name, NULL, 10) };
	return 0;
}

static int by_tid(const void *a, const void *b)
{
	const struct inventory_thread *one = a, *other = b;

	return (one->tid > other->tid) - (one->tid < other->tid);
}

const struct inventory_thread *inventory_thread(const struct inventory *inventory, pid_t tid)
{
	const struct inventory_thread wanted = { .tid = tid };

	if (inventory->thread_count == 0 || inventory->thread[0].tid == tid)
		return inventory->thread_count ? &inventory->thread[0] : NULL;
	return bsearch(&wanted, inventory->thread + 1, inventory->thread_count - 1, sizeof(wanted),
		       by_tid);
}

static int list_threads(struct inventory *inventory)
{
	assert(inventory->dir >= 0);
	inventory->thread_count = 0;
	return procdir_each(inventory->dir, "task", add_thread, inventory);
}

/* The main thread is listed as long as there are others. */
static void leave_out_ended(struct inventory *inventory)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < inventory->thread_count; i++)
		if (!inventory->stand_in || inventory->thread[i].tid != inventory->pid)
			inventory->thread[kept++] = inventory->thread[i];
	inventory->thread_count = kept;
}

int inventory_stand_in(struct inventory *inventory)
{
	int dir = procdir_open(inventory->pid);

	if (dir < 0)
		return -ESRCH;
	os_close(inventory->dir);
	inventory->dir = dir;
	inventory->stand_in = 0;
	int r = list_threads(inventory);

	for (uint32_t i = 0; i < inventory->thread_count && r == 0 && !inventory->stand_in; i++) {
		pid_t tid = inventory->thread[i].tid;

		if (tid == inventory->pid)
			continue;
		dir = procdir_open(tid);
		if (dir < 0)
			continue; /* it has ended, too */
		os_close(inventory->dir);
		inventory->dir = dir;
		inventory->stand_in = tid;
	}
	inventory->is_fit = false;
	return inventory->stand_in ? inventory_threads(inventory) : -ESRCH;
}

int inventory_threads(struct inventory *inventory)
{
	int r = list_threads(inventory);

	if (inventory->stand_in && (r == -ENOENT || r == -ESRCH))
		return inventory_stand_in(inventory);
	leave_out_ended(inventory);
	for (uint32_t i = 0; i < inventory->thread_count; i++) {
		struct inventory_thread thread = inventory->thread[i];

		if (thread.tid != inventory_task(inventory))
			continue;
		inventory->thread[i] = inventory->thread[0];
		inventory->thread[0] = thread;
	}
	if (r == 0 && inventory->thread_count == 0)
		return -ESRCH;
	if (inventory->thread_count > 2)
		qsort(inventory->thread + 1, inventory->thread_count - 1,
		      sizeof(inventory->thread[0]), by_tid);
	return r == -ENOENT ? -ESRCH : r;
}

const struct inventory *inventory_holder(const struct inventory *inventory, enum image_shares share)
{
	while (inventory->member.shares & share) {
		assert(inventory->parent); /* which has the same table */
		inventory = inventory->parent;
	}
	return inventory;
}

const struct maps *inventory_maps(const struct inventory *inventory)
{
	return &inventory_holder(inventory, IMAGE_SHARES_MEMORY)->maps;
}

int inventory_refuse_threads(const struct inventory *inventory, int r, struct refusal *refusal)
{
	assert(r < 0);
	if (r == -E2BIG)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has more than %u threads, which is the most that "
				   "can move",
				   IMAGE_THREADS_MAX);
	return ended_refuse(inventory->dir, r, "list of threads", refusal);
}

int inventory_read_thread(struct inventory *inventory, uint32_t index)
{
	struct inventory_thread *thread = &inventory->thread[index];
	char name[48];

	assert(index < inventory->thread_count);
	snprintf(name, sizeof(name), "task/%d/status", (int)thread->tid);
	int r = procdir_read(inventory->dir, name, &inventory->text);

	if (r < 0)
		return r;
	const char *state = procdir_field(inventory->text.text, "State");

	thread->vtid = inventory_last_number(procdir_field(inventory->text.text, "NSpid"));
	thread->ended = state && (*state == 'Z' || *state == 'X');
	return 0;
}

static uint64_t read_number(struct inventory *inventory, const char *name, int base,
			    uint64_t otherwise)
{
	if (procdir_read(inventory->dir, name, &inventory->text) < 0 || inventory->text.length == 0)
		return otherwise;
	return strtoull(inventory->text.text, NULL, base);
}

static void read_stat(struct inventory *inventory)
{
	static const struct {
		unsigned field;
		size_t offset;
	} wanted[] = {
		{ 26, offsetof(struct image_bounds, start_code) },
		{ 27, offsetof(struct image_bounds, end_code) },
		{ 28, offsetof(struct image_bounds, start_stack) },
		{ 45, offsetof(struct image_bounds, start_data) },
		{ 46, offsetof(struct image_bounds, end_data) },
		{ 47, offsetof(struct image_bounds, start_brk) },
		{ 48, offsetof(struct image_bounds, arg_start) },
		{ 49, offsetof(struct image_bounds, arg_end) },
		{ 50, offsetof(struct image_bounds, env_start) },
		{ 51, offsetof(struct image_bounds, env_end) },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint64_t value = inventory_stat_field(inventory->text.text, wanted[i].field);

		memcpy((char *)&inventory->process.bounds + wanted[i].offset, &value,
		       sizeof(value));
	}
	inventory->start_time = inventory_stat_field(inventory->text.text, 22);
	inventory->member.exit_signal =
		(uint32_t)inventory_stat_field(inventory->text.text, STAT_EXIT_SIGNAL);
	inventory->terminal = inventory_stat_field(inventory->text.text, 7);
}

/* The rights of the main thread. More groups than there is room for are refused when it is frozen. */
static void read_opener(const char *status, struct image_opener *opener)
{
	const char *groups = procdir_field(status, "Groups");

	*opener = (struct image_opener){
		.uid = (uint32_t)inventory_last_number(procdir_field(status, "Uid")),
		.gid = (uint32_t)inventory_last_number(procdir_field(status, "Gid")),
		.effective = procdir_number(status, "CapEff", 16, 0),
	};
	for (char *end; groups && *groups && *groups != '\n'; groups = end + strspn(end, " ")) {
		uint32_t group = (uint32_t)strtoul(groups, &end, 10);

		if (end == groups || opener->group_count == 64)
			break;
		opener->group[opener->group_count++] = group;
	}
}

static bool has_ended(const char *stat)
{
	const char *at = strrchr(stat, ')');

	return at && (at[2] == 'Z' || at[2] == 'X');
}

/* The status and the signal for the parent, which the main thread alone has. */
static int read_leader(struct inventory *inventory)
{
	char name[48];

	snprintf(name, sizeof(name), "task/%d/stat", (int)inventory->pid);
	int r = procdir_read(inventory->dir, name, &inventory->text);

	if (r < 0)
		return r;
	inventory->member.exit_signal =
		(uint32_t)inventory_stat_field(inventory->text.text, STAT_EXIT_SIGNAL);
	inventory->leader_status =
		(uint32_t)inventory_stat_field(inventory->text.text, STAT_EXIT_CODE);
	return 0;
}

/* Leaves the status in `text`. */
static int read_task(struct inventory *inventory)
{
	int r = procdir_read(inventory->dir, "stat", &inventory->text);

	if (r == 0 && has_ended(inventory->text.text) && inventory->thread_count > 1 &&
	    inventory_stand_in(inventory) == 0)
		r = procdir_read(inventory->dir, "stat", &inventory->text);
	if (r == 0)
		read_stat(inventory);
	if (r == 0 && inventory->stand_in)
		r = read_leader(inventory);
	return r < 0 ? r : procdir_read(inventory->dir, "status", &inventory->text);
}

int inventory_read_process(struct inventory *inventory, struct refusal *refusal)
{
	struct image_process *process = &inventory->process;
	int read = read_task(inventory);

	if (read < 0)
		return ended_refuse(inventory->dir, read, "status", refusal);
	const char *status = inventory->text.text;

	process->vpid = inventory_last_number(
		procdir_field(status, inventory->stand_in ? "NStgid" : "NSpid"));
	inventory->member.vpid = process->vpid;
	inventory->member.session = inventory_last_number(procdir_field(status, "NSsid"));
	inventory->member.group = inventory_last_number(procdir_field(status, "NSpgid"));
	read_opener(status, &process->opener);
	inventory->ignored = procdir_number(status, "SigIgn", 16, 0);
	inventory->own_kb =
		procdir_number(status, "RssAnon", 10, 0) + procdir_number(status, "VmSwap", 10, 0);
	inventory->shared_kb = procdir_number(status, "RssShmem", 10, 0);
	process->umask = (uint32_t)procdir_number(status, "Umask", 8, 022);
	process->personality = (uint32_t)read_number(inventory, "personality", 16, 0);
	process->oom_score_adj = (int32_t)read_number(inventory, "oom_score_adj", 10, 0);
	process->coredump_filter = (uint32_t)read_number(inventory, "coredump_filter", 16, 0x33);
	if (procdir_read(inventory->dir, "comm", &inventory->text) == 0) {
		size_t length = strcspn(inventory->text.text, "\n");

		memset(inventory->comm, 0, sizeof(inventory->comm));
		memcpy(inventory->comm, inventory->text.text, length < 15 ? length : 15);
	}
	if (procdir_read(inventory->dir, "auxv", &inventory->text) == 0 &&
	    inventory->text.length <= sizeof(inventory->auxv)) {
		memcpy(inventory->auxv, inventory->text.text, inventory->text.length);
		inventory->auxv_bytes = (uint32_t)inventory->text.length;
	}
	return 0;
}

static int add_timer(struct inventory *inventory, const struct image_timer *timer)
{
	if (inventory->timer_count == inventory->timer_capacity) {
		uint32_t capacity = inventory->timer_capacity ? inventory->timer_capacity * 2 : 8;
		struct image_timer *bigger = realloc(inventory->timer, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		inventory->timer = bigger;
		inventory->timer_capacity = capacity;
	}
	assert(inventory->timer_count < inventory->timer_capacity);
	inventory->timer[inventory->timer_count++] = *timer;
	return 0;
}

/*
 * A clock of CPU time is a negative number: the kind of time, a bit for a thread, and the number of the thread or
 * process, or 0 for the one that made the timer (thread_timers.h).
 */
static bool is_own_clock(const struct inventory *inventory, int32_t clock)
{
	const int number = ~(clock >> CPU_CLOCK_SHIFT);

	if (clock >= 0)
		return true;
	if ((clock & CPU_CLOCK_KIND) == CPU_CLOCK_NONE)
		return false;
	if (!(clock & CPU_CLOCK_OF_THREAD))
		return number == 0 || number == inventory->process.vpid;
	for (uint32_t i = 0; i < inventory->thread_count; i++)
		if (number && inventory->thread[i].vtid == number)
			return true;
	return thread_timers_is_own(clock); /* which of several it is comes out when they stand */
}

/*
 * /proc/PID/timers: four lines for each, "ID: 0", "signal: 14/0x7f..", "notify: signal/pid.7" (or
 * none, thread; pid. or tid.), "ClockID: 1".
 */
static int parse_timer(struct inventory *inventory, const char *text, struct refusal *refusal)
{
	struct image_timer timer = { 0 };
	char how[16] = "", scope[8] = "";
	unsigned long long value = 0;
	int target = 0;

	if (sscanf(text, "ID: %d\nsignal: %d/%llx\nnotify: %15[a-z]/%3[a-z].%d\nClockID: %d",
		   &timer.id, &timer.signal, &value, how, scope, &target, &timer.clock) != 7)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a POSIX timer of an unknown form");
	timer.value = value;
	if (strcmp(how, "signal") == 0)
		timer.notify = strcmp(scope, "tid") == 0 ? 4 : 0;
	else
		timer.notify = strcmp(how, "none") == 0 ? 1 : 2;
	if (timer.notify == 4) {
		const struct inventory_thread *thread = inventory_thread(inventory, target);

		timer.tid = thread ? thread->vtid : 0;
		if (!timer.tid)
			return refusal_set(refusal, EDVSPROCSTS,
					   "POSIX timer %d signals a thread that has ended",
					   timer.id);
	}
	if (!is_own_clock(inventory, timer.clock))
		return refusal_set(refusal, EDVSPROCSTS,
				   "POSIX timer %d runs on the CPU time of a thread that is not "
				   "told or has ended, or of another process, which is not carried",
				   timer.id);
	if (timer.id >= IMAGE_TIMERS_COUNTED)
		inventory->needs |= IMAGE_NEEDS_TIMER_IDS;
	return add_timer(inventory, &timer) ? refusal_set(refusal, EDVSNOMEM, "out of memory") : 0;
}

int inventory_read_timers(struct inventory *inventory, struct refusal *refusal)
{
	int r = 0;

	inventory->timer_count = 0;
	if (procdir_read(inventory->dir, "timers", &inventory->text) < 0)
		return 0;
	for (const char *at = inventory->text.text; at && *at && r == 0;) {
		r = parse_timer(inventory, at, refusal);
		at = strstr(at + 1, "\nID:");
		if (at)
			at++;
	}
	return r;
}

int inventory_check_lack(const struct inventory *inventory, struct refusal *refusal)
{
	int lack = inventory->text.lack ? inventory->text.lack : inventory->more.lack;

	if (!lack)
		return 0;
	assert(lack < 0);
	return refusal_set_number(refusal, lack == -ENOMEM ? EDVSNOMEM : EDVSIO,
				  "not all of the process can be looked at: %s", strerror(-lack));
}

uint32_t inventory_login(int dir)
{
	struct procdir_text text = { 0 };
	uint32_t login = INVENTORY_NO_LOGIN;

	assert(dir >= 0);
	if (procdir_read(dir, "loginuid", &text) == 0)
		login = (uint32_t)strtoul(text.text, NULL, 10);
	procdir_text_free(&text);
	return login;
}

int inventory_read_maps(struct inventory *inventory, const struct migrate_host *host,
			struct maps_skip *skip, struct refusal *refusal)
{
	const struct maps_objects objects = { &inventory->tables->files,
					      &inventory->tables->memories };

	int r = maps_read(&inventory->maps, inventory->dir, &objects, host, skip, &inventory->text,
			  refusal);

	/* One that is just starting a program has none for a moment. */
	if (r == 0 && inventory->maps.count && !maps_special(&inventory->maps, "vdso"))
		return refusal_set(refusal, EDVSPROCSTS, "the process has no vdso");
	return r;
}

int inventory_read(struct inventory *inventory, const struct migrate_host *host, bool first,
		   struct refusal *refusal)
{
	int r = inventory_threads(inventory);

	inventory->text.lack = inventory->more.lack = 0;
	if (r < 0)
		return inventory_refuse_threads(inventory, r, refusal);
	inventory->needs = 0;
	r = inventory_read_process(inventory, refusal);
	if (r == 0)
		r = first || !inventory->is_fit ? fitness_check(inventory, refusal)
						: fitness_check_again(inventory, refusal);
	if (r == 0)
		inventory->is_fit = true;
	if (r == 0)
		r = directories_read(inventory, refusal);
	if (r == 0)
		r = inventory_read_timers(inventory, refusal);
	if (inventory->member.shares & IMAGE_SHARES_MEMORY)
		maps_clear(&inventory->maps);
	else if (r == 0)
		r = inventory_read_maps(inventory, host, NULL, refusal);
	inventory->process.thread_count = inventory->thread_count;
	inventory->process.timer_count = inventory->timer_count;
	inventory->process.map_count = inventory->maps.count;
	return r;
}
