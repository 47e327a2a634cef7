/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_SEQUENCER_H
#define DVS_GROUP_SEQUENCER_H

/*
 * The server of the local engine: gives every command its number and sends it to all members. It
 * keeps no state of the group; a joiner gets that from a member. Runs on one thread, on a loop
 * without a lock.
 *
 * A member whose connection ends, that says what it may not say, or that lets SEQUENCER_OUT_MAX bytes
 * wait is out, and its NODE_LEAVE is ordered at once.
 */

#include <stdint.h>

#include "wire/group.h"

#define SEQUENCER_OUT_MAX	   (GROUP_STATE_MAX + (4u << 20))
#define SEQUENCER_STATE_TIMEOUT_MS 2000 /* then another member is asked for the state */
#define SEQUENCER_HELLO_TIMEOUT_MS 2000 /* then a connection that said nothing is closed */

struct os_loop;
struct sequencer;

/* Listens on a path (or '@' and an abstract name). 0 or negative errno as os_unix_listen(). */
int sequencer_new(struct sequencer **seqp, struct os_loop *loop, const char *path);
struct sequencer *sequencer_free(struct sequencer *seq); /* drops everyone; returns NULL */

#endif
