/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the verbs of a puppet; see puppet.c. */

#define PUPPET_ARGS   8
#define PUPPET_VALUES 16

struct order {
	long a[PUPPET_ARGS];
};

struct answer {
	long v[PUPPET_VALUES];
	int n;
};

struct verb_row {
	const char *verb;
	void (*do_it)(const struct order *order, struct answer *answer);
};

static inline void say(struct answer *answer, long value)
{
	if (answer->n < PUPPET_VALUES)
		answer->v[answer->n++] = value;
}

void puppet_forge(const struct order *order, struct answer *answer); /* forge.c */

/* Verbs that few tests need (puppet_rare.c); ends with a row without a verb. */
extern const struct verb_row puppet_rare[];
