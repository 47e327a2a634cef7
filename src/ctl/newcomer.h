/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_NEWCOMER_H
#define DVS_CTL_NEWCOMER_H

/*
 * A machine that becomes a node, by `dvs init` or `dvs join`: its name and addresses, and the report about its files.
 */

#include <stdbool.h>

#include "base/refusal.h"
#include "base/roster.h"
#include "os/membership.h"
#include "os/options.h"

struct newcomer {
	const char *name; /* NULL: the machine's */
	struct option_words addresses;
	struct address called; /* of the member that it has called; or ADDRESS_NONE */
	const char *root;      /* "": files are the machine's own */
	bool json;
};

#define NEWCOMER_OPTIONS(newcomer)                                     \
	{ "name", 0, OPTION_WORD, &(newcomer).name },                  \
		{ "address", 0, OPTION_WORDS, &(newcomer).addresses }, \
		{ "root", 0, OPTION_WORD, &(newcomer).root },          \
		{ "json", 0, OPTION_FLAG, &(newcomer).json },          \
	{                                                              \
		NULL, 0, OPTION_FLAG, NULL                             \
	}

/* Its name as a node, and its addresses, as said or as the machine has them. 0 or the refusal's number. */
int newcomer_node(const struct newcomer *newcomer, struct roster_node *node,
		  struct refusal *refusal);

/* The files are written: which, and the commands that come next (up to a NULL). The exit status. */
int newcomer_done(const struct newcomer *newcomer, const struct membership *membership,
		  const char *const *wrote, const char *const *next);

#endif
