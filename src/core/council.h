/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_COUNCIL_H
#define DVS_CORE_COUNCIL_H

/*
 * One order out of a multicast that is delivered in agreed order, with views (Corosync's closed process groups), and
 * what may be told of it (I4). Every member runs the same function on the same messages.
 *
 * A *view* is a ring of machines and the members on them. Where the machines are a quorum the members state how far
 * they have heard (HELLO); once enough have, an *epoch* begins, at the same message for all. From then on commands
 * are numbered as they come. A command that has a number is *heard*. It is *decided*, and the callbacks are told,
 * when so many members have said that they hold it (HELD) as make a majority of all machines: agreed delivery alone
 * is not safe. Any two majorities share a machine, so whichever machines go on, one of them holds what was decided.
 * Where the others are enough to decide a command among themselves its proposer does not say HELD: its word is needed
 * by nobody, unless one of the others is silent. A member that misses words for long asks for them (council_owes()).
 *
 * A multicast costs a round of the token, and a HELD needs no place in the order: it is true wherever it is heard. So
 * it is said *aside* as well, at once, by a way from member to member that may lose it, delay it or repeat it. Out of
 * the order a number alone names no command: a member that is about to be parted from the sender may have counted
 * others, or be in another epoch. So a word aside carries the `chain` of the commands of its epoch up to that number, a
 * checksum, and is believed by a member that has the same one there. Each HELD names the members that its sender does
 * not hear aside. They say HELD in the order as soon as they have heard a command, and all others only when they are
 * asked for it.
 *
 * The *roll* is the set of nodes whose NODE_JOIN has a number; it changes by commands alone. Until it has once been as
 * large as a majority, which is while a cluster starts, all of it has to hold a command. An epoch begins
 *
 *	(a) when as many members as a majority have stated what they know, or
 *	(b) when all members of the view have, and these are a majority, or there has never been one.
 *
 * A member that has been without a quorum of machines, or without its multicast, may find some of the roll before
 * it finds all. It says in its HELLO that it *waits* for the others, counts as one that has stated nothing, and stops
 * waiting when it is told to: so machines that all fell apart come together again, and none is out because it came
 * last.
 *
 * The most knowing member, by (epoch, heard), is in the right. A member with another state is *out*: the others have
 * gone on without it, so its node has left for them. It begins anew without a state, but states what the most knowing
 * one knew (`seen`): it counts as knowing that, and no epoch begins that knows less. A member without a state takes it
 * from another one (group/envoy.h); if there has been none at all then the lowest node begins with an empty one.
 * Commands are lost if all machines that heard them, and that go on, have forgotten them by crashes. So one crash is
 * enough, where the others that heard them are apart from those that go on: core/council.pml is the model of it.
 *
 *	unsettled --view--> settled --HELLOs--> running (an epoch) --view breaks--> unsettled
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/council.h"

#define COUNCIL_TAIL	   4096u /* commands that may be heard and not decided; a power of 2 */
#define COUNCIL_OWN_MAX	   64u	 /* of them, of one node: more are held back by it */
#define COUNCIL_IMAGE_HEAD 584u
#define COUNCIL_IMAGE_MAX  (COUNCIL_IMAGE_HEAD + COUNCIL_TAIL * COMMAND_BYTES)

/* How far a member has heard; of two the later epoch knows more. Epoch 0: nothing. */
struct council_point {
	uint64_t epoch, heard;
};

struct council_calls {
	/* Multicasts it, in this order. */
	void (*send)(void *ctx, const struct council_message *message);
	/* To each of these members by another way: it may be lost, late and repeated. */
	void (*aside)(void *ctx, uint32_t members, const struct council_message *message);
	void (*deliver)(void *ctx, uint64_t order, const uint8_t command[COMMAND_BYTES]);
	void (*quorum)(void *ctx, bool have);
	void (*began)(void *ctx);    /* an epoch: a member without a state asks for it now */
	void (*numbered)(void *ctx); /* the oldest command of council_propose() that was not yet */
	/* The others go on without this member: the last call. */
	void (*out)(void *ctx, struct council_point seen);
};

struct council {
	int self;
	uint64_t life;
	struct council_point seen;
	uint8_t join[COMMAND_BYTES]; /* the own NODE_JOIN */
	struct council_calls call;
	void *ctx;

	uint64_t ring, judged; /* of the view; and whose quorum of machines is known. 0: none */
	bool quorate;	       /* the machines of ring `judged` are a quorum */
	uint32_t majority;     /* of all machines that there should be */
	uint32_t present;      /* members in the view */
	bool settled, running, have_quorum, is_out;
	uint32_t greeted; /* they have said HELLO in this view */
	struct {
		struct council_point point; /* it knows everything up to there */
		bool has_state, grown, waits;
		uint64_t life;
		uint32_t majority;
	} hello[NR_NODES];
	bool apart; /* it was without a quorum of machines since the last epoch, or without the multicast */
	bool waited; /* long enough for others */

	bool has_state;
	bool grown; /* the roll has been a majority of the machines */
	uint64_t epoch, heard, decided;
	/* The point of the members that were there when the epoch began. */
	uint64_t base_epoch, base;
	uint32_t roll, placed;	  /* placed: has the state, and hears the epoch */
	uint64_t lives[NR_NODES]; /* of the roll */
	uint64_t held[NR_NODES];  /* by those placed */
	uint64_t said_held;	  /* by this one */
	uint64_t said_aside;
	uint32_t near; /* members whose words aside come before those in the order */
	uint32_t deaf; /* members that have said that they do not hear this one's */
	bool wanted;   /* a member asks for the word of this one */
	uint32_t
		wait; /* members that wait for the decision of commands that were heard since the last word aside */
	uint64_t asked; /* this one has asked for the words of others, of commands up to that */
	uint64_t chain; /* of the commands that were heard in this epoch */
	struct {
		uint64_t heard,
			chain; /* its last word aside, until it is believed; heard 0: none */
		uint64_t said; /* `heard` of its last HELD in the order */
	} word[NR_NODES];
	uint64_t foreign;    /* the last command that it did not propose itself */
	uint64_t join_epoch; /* in which the own JOIN was sent */
	/* decided+1 .. heard, at their number % COUNCIL_TAIL */
	uint8_t tail[COUNCIL_TAIL][COMMAND_BYTES];
	uint64_t links[COUNCIL_TAIL]; /* the chain up to each of them */
};

/* join: this node's NODE_JOIN, encoded. life: random, not 0. seen: how far a former life of this node had come. */
void council_init(struct council *c, int self, uint64_t life, struct council_point seen,
		  const uint8_t join[COMMAND_BYTES], const struct council_calls *call, void *ctx);

/* The machines of the ring are about to change: nothing is numbered until the next view. */
void council_unsettle(struct council *c);
/* The connection to the multicast is lost: also no quorum. */
void council_cut(struct council *c);
/* A ring of machines; its number grows from each to the next that share a machine. */
void council_view(struct council *c, uint64_t ring, uint32_t present);
/* A member came or went, in the same ring. */
void council_present(struct council *c, uint32_t present);
/* majority: so many of all the machines that there should be. */
void council_quorum(struct council *c, uint64_t ring, bool have, uint32_t majority);

/* Anything but ASK and STATE, in its place in the order. A message of another epoch is dropped. */
void council_hear(struct council *c, const struct council_message *m);
/* A HELD that came aside. Anything else, and one of another epoch, is dropped. */
void council_hear_aside(struct council *c, const struct council_message *m);
/* After a batch of the calls above: says what has to be said about it. */
void council_settle(struct council *c);

/*
 * It has not decided what it has heard, and misses the words of others. A caller that finds this true for long lets it
 * ask them for a HELD in the order, and say its own.
 */
bool council_owes(const struct council *c);
void council_say_held(struct council *c);

/* It runs with the state that the others have. */
bool council_is_placed(const struct council *c);
/* It waits for members of the roll: council_waited() ends that. */
bool council_waits(const struct council *c);
void council_waited(struct council *c);

/* Can commands of this node be sent now? */
bool council_takes(const struct council *c);
/* So many commands, one behind the other, in one message: 1 to COUNCIL_BATCH_MAX. */
void council_propose(struct council *c, const uint8_t *commands, uint32_t count);

/* The state that a joiner is given, beside that of the commands up to `decided`: bytes, at most COUNCIL_IMAGE_MAX. */
size_t council_encode(const struct council *c, uint8_t *buf);
/* A joiner takes it, and goes on from there in the same view. -EBADMSG: it is none; nothing is changed then. */
int council_decode(struct council *c, const uint8_t *buf, size_t len);

/* The member that answers an ASK, or -1. Another one at each attempt, where there are several. */
int council_provider(const struct council *c, int joiner, uint64_t attempt);

#endif
