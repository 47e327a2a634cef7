/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_GROUP_H
#define DVS_WIRE_GROUP_H

/*
 * The protocol between a member and the sequencer of the `local` group engine, or the deputy that it has in the
 * `corosync` one, over a stream socket.
 * Little-endian. Every frame is a header and a payload:
 *
 *	 0   2      4              8
 *	+---+------+--------------+-----------
 *	| version  | payload bytes| payload ...
 *	|   | kind |              |
 *	+---+------+--------------+-----------
 *
 *	HELLO    member -> sequencer   node 4, 0 4, secret 8, address 16, name 16, speaker 16
 *	WELCOME  sequencer -> member   result 4 (0 or negative errno; then the connection ends), protocol 4
 *	COMMAND  member -> sequencer   command 256
 *	DELIVER  sequencer -> member   order 8, command 256
 *	ASK      sequencer -> member   token 8: your state as of the last DELIVER before this
 *	STATE    member -> sequencer   token 8, order 8, state
 *	RESTORE  sequencer -> member   order 8, state
 *	QUORUM   deputy -> member      have 8: 1, or 0: nothing is decided until it is there again
 *	OUT      deputy -> member      0 8: the others go on without this member
 *	PING     member -> deputy      0 8: say QUORUM, after Corosync has answered you
 *	RESUME   member -> sequencer   node 4, 0 4, order 8: in place of HELLO, by the daemon that follows one that died
 *
 *	ASIDE    deputy -> member      nodes 8, word 64: for the deputies of these nodes (a bit each)
 *	         member -> deputy      node 8, word 64: of the deputy of this one (its bit)
 *
 * A RESUME is answered by a WELCOME, the DELIVERs behind that order, and a QUORUM: from there on it is as with any
 * member.
 */

#include <stddef.h>
#include <stdint.h>

#include "wire/command.h"
#include "wire/protocol.h"

#define GROUP_VERSION	    7
#define GROUP_HEADER_BYTES  8u
#define GROUP_STATE_MAX	    (4u << 20)
#define GROUP_NAME_BYTES    16u
#define GROUP_HELLO_BYTES   (16u + ADDRESS_BYTES + GROUP_NAME_BYTES + PROTOCOL_BYTES)
#define GROUP_WELCOME_BYTES 8u
#define GROUP_RESUME_BYTES  16u
#define GROUP_DELIVER_BYTES (8u + COMMAND_BYTES)
#define GROUP_ASK_BYTES	    8u
#define GROUP_QUORUM_BYTES  8u
#define GROUP_STATE_HEAD    16u
#define GROUP_RESTORE_HEAD  8u
#define GROUP_WORD_BYTES    64u
#define GROUP_ASIDE_BYTES   (8u + GROUP_WORD_BYTES)

enum group_kind {
	GROUP_HELLO = 1,
	GROUP_WELCOME = 2,
	GROUP_COMMAND = 3,
	GROUP_DELIVER = 4,
	GROUP_ASK = 5,
	GROUP_STATE = 6,
	GROUP_RESTORE = 7,
	GROUP_QUORUM = 8,
	GROUP_OUT = 9,
	GROUP_PING = 10,
	GROUP_RESUME = 11,
	GROUP_ASIDE = 12,
	GROUP_KIND_LAST = 12,
};

struct group_header {
	uint16_t kind;	/* enum group_kind */
	uint32_t bytes; /* of the payload */
};

struct group_hello {
	int32_t node;
	struct address address;
	uint64_t secret; /* of its NODE_JOIN, by which the member knows that one; not 0 */
	char name[GROUP_NAME_BYTES]; /* terminated */
	struct protocol_speaker speaker;
};

/* result -EPROTO: the group speaks that protocol, and the member does not. */
struct group_welcome {
	int32_t result;
	uint16_t protocol; /* of the group */
};

void group_header_encode(uint8_t buf[GROUP_HEADER_BYTES], enum group_kind kind, uint32_t bytes);
/* Checks version, kind, and that the kind can have that length. 0; -EPROTO: of another version; -EBADMSG. */
int group_header_decode(struct group_header *header, const uint8_t buf[GROUP_HEADER_BYTES]);

void group_hello_encode(uint8_t buf[GROUP_HELLO_BYTES], const struct group_hello *hello);
/* 0 or -EBADMSG: the node is no node number, there is no secret, or the name does not end. */
int group_hello_decode(struct group_hello *hello, const uint8_t buf[GROUP_HELLO_BYTES]);
/* The NODE_JOIN of the one that says it. */
struct command group_hello_join(const struct group_hello *hello);

void group_welcome_encode(uint8_t buf[GROUP_WELCOME_BYTES], const struct group_welcome *welcome);
/* The result is 0 or a negative number; 0 or -EBADMSG. */
int group_welcome_decode(struct group_welcome *welcome, const uint8_t buf[GROUP_WELCOME_BYTES]);

void group_resume_encode(uint8_t buf[GROUP_RESUME_BYTES], int32_t node, uint64_t order);
/* 0 or -EBADMSG: the node is no node number, or nobody can have come to that order as a member. */
int group_resume_decode(int32_t *node, uint64_t *order, const uint8_t buf[GROUP_RESUME_BYTES]);

/* Orders and tokens. */
void group_number_encode(uint8_t buf[8], uint64_t number);
uint64_t group_number_decode(const uint8_t buf[8]);

#endif
