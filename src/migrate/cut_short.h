/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_CUT_SHORT_H
#define DVS_MIGRATE_CUT_SHORT_H

#include "migrate/inventory.h"
#include "migrate/tracee.h"

/*
 * A transfer that the stop cut short: the kernel returns what it has moved so far, as it would for a
 * signal, and the program would see a short count that it never has to expect. The rest is moved
 * before anything else is done with the thread, which then sees the whole. Borrowed; `at` is a
 * system call instruction, inventory what was read of the process before it was stopped. A pipe that nobody
 * reads for a second leaves the short count. 0, or an enum tracee_result.
 */
int cut_short_finish(struct tracee *tracee, struct remote_ptr at,
		     const struct inventory *inventory);

/*
 * The same of a receive that waits for all (MSG_WAITALL), when the sends of all processes that move are finished: it
 * takes the bytes that have come. Those that nobody has begun to send leave the short count.
 */
int cut_short_receive(struct tracee *tracee, struct remote_ptr at);

#endif
