/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_OTHERS_H
#define DVS_MIGRATE_OTHERS_H

#include "migrate/inventories.h"

/* Tables that all threads of a process share: kcmp(2). Processes that move may share some with their parents. */
#define OTHERS_TABLES 4
struct others_table {
	int kind; /* KCMP_VM ... */
	const char *what;
	enum image_shares share;
};
extern const struct others_table others_tables[OTHERS_TABLES];

/* 0, or the refusal of a process that has the table in common with another one. */
int others_check_table(const struct inventory *inventory, pid_t other,
		       const struct others_table *table, struct refusal *refusal);

/*
 * The other processes of the container, its init among them: they stay when the process moves. The
 * process is refused if it shares with one of them a table, memory, or an open file with one position for both.
 */
int others_check(const struct inventories *all, struct refusal *refusal);

/*
 * The same after the freeze; costs next to nothing if no process has come to the init meanwhile, nor (others
 * of the first inventory is 0 then) to those that move.
 */
int others_check_again(const struct inventories *all, struct refusal *refusal);

#endif
