/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_NODENAME_H
#define DVS_CTL_NODENAME_H

/* Nodes as people say them: a number, or the name that `dvs nodes` shows, which a daemon is asked for. */

#include <stdbool.h>
#include <stddef.h>

/*
 * The node that is meant. Each whole number is taken as it is: a node that cannot be is refused where that is known.
 * False: `why` says why there is none.
 */
bool nodename_find(const char *text, int *node, char *why, size_t size);

/* "0,alpha,5-7" as a bit map. False as above. */
bool nodename_set(const char *text, unsigned *set, char *why, size_t size);

#endif
