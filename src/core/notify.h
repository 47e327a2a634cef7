/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_NOTIFY_H
#define DVS_CORE_NOTIFY_H

/*
 * A notify word carries the notifications of one endpoint to one other. It is no line: nobody waits for
 * it, and what is not taken yet merges.
 *
 *	posted   counted up by the sender after it has stored nr and bits
 *	taken    set by the receiver to the count it has seen
 *
 * One is pending while posted is ahead. Both counts only grow, so replicas merge by taking the greater
 * of each; arriving twice changes nothing. Update bits accumulate while one is pending. A bit may be
 * seen once more by a taker that raced with the sender, but never once less (invariant I1 as far as
 * it holds for notifications: none is lost that was not followed by another).
 *
 * Memory order: nr and bits before posted (release), posted (acquire) before nr and bits; taken is stored
 * after they were read. All functions are wait-free, but for the raising of a count, which is repeated
 * only when somebody else has raised it.
 */

#include <stdbool.h>

#include "wire/shm.h"

/* Sender: value 0..63 adds that update bit, any other none. */
void notify_post(struct notify_word *word, int nr, int value);
/* Anybody: is one pending? */
bool notify_pending(const struct notify_word *word);
/*
 * Receiver: takes what is pending; nr and bits of *taken say what. False: nothing. waited: it was seen
 * that none was pending, and the receiver has waited since; then the first that came is taken alone, and
 * those after it stay pending.
 */
bool notify_take(struct notify_word *word, bool waited, struct notify_image *taken);

/* Daemon: a copy to be told or carried away. */
void notify_snapshot(const struct notify_word *word, struct notify_image *image);
/* Daemon: joins a replica from another node. True if there is a new notification to be taken. */
bool notify_merge(struct notify_word *word, const struct notify_image *image);

#endif
