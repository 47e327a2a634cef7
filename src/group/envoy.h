/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_ENVOY_H
#define DVS_GROUP_ENVOY_H

/*
 * A member of a council (core/council.h) with all that this leaves to others: memory, the commands that wait to
 * be numbered, and a joiner's state. It knows neither the multicast nor the member's daemon.
 *
 * A joiner multicasts ASK. One member, which all know to be the one, gives the daemon's state and what the council
 * agreed on at the place of the ASK in the order. The joiner keeps what it hears after its ASK, and hears it once
 * more when it has the state.
 *
 * While the multicast has no room, a member keeps its commands, what it has to say of those of others, and the states
 * that it gives: at most one for each joiner. So a slow multicast holds up the proposers (envoy_has_room()), and the
 * messages that wait for it have a bound.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/council.h"
#include "wire/protocol.h"

struct envoy;

struct envoy_calls {
	void (*multicast)(void *ctx, const uint8_t *head, const uint8_t *payload, size_t bytes);
	/* To the envoy of each of these members by any other way, or not at all: COUNCIL_HEAD bytes. */
	void (*aside)(void *ctx, uint32_t members, const uint8_t *head);
	/* Few messages wait to be multicast. When it is true again envoy_settle() is called. */
	bool (*can_send)(void *ctx);
	void (*restore)(void *ctx, uint64_t order, const uint8_t *state, size_t len);
	void (*deliver)(void *ctx, uint64_t order, const uint8_t command[COMMAND_BYTES]);
	/* The daemon's state as of the last deliver, or later: envoy_state(). */
	void (*ask)(void *ctx, uint64_t token);
	void (*quorum)(void *ctx, bool have);
	/* The others have gone on without this member; seen: for its next life. */
	void (*out)(void *ctx, struct council_point seen);
	/* A member speaks another protocol (speaker NULL: which, is not to be understood), and is not heard. */
	void (*foreign)(void *ctx, int node, const struct protocol_speaker *speaker);
};

/* join: the own NODE_JOIN; life, seen: as in core/council.h. 0 or -ENOMEM. */
int envoy_new(struct envoy **envoyp, int self, uint64_t life, struct council_point seen,
	      const struct command *join, const struct envoy_calls *call, void *ctx);
struct envoy *envoy_free(struct envoy *envoy); /* returns NULL */

/* The reports of the multicast, as in core/council.h. */
void envoy_unsettle(struct envoy *envoy);
void envoy_cut(struct envoy *envoy);
void envoy_view(struct envoy *envoy, uint64_t ring, uint32_t present);
void envoy_present(struct envoy *envoy, uint32_t present);
void envoy_quorum(struct envoy *envoy, uint64_t ring, bool have, uint32_t majority);
/* A message in its place. One that is none, or that speaks for another node, is dropped. */
void envoy_hear(struct envoy *envoy, int from, const uint8_t *bytes, size_t len);
/* A word that came by that other way, which knows the member that said it. */
void envoy_hear_aside(struct envoy *envoy, int from, const uint8_t *bytes, size_t len);
/* After a batch of these, and again when the time is over that it returns (ns from now; -1: never). */
int64_t envoy_settle(struct envoy *envoy, int64_t now_ns);

/* It has what the others have, and takes part in the present view. */
bool envoy_is_placed(const struct envoy *envoy);

/*
 * A command of this node. It is decided once; but if the quorum is lost before it has a number then it may be given up,
 * unless core/proposal.h says that it stays. False: so many wait that this one has to wait outside.
 */
bool envoy_has_room(const struct envoy *envoy);
void envoy_propose(struct envoy *envoy, const uint8_t command[COMMAND_BYTES]);
/* The daemon's answer. */
void envoy_state(struct envoy *envoy, uint64_t token, uint64_t order, const uint8_t *state,
		 size_t len);

#endif
