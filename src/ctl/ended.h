/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_ENDED_H
#define DVS_CTL_ENDED_H

/* `dvs ps --all`: processes that run, and those that have ended, in one table or document. */

#include <stdbool.h>
#include <stddef.h>

#include "base/refusal.h"
#include "wire/ctl.h"

/*
 * The records that are kept of dcid (-1: of all), the longest ago first; to be freed by the caller. 0 or an
 * error.
 */
int ended_ask(int node, int dcid, struct ctl_ended_row **rows, size_t *count,
	      struct refusal *refusal);

/* Has the life of this row ended? A process may end between the two questions. */
bool ended_has(const struct ctl_ended_row *ended, size_t count, const struct ctl_proc_row *row);

/* "exited with 3", "killed by SIGTERM (dvs stop)", "ended with its container on that node". */
const char *ended_text(const struct ctl_ended_row *row, char *buf, size_t size);

/* These return the verb's exit status. */
int ended_print(const struct ctl_proc_row *rows, size_t row_count,
		const struct ctl_ended_row *ended, size_t count);
int ended_print_json(const struct ctl_proc_row *rows, size_t row_count,
		     const struct ctl_ended_row *ended, size_t count);

#endif
