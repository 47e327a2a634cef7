/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/timens_offsets has the two offsets of a task's time namespace to the machine's clocks. A
 * namespace can only be given offsets while nobody is in it: the shell makes one for its children,
 * we write the offsets from outside, and the shell then enters it, which is allowed as long as it has
 * one thread.
 */
#include "migrate/clocks.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore.h"
#include "os/clock.h"
#include "os/kernel.h"
#include "os/open.h"
#include "os/procdir.h"

#define SECOND	  1000000000ll
#define NEW_TIME  0x80 /* CLONE_NEWTIME */
/* The time between the offer's look at the clock and ours must not become a step back. */
#define MARGIN_NS 10000000ll

bool clocks_parse(const char *text, struct clocks *clocks)
{
	long long s[2] = { 0 }, ns[2] = { 0 };
	bool found = sscanf(text, "monotonic %lld %lld boottime %lld %lld", &s[0], &ns[0], &s[1],
			    &ns[1]) == 4;

	*clocks = (struct clocks){ 0 };
	if (found)
		*clocks = (struct clocks){ s[0] * SECOND + ns[0], s[1] * SECOND + ns[1] };
	return found;
}

static bool read_offsets(int dir, const char *name, struct clocks *offsets)
{
	struct procdir_text text = { 0 };
	bool found = procdir_read(dir, name, &text) == 0;

	found = clocks_parse(found ? text.text : "", offsets);
	procdir_text_free(&text);
	return found;
}

/* The machine's clocks, whatever time namespace this program itself is in. */
static void read_machine(struct clocks *machine)
{
	struct clocks own;

	read_offsets(OS_FOLDER_CURRENT, "/proc/self/timens_offsets", &own);
	machine->monotonic_ns = os_clock_ns(CLOCK_MONOTONIC) - own.monotonic_ns;
	machine->boottime_ns = os_clock_ns(CLOCK_BOOTTIME) - own.boottime_ns;
}

void clocks_describe(int dir, struct image_machine *image)
{
	struct clocks offsets, machine;

	read_offsets(dir, "timens_offsets", &offsets);
	read_machine(&machine);
	image->monotonic_offset_ns = offsets.monotonic_ns;
	image->boottime_offset_ns = offsets.boottime_ns;
	image->monotonic_ns = (uint64_t)(machine.monotonic_ns + offsets.monotonic_ns);
	image->boottime_ns = (uint64_t)(machine.boottime_ns + offsets.boottime_ns);
}

int64_t clocks_ahead(int dir, int clock)
{
	struct clocks own, theirs;

	if (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return 0;
	read_offsets(OS_FOLDER_CURRENT, "/proc/self/timens_offsets", &own);
	read_offsets(dir, "timens_offsets", &theirs);
	return clock == CLOCK_MONOTONIC ? theirs.monotonic_ns - own.monotonic_ns
					: theirs.boottime_ns - own.boottime_ns;
}

static int refuse_clocks(struct refusal *refusal, int r)
{
	return refusal_set(
		refusal, EDVSPROCSTS,
		"the target cannot give the process the clocks it had (time namespace): %s",
		strerror(-r));
}

struct parts {
	long long s, ns;
};

/* The nanoseconds count upwards also below zero. */
static struct parts parts_of(long long ns)
{
	struct parts parts = { ns / SECOND, ns % SECOND };

	if (parts.ns < 0)
		parts = (struct parts){ parts.s - 1, parts.ns + SECOND };
	assert(parts.ns >= 0 && parts.ns < SECOND);
	return parts;
}

void clocks_print(const struct clocks *clocks, char text[CLOCKS_TEXT_BYTES])
{
	const struct parts monotonic = parts_of(clocks->monotonic_ns);
	const struct parts boottime = parts_of(clocks->boottime_ns);

	snprintf(text, CLOCKS_TEXT_BYTES, "monotonic %lld %lld\nboottime %lld %lld\n", monotonic.s,
		 monotonic.ns, boottime.s, boottime.ns);
}

struct clocks clocks_wanted(const struct image_machine *image, const struct clocks *machine)
{
	if (!machine)
		return (struct clocks){ image->monotonic_offset_ns, image->boottime_offset_ns };
	return (struct clocks){
		(int64_t)image->monotonic_ns - machine->monotonic_ns + MARGIN_NS,
		(int64_t)image->boottime_ns - machine->boottime_ns + MARGIN_NS,
	};
}

static int enter_namespace(struct restore *restore, struct refusal *refusal)
{
	int fd = os_open_at(restore->dir, "ns/time_for_children", OS_OPEN_READ);

	if (fd < 0)
		return refuse_clocks(refusal, fd);
	int r = restore_send_descriptor(restore, fd, 0, RESTORE_SHELL_FD, refusal);

	if (r)
		return r;
	calls_room(&restore->calls, 2, 0);
	calls_expect(&restore->calls, "enter its time namespace", 0, SYS_setns, 0, NEW_TIME);
	calls_expect(&restore->calls, "enter its time namespace", 0, SYS_close, 0);
	return restore_run(restore, refusal);
}

int clocks_restore(struct restore *restore, const struct image_machine *image, bool same_machine,
		   struct refusal *refusal)
{
	struct clocks own, machine;
	bool known = read_offsets(restore->dir, "timens_offsets", &own);
	char text[CLOCKS_TEXT_BYTES];

	if (!same_machine)
		read_machine(&machine);
	struct clocks wanted = clocks_wanted(image, same_machine ? NULL : &machine);

	if (own.monotonic_ns == wanted.monotonic_ns && own.boottime_ns == wanted.boottime_ns)
		return 0;
	if (!known)
		return refuse_clocks(refusal, -ENOSYS);
	calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
	calls_add(&restore->calls, "make a time namespace", CALL_OK, SYS_unshare, NEW_TIME);
	int r = restore_run(restore, refusal);

	if (r)
		return r;
	clocks_print(&wanted, text);
	r = procdir_write(restore->dir, "timens_offsets", text);
	return r < 0 ? refuse_clocks(refusal, r) : enter_namespace(restore, refusal);
}
