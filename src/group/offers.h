/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_OFFERS_H
#define DVS_GROUP_OFFERS_H

/*
 * The debts of a member to joiners: to each that has asked, the council as of the place of its ASK in the order, and
 * the state of the daemon, which comes later. Both are one package, and are sent part by part.
 *
 *	add --> ask: the daemon is asked --> fill: the state is there --> next, sent: its parts
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/council.h"
#include "wire/group.h"

#define OFFERS_HEAD 16u /* of a package: length of the council's part 8, order of the state 8 */
#define OFFERS_MAX  (OFFERS_HEAD + COUNCIL_IMAGE_MAX + GROUP_STATE_MAX)
#define OFFERS_ALL  UINT32_MAX

struct offer;

struct offers {
	struct offer *first; /* the oldest */
	uint64_t last_token;
};

/* To these joiners: a bit for each. One that asks once more has given up what it asked before. */
void offers_drop(struct offers *offers, uint32_t joiners);
/* Without memory there is none, and the joiner asks another member. */
void offers_add(struct offers *offers, const struct council *c, const struct council_message *ask);
/* The next that the daemon has not been asked for: its token is to be given to the daemon. */
bool offers_ask(struct offers *offers, uint64_t *token);
/* The daemon's answer, while the ring is this one. False: nobody waits for it. */
bool offers_fill(struct offers *offers, uint64_t ring, uint64_t token, uint64_t order,
		 const uint8_t *state, size_t len);
/* The next part of the oldest that is filled, said by node self; valid until offers_sent(). False: there is none. */
bool offers_next(const struct offers *offers, int self, struct council_message *part);
void offers_sent(struct offers *offers, const struct council_message *part);

#endif
