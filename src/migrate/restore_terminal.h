/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_RESTORE_TERMINAL_H
#define DVS_MIGRATE_RESTORE_TERMINAL_H

#include "migrate/restore.h"
#include "migrate/terminals.h"

/*
 * The pseudo-terminals that a tree is given, each made when it is needed first: a process inherits its controlling
 * terminal when it is made, before it has descriptors. All return 0 or a refusal if nothing else is said.
 */
struct restore_terminal {
	uint32_t number;
	int master, slave; /* owned; slave -1: nobody needs it so far */
};

struct restore_terminals {
	struct restore_terminal *terminal; /* owned */
	uint32_t count;
};

/* Their descriptors are at their numbers, or the tree does not arrive. */
void restore_terminals_close(struct restore_terminals *terminals);

/* The terminal of this master's description, made if it is not there. */
int restore_terminal(struct restore *restore, const struct terminal_master *master,
		     struct restore_terminal **terminal, struct refusal *refusal);
/* Its slave, which stays its own. Result: a descriptor, or a refusal. */
int restore_terminal_slave(struct restore_terminal *terminal, struct refusal *refusal);

/* In the shell of the leader of a session that has none. */
int restore_terminal_take(struct restore *leader, const struct terminal_master *master,
			  struct refusal *refusal);
/* The leader's terminal gets this foreground group, which is of its session. */
int restore_terminal_foreground(struct restore *leader, const struct terminal_master *master,
				struct refusal *refusal);
/* A new descriptor of the caller's for /dev/tty, opened by the leader. */
int restore_terminal_tty(struct restore *leader, uint32_t flags, struct refusal *refusal);

#endif
