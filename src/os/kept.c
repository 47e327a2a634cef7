/* SPDX-License-Identifier: Apache-2.0 */
#include "os/kept.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>

#include "os/lock.h"

static struct {
	bool is_watched, has_changed;
	_Atomic uint64_t
		newest; /* number; atomic for programs with several exchanges, which are tests */
	struct os_kept *changed;
	unsigned end_count; /* above the limit: not all are in the list */
	struct os_kept_end ends[OS_KEPT_ENDS_MAX];
} self;

void os_kept_watch(bool watch)
{
	os_kept_settle();
	self.is_watched = watch;
}

void os_kept_begin(struct os_kept *thing, uint32_t kind)
{
	os_kept_adopt(thing, kind, atomic_fetch_add(&self.newest, 1) + 1);
}

void os_kept_adopt(struct os_kept *thing, uint32_t kind, uint64_t number)
{
	assert(!thing->number && !thing->link);
	assert(kind);
	thing->kind = kind;
	thing->number = number;
	if (number > atomic_load(&self.newest))
		atomic_store(&self.newest, number);
	os_kept_note(thing);
}

void os_kept_note(struct os_kept *thing)
{
	os_kept_note_other();
	if (!self.is_watched || !thing->number || thing->link)
		return;
	thing->next = self.changed;
	thing->link = &self.changed;
	if (thing->next)
		thing->next->link = &thing->next;
	self.changed = thing;
}

static void unlink_changed(struct os_kept *thing)
{
	if (!thing->link)
		return;
	assert(*thing->link == thing);
	*thing->link = thing->next;
	if (thing->next)
		thing->next->link = thing->link;
	thing->link = NULL;
}

void os_kept_end(struct os_kept *thing)
{
	os_kept_note_other();
	if (!thing->number)
		return;
	unlink_changed(thing);
	if (self.is_watched && self.end_count < OS_KEPT_ENDS_MAX)
		self.ends[self.end_count] = (struct os_kept_end){ thing->number, thing->kind };
	if (self.is_watched && self.end_count <= OS_KEPT_ENDS_MAX)
		self.end_count++;
	thing->number = 0;
}

void os_kept_note_other(void)
{
	if (!self.is_watched)
		return;
	assert(os_lock_protects());
	self.has_changed = true;
}

bool os_kept_has_changed(void)
{
	return self.has_changed;
}

struct os_kept *os_kept_changed(void)
{
	assert(os_lock_protects());
	return self.changed;
}

bool os_kept_ended(const struct os_kept_end **ends, unsigned *count)
{
	assert(os_lock_protects());
	if (self.end_count > OS_KEPT_ENDS_MAX)
		return false;
	*ends = self.ends;
	*count = self.end_count;
	return true;
}

void os_kept_settle(void)
{
	assert(os_lock_protects());
	while (self.changed)
		unlink_changed(self.changed);
	self.end_count = 0;
	self.has_changed = false;
}
