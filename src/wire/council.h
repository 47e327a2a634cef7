/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_COUNCIL_H
#define DVS_WIRE_COUNCIL_H

/*
 * Messages of the members of a group to each other where no sequencer stands above them (core/council.h). All of
 * it goes through one total order. Little-endian; every message is a head and a payload:
 *
 *	0 version 2, kind 2      4 node 4 (the sender)
 *	8 ring 8     the view that it belongs to (HELLO), or the epoch (all others)
 *	16 epoch 8   HELLO: the last one that the sender knows; 0: none
 *	24 heard 8   commands that the sender has heard; STATE: bytes of the whole state
 *	32 life 8    HELLO, JOIN: random number of this life of the sender
 *	40 token 8   ASK, STATE: of the question; HELLO: COUNCIL_HAS_STATE, COUNCIL_HAS_GROWN, COUNCIL_WAITS;
 *	             HELD: aside, the chain up to `heard`
 *	48 set 4     HELLO: machines that are a majority; HELD, COMMAND: members that the sender does not hear aside
 *	52 to 4      HELLO: the members that the sender sees; STATE: the joiner; HELD: members whose HELD is missed
 *	56 offset 8  STATE: of this part; HELLO: the protocols that the sender speaks, least | most << 16
 *
 *	HELLO    -                 how far my state goes
 *	COMMAND  commands 256 each shall be numbered, in this order: 1 to COUNCIL_BATCH_MAX
 *	JOIN     command 256       I have the state; its NODE_JOIN shall be numbered
 *	HELD     -                 I hold all that was numbered up to `heard`; also said aside, out of the order
 *	ASK      -                 your state as of here
 *	STATE    part of a state
 */

#include <stddef.h>
#include <stdint.h>

#include "wire/command.h"

#define COUNCIL_VERSION	    4
#define COUNCIL_HEAD	    64u
#define COUNCIL_HAS_STATE   1u	   /* the sender has a state */
#define COUNCIL_HAS_GROWN   2u	   /* and in it a majority was there once */
#define COUNCIL_WAITS	    4u	   /* the sender waits for members that it does not see yet */
#define COUNCIL_PART_MAX    32768u /* bytes of a state in one message */
#define COUNCIL_BATCH_MAX   32u	   /* commands in one message */
#define COUNCIL_MESSAGE_MAX (COUNCIL_HEAD + COUNCIL_PART_MAX)

enum council_kind {
	COUNCIL_HELLO = 1,
	COUNCIL_COMMAND = 2,
	COUNCIL_JOIN = 3,
	COUNCIL_HELD = 4,
	COUNCIL_ASK = 5,
	COUNCIL_STATE = 6,
	COUNCIL_KIND_LAST = 6,
};

struct council_message {
	uint16_t kind; /* enum council_kind */
	int32_t node;
	uint64_t ring, epoch, heard, life, token, offset;
	uint32_t set, to;
	const uint8_t *payload; /* not owned */
	uint32_t bytes;		/* of the payload */
};

void council_message_encode(uint8_t buf[COUNCIL_HEAD], const struct council_message *m);
/*
 * Checks version, kind, node, and that the kind can have that length, which is whole commands for COMMAND and JOIN.
 * payload points into buf. 0;
 * -EPROTO: of another version; -EBADMSG.
 */
int council_message_decode(struct council_message *m, const uint8_t *buf, size_t len);

#endif
