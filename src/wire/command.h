/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_COMMAND_H
#define DVS_WIRE_COMMAND_H

/*
 * One ordered command of the replicated directory, as the group engines carry it: fixed size,
 * little-endian, unused fields zero. `origin` and `request` let the proposer recognise its own.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "wire/shm.h"

#define COMMAND_VERSION	    6
#define COMMAND_BYTES	    256u
#define COMMAND_FELLOWS_MAX 32 /* endpoints that move along with another one */

enum command_kind {
	COMMAND_NONE = 0,
	/* node, address, secret of this life of it; made by the engine, but for the secret */
	COMMAND_NODE_JOIN = 1,
	COMMAND_NODE_LEAVE = 2, /* node, value = incarnation (0 any); made by the engine */
	COMMAND_DC_CREATE =
		3, /* dcid, nodes, name, geometry, warn, uid, gid, mode; nodes 0 = all up */
	COMMAND_DC_REMOVE = 4,
	COMMAND_ADD_NODE = 5,
	COMMAND_DEL_NODE = 6,
	COMMAND_BIND = 7,   /* dcid, p_nr, node, lpid, vpid, misc, bind_kind, name */
	COMMAND_UNBIND = 8, /* dcid, p_nr, generation (or ANY), flags */
	/* dcid, p_nr, generation (or ANY), target (-1 unknown), flags, fellows */
	COMMAND_MOVE_START = 9,
	COMMAND_MOVE_COMMIT = 10,   /* dcid, p_nr, generation, target, move, lpid (by hand) */
	COMMAND_MOVE_ROLLBACK = 11, /* dcid, p_nr, generation, move */
	COMMAND_SYNC = 12, /* changes nothing: a node that applies it has applied all before it */
	COMMAND_DC_ADDRESS =
		13, /* dcid, address, value = length of its network: one more of the DC */
	COMMAND_LAST = 13,
};

#define COMMAND_GENERATION_ANY UINT32_MAX
#define COMMAND_FLAG_BY_HAND   1u
#define COMMAND_FLAG_ATTACH    2u  /* MOVE_COMMIT: lpid on target takes the endpoint over */
#define COMMAND_FLAG_EXACT     8u  /* DC_CREATE: nr_tasks 0 is none and not the default */
#define COMMAND_FLAG_SERVE     16u /* DC_CREATE: every endpoint has the rights of a system process */
/* DC_CREATE: one that runs with the same numbers is no error. UNBIND: of an endpoint named in advance (RMT_BIND) */
#define COMMAND_FLAG_STATED    32u
#define COMMAND_FLAG_DIED      4u /* UNBIND: the process on `origin` ended; void if not the owner */

struct command {
	uint16_t version;
	uint16_t kind;	  /* enum command_kind */
	int32_t origin;	  /* proposing node */
	uint64_t request; /* proposer's number, echoed with the result */
	int32_t dcid;
	int32_t p_nr;
	int32_t node;
	int32_t target;
	uint32_t generation;
	uint32_t move;
	uint32_t flags;
	int32_t bind_kind;
	int32_t lpid;
	int32_t vpid;
	int32_t misc;
	uint32_t nodes;
	uint32_t value;
	uint32_t uid; /* DC_CREATE: of its owner */
	union {
		struct {
			/* DC_CREATE; 0 = defaults 221 35 64 32 */
			int16_t nr_procs, nr_tasks, nr_sysprocs, nr_nodes;
			int32_t warn2proc, warnmsg;
		};
		struct address address; /* NODE_JOIN: where its links come from; DC_ADDRESS */
	};
	char name[16];
	uint64_t secret; /* NODE_JOIN: random; a node shows it to the others (wire/frame.h) */
	/*
	 * The user that the proposal is for, by the group that counts (base/right.h); 0: a daemon
	 * by itself.
	 */
	uint32_t by_uid, by_gid;
	uint32_t gid;  /* DC_CREATE: of the DC */
	uint16_t mode; /* DC_CREATE */
	/* MOVE_START: so many endpoints of the DC move along, each named with its life (_ENDPOINT); the rest is 0. */
	uint16_t fellows;
	int32_t fellow[COMMAND_FELLOWS_MAX];
};

_Static_assert(sizeof(struct command) == COMMAND_BYTES, "a command has one size");

/*
 * Checks version, kind, list and termination of bytes that arrived; on refusal *cmd is untouched.
 * Numbers out of range pass: directory_check() names them. 0, -EPROTO (it is of another version) or -EBADMSG.
 */
int command_decode(struct command *cmd, const uint8_t *buf, size_t len);
void command_encode(const struct command *cmd, uint8_t buf[COMMAND_BYTES]);

#endif
