/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_WAITS_H
#define DVS_CTL_WAITS_H

/*
 * The wait-for graph that the rows of `dvs ps` describe: which endpoint waits for which and how, and which of
 * them wait in a ring. An endpoint waits for one other at most.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/ctl.h"

/* "sends to", "calls", "receives from", "waits for unbind of"; NULL: it waits for nobody. */
const char *waits_how(const proc_usr_t *proc);
/* The endpoint that it waits for: an endpoint, or ANY. Only where waits_how() is not NULL. */
int waits_for(const proc_usr_t *proc);
/*
 * The members of the ring that row `from` is one of, in order, beginning with it; 0 if there is none.
 * members has room for `count`.
 */
size_t waits_ring(const struct ctl_proc_row *rows, size_t count, size_t from, size_t *members);

/* The graph as a table and a sentence for each ring, and as a JSON list; the verb's exit status. */
int waits_print(const struct ctl_proc_row *rows, size_t count);
int waits_print_json(const struct ctl_proc_row *rows, size_t count);

#endif
