/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/sysv_undo.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/ipc_space.h"
#include "os/kcmp.h"
#include "os/kernel.h"
#include "os/open.h"
#include "os/procdir.h"

#define OPERATIONS_MAX 500u  /* of one call: the kernel's default */
#define VALUE_MAX      32767 /* of a semaphore */
#define MIDDLE	       16384 /* from here, no adjustment of a program's ends at 0 or beyond VALUE_MAX */

/* The adjustments of one set, whose values this thread sees: it is in the namespace. */
struct taking {
	struct sysv_object *set;
	struct calls *calls;
	int32_t vpid;
	uint32_t count;
	uint16_t before[OPERATIONS_MAX], shifted[OPERATIONS_MAX], after[OPERATIONS_MAX];
	struct sembuf operation[OPERATIONS_MAX];
	uint32_t operations;
};

/* 1: it has the list of the process. */
static int look_for_holder(void *ctx, const char *name)
{
	const pid_t *pid = ctx;
	pid_t other = (pid_t)strtol(name, NULL, 10);

	return other > 0 && other != *pid && os_kcmp(*pid, other, OS_KCMP_SYSVSEM) == 0;
}

int sysv_undo_check(pid_t pid, const struct sysv *sysv, struct refusal *refusal)
{
	if (procdir_each(OS_FOLDER_CURRENT, "/proc", look_for_holder, &pid))
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has its System V semaphores with undo (SEM_UNDO) in "
			"common with another process (CLONE_SYSVSEM), which is not "
			"carried");
	uint32_t known = 0;
	bool large = false;

	for (uint32_t i = 0; i < sysv->count; i++) {
		known += sysv->object[i].image.kind == OS_SYSV_SEMAPHORES;
		large = large || (sysv->object[i].image.kind == OS_SYSV_SEMAPHORES &&
				  sysv->object[i].image.count > OPERATIONS_MAX);
	}
	if (sysv->sets == known && !large)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process may hold System V semaphores with undo (SEM_UNDO), and "
			   "%s: the kernel shows what it holds nowhere then",
			   large ? "a set has more than 500 semaphores"
				 : "the container has sets of semaphores that do not move with it");
}

static void add(struct taking *taking, uint32_t index, int change, int flags)
{
	assert(taking->operations < OPERATIONS_MAX && change >= -VALUE_MAX && change <= VALUE_MAX);
	if (change)
		taking->operation[taking->operations++] =
			(struct sembuf){ (uint16_t)index, (short)change,
					 (short)(flags | IPC_NOWAIT) };
}

/* All of them at once, or none, by the process itself. */
static int operate(struct taking *taking)
{
	struct calls *calls = taking->calls;
	uint32_t bytes = taking->operations * (uint32_t)sizeof(taking->operation[0]);

	if (!taking->operations)
		return 0;
	calls_begin(calls, calls->foothold, calls->tracee);
	calls_room(calls, 1, bytes);
	struct remote_ptr at = calls_put(calls, taking->operation, bytes);

	calls_add(calls, "change its semaphores", CALL_OK, SYS_semop,
		  (uint64_t)taking->set->image.id, at.at, taking->operations);
	taking->operations = 0;
	return calls_run(calls);
}

static int shift(struct taking *taking, int sign)
{
	for (uint32_t i = 0; i < taking->count; i++)
		add(taking, i, sign * (MIDDLE - taking->before[i]), 0);
	return operate(taking);
}

static int begin_one(struct taking *taking)
{
	int r = os_sysv_values(taking->set->image.id, taking->before);

	if (r == 0)
		r = shift(taking, 1);
	if (r)
		return r;
	r = os_sysv_values(taking->set->image.id, taking->shifted);
	if (r)
		shift(taking, -1);
	return r;
}

static int note(struct taking *taking)
{
	struct image_undo undo[OPERATIONS_MAX] = { 0 };
	uint32_t count = 0;
	bool is_cut = false;

	for (uint32_t i = 0; i < taking->count; i++) {
		int change = taking->after[i] - taking->shifted[i];

		is_cut = is_cut ||
			 (change && (taking->after[i] == 0 || taking->after[i] == VALUE_MAX));
		add(taking, i, -change, SEM_UNDO);
		if (change)
			undo[count++] =
				(struct image_undo){ taking->vpid, (uint16_t)i, (int16_t)change };
	}
	if (is_cut)
		return -ERANGE;
	return count ? contents_append(&taking->set->contents, undo,
				       count * (uint32_t)sizeof(undo[0]))
		     : 0;
}

/* The list is the process's again, and the values are as they were. */
static int end_one(struct taking *taking)
{
	int r = os_sysv_values(taking->set->image.id, taking->after);
	int noted = r ? r : note(taking);
	int back = r ? r : operate(taking);

	r = shift(taking, -1);
	return back ? back : r ? r : noted;
}

static int give_up(struct calls *calls)
{
	calls_begin(calls, calls->foothold, calls->tracee);
	calls_room(calls, 1, 0);
	calls_add(calls, "give up its list of semaphores", CALL_OK, SYS_unshare, CLONE_SYSVSEM);
	return calls_run(calls);
}

static int take_all(struct taking *taking, uint32_t count)
{
	uint32_t begun = 0;
	int r = 0;

	while (r == 0 && begun < count) {
		r = begin_one(&taking[begun]);
		begun += r == 0;
	}
	if (r) {
		while (begun-- > 0)
			shift(&taking[begun], -1);
		return r;
	}
	int given = give_up(taking->calls);

	for (uint32_t i = 0; i < count; i++) {
		int ended = end_one(&taking[i]);

		r = r ? r : ended;
	}
	return given ? given : r;
}

static int take_there(int space, struct taking *taking, uint32_t count)
{
	int back = count ? os_ipc_space_enter(space) : 0;

	if (!count || back < 0)
		return back;
	int r = take_all(taking, count);

	os_ipc_space_leave(back);
	return r;
}

int sysv_undo_take(struct sysv *sysv, struct calls *calls, int32_t vpid, struct refusal *refusal)
{
	struct taking *taking = calloc((size_t)sysv->count + 1, sizeof(*taking));
	uint32_t count = 0;

	for (uint32_t i = 0; taking && i < sysv->count; i++) {
		struct sysv_object *set = &sysv->object[i];

		if (set->image.kind != OS_SYSV_SEMAPHORES)
			continue;
		assert(set->image.count <= OPERATIONS_MAX); /* sysv_undo_check() saw to it */
		taking[count++] = (struct taking){
			.set = set, .calls = calls, .vpid = vpid, .count = set->image.count
		};
	}
	int r = taking ? take_there(sysv->space, taking, count) : -ENOMEM;

	free(taking);
	if (r == 0)
		return 0;
	return r > 0 ? calls_refuse(calls, r, "the process", refusal)
		     : refusal_set(refusal, EDVSPROCSTS,
				   "the process may hold System V semaphores with undo "
				   "(SEM_UNDO), which cannot be read: %s",
				   strerror(-r));
}

/* ---- target ---- */

bool sysv_undo_ok(const struct image_sysv *set, const void *piece, uint32_t length)
{
	const struct image_undo *undo = piece;

	if (!length || length % sizeof(*undo))
		return false;
	for (uint32_t i = 0; i < length / sizeof(*undo); i++)
		if (undo[i].index >= set->count || !undo[i].adjustment ||
		    undo[i].adjustment < -VALUE_MAX)
			return false;
	return true;
}

/* One of the two is noted. The first one goes up where there is not enough to go down. */
static void add_one(struct calls *calls, const struct sysv_object *set,
		    const struct image_undo *undo, uint16_t value)
{
	int amount = abs(undo->adjustment);
	int first = value >= amount ? -amount : amount;
	const struct sembuf pair[2] = {
		{ undo->index, (short)first,
		  (short)(IPC_NOWAIT | (-first == undo->adjustment ? SEM_UNDO : 0)) },
		{ undo->index, (short)-first,
		  (short)(IPC_NOWAIT | (first == undo->adjustment ? SEM_UNDO : 0)) },
	};

	assert(amount);
	calls_room(calls, 1, sizeof(pair));
	struct remote_ptr at = calls_put(calls, pair, sizeof(pair));

	calls_add(calls, "note how its semaphores are undone (SEM_UNDO)", CALL_OK, SYS_semop,
		  (uint64_t)set->image.id, at.at, 2);
}

void sysv_undo_add(const struct sysv *sysv, struct calls *calls, int32_t vpid)
{
	for (uint32_t i = 0; i < sysv->count; i++) {
		const struct sysv_object *set = &sysv->object[i];
		uint32_t at = 0, length;
		const uint8_t *values, *piece;

		if (set->image.kind != OS_SYSV_SEMAPHORES)
			continue;
		values = contents_next(&set->contents, &at, &length);
		while (values && (piece = contents_next(&set->contents, &at, &length))) {
			for (uint32_t j = 0; j < length; j += sizeof(struct image_undo)) {
				struct image_undo undo;
				uint16_t value;

				memcpy(&undo, piece + j, sizeof(undo));
				memcpy(&value, values + 2ul * undo.index, sizeof(value));
				if (undo.vpid == vpid)
					add_one(calls, set, &undo, value);
			}
		}
	}
}
