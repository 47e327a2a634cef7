/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_KEPT_H
#define DVS_OS_KEPT_H

/*
 * The things that the next daemon has to know if this one dies (os/keeper.h), and which of them have changed since
 * the state was left last. Each carries a struct os_kept, and the function that changes it says so with
 * os_kept_note(). So a change costs what it changes, however many things there are. All of it with the lock of the
 * daemon.
 *
 *	begin --> note, note, ... --> end          the daemon leaves its state: reads what was noted, settles
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Part of a thing; zeroed before it begins. A thing that has not begun may be noted and ended, and is none. */
struct os_kept {
	struct os_kept *next, **link; /* of those that have changed; link NULL: it has not */
	uint64_t number;	      /* among those of its kind; the younger a thing the higher */
	uint32_t kind;		      /* the owner's word for the thing that it is a part of */
};

/* The thing that it is a part of, as `in_state`. */
#define OS_KEPT_OWNER(thing, type) ((type *)((uintptr_t)(thing)-offsetof(type, in_state)))

/* From now on changes are told, or not any more: where no state is left nothing is listed. */
void os_kept_watch(bool watch);

/* It is there, and nobody was told of it. */
void os_kept_begin(struct os_kept *thing, uint32_t kind);
/* The same with the number that it had in an earlier daemon; those that begin later are above it. */
void os_kept_adopt(struct os_kept *thing, uint32_t kind, uint64_t number);
void os_kept_note(struct os_kept *thing);
/* It is about to be freed, or a descriptor in it is closed for good. */
void os_kept_end(struct os_kept *thing);
/* Something has changed that carries no struct os_kept and is compared as a whole. */
void os_kept_note_other(void);

/* Whether there is something to leave. */
bool os_kept_has_changed(void);
/* Those that have changed and have not ended, by `next`, in no order; or NULL. */
struct os_kept *os_kept_changed(void);

/* More that end between two states are not told one by one. */
#define OS_KEPT_ENDS_MAX 1024u

struct os_kept_end {
	uint64_t number;
	uint32_t kind;
};

/* Those that have ended. False: there were too many, and the whole state is to be left anew. */
bool os_kept_ended(const struct os_kept_end **ends, unsigned *count);
/* All of it has been left. */
void os_kept_settle(void);

#endif
