/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_KEEP_H
#define DVS_CORE_KEEP_H

/*
 * The rule of a keeper (os/keeper.h): whether another daemon follows one that has ended. A daemon that ends by itself
 * meant to, and its node ends with it. One that was killed, or crashed, is followed by another if it has left the state
 * that this one needs, unless daemons die so often that the next one would die as well.
 */

#include <stdbool.h>
#include <stdint.h>

#define KEEP_DEATHS_MAX 5 /* within KEEP_WINDOW_NS: the last of them ends the node */
#define KEEP_WINDOW_NS	(INT64_C(60) * 1000000000)

/*
 * A daemon that is stopped cannot hear that the group goes on without its node, and what runs there runs on. So after
 * this time its keeper kills it, and the next daemon honours what the group decided. Links to other nodes are down by
 * then, and a daemon that is continued sooner goes on as if nothing had been.
 */
#define KEEP_STOPPED_S 10u

struct keep {
	int64_t death_ns[KEEP_DEATHS_MAX]; /* the last ones, in a ring */
	uint32_t deaths;
};

struct keep_end {
	bool was_killed; /* by a signal; else it has ended by itself */
	bool left_state;
	bool is_stopping; /* the keeper was told to end the node */
};

/* True: another daemon follows. */
bool keep_another(struct keep *keep, const struct keep_end *end, int64_t now_ns);

#endif
