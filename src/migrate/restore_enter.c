/* SPDX-License-Identifier: Apache-2.0 */
/* A shell becomes nothing but a foothold and the kernel's own mappings, which are where the process had them. */
#include "migrate/restore.h"

#include <assert.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kernel.h"

#define CLOSE_ALL 0xffffffffull

/* Moves the kernel's mappings next to the foothold, then to where the process had them. */
static void add_special_moves(struct restore *restore, const struct maps *wanted)
{
	uint64_t park = restore->foothold.base.at + FOOTHOLD_BYTES;

	for (uint32_t i = 0; i < restore->own.special_count; i++) {
		const struct image_special *own = &restore->own.special[i];

		calls_expect(&restore->calls, "move the vdso", (int64_t)park, SYS_mremap,
			     own->start, own->length, own->length, MREMAP_MAYMOVE | MREMAP_FIXED,
			     park);
		park += own->length;
	}
	park = restore->foothold.base.at + FOOTHOLD_BYTES;
	for (uint32_t i = 0; i < restore->own.special_count; i++) {
		const struct image_special *own = &restore->own.special[i];
		const struct image_special *there = maps_special(wanted, own->name);

		assert(there && there->length == own->length); /* offer_compare() saw to it */
		calls_expect(&restore->calls, "move the vdso", (int64_t)there->start, SYS_mremap,
			     park, own->length, own->length, MREMAP_MAYMOVE | MREMAP_FIXED,
			     there->start);
		park += own->length;
	}
}

/* After the moves: the same special mappings, at their new places, and nothing else. */
static void note_moves(struct restore *restore, const struct maps *wanted)
{
	const struct image_special *old = maps_special(&restore->own, "vdso");
	const struct image_special *new = maps_special(wanted, "vdso");

	assert(old && new);
	restore->foothold.vdso_syscall.at += new->start - old->start;
	memcpy(restore->own.special, wanted->special, sizeof(restore->own.special));
	restore->own.count = 0;
}

static int open_foothold(struct restore *restore, const struct maps *wanted,
			 struct refusal *refusal)
{
	const struct image_special *vdso = maps_special(&restore->own, "vdso");
	struct tracee *leader = &restore->threads.tracee[0];
	uint64_t gap = maps_find_gap(&restore->own, wanted, FOOTHOLD_BYTES);

	if (!vdso || !gap)
		return refusal_set(refusal, EDVSPROCSTS, "the target has %s",
				   vdso ? "no room in the address space" : "no vdso");
	int r = foothold_find_syscall(restore->pid, vdso->start, vdso->length,
				      &restore->foothold.vdso_syscall);

	if (r == 0)
		r = foothold_open(&restore->foothold, leader, gap);
	if (r)
		return refusal_set(refusal, EDVSPROCSTS, "the process shell %s",
				   tracee_result_text(r));
	return 0;
}

static bool has_specials_where(const struct maps *own, const struct maps *wanted)
{
	bool same = own->special_count == wanted->special_count;

	for (uint32_t i = 0; same && i < own->special_count; i++) {
		const struct image_special *there = maps_special(wanted, own->special[i].name);

		same = there && there->start == own->special[i].start;
	}
	return same;
}

int restore_enter_copy(struct restore *restore, const struct maps *wanted, struct refusal *refusal)
{
	uint64_t ours = restore->foothold.base.at;
	const struct image_map copied = { .start = ours, .end = ours + FOOTHOLD_BYTES };

	assert(ours && !restore->own.count);
	if (maps_is_free(wanted, ours, FOOTHOLD_BYTES)) {
		if (has_specials_where(&restore->own, wanted))
			return 0;
		calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
		add_special_moves(restore, wanted);
		int r = restore_run(restore, refusal);

		if (r == 0)
			note_moves(restore, wanted);
		return r;
	}
	restore->foothold = (struct foothold){ 0 };
	if (maps_append(&restore->own, &copied) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	return restore_enter(restore, wanted, refusal);
}

int restore_enter(struct restore *restore, const struct maps *wanted, struct refusal *refusal)
{
	int r = open_foothold(restore, wanted, refusal);

	if (r)
		return r;
	calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
	calls_add(&restore->calls, "close descriptors", CALL_OK, SYS_close_range, 0,
		  RESTORE_SHELL_FD - 1, 0);
	calls_add(&restore->calls, "close descriptors", CALL_OK, SYS_close_range,
		  RESTORE_SHELL_FD + 1, CLOSE_ALL, 0);
	for (uint32_t i = 0; i < restore->own.count; i++) {
		const struct image_map *map = &restore->own.map[i];

		if (map->kind != IMAGE_MAP_SPECIAL)
			calls_add(&restore->calls, "unmap its program", CALL_OK, SYS_munmap,
				  map->start, map->end - map->start);
	}
	add_special_moves(restore, wanted);
	r = restore_run(restore, refusal);
	if (r == 0)
		note_moves(restore, wanted);
	return r;
}
