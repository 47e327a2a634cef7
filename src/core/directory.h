/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_DIRECTORY_H
#define DVS_CORE_DIRECTORY_H

/*
 * The replicated table: nodes, DCs, endpoints, and who is moving where (invariants I4, I5).
 * Every node applies the same commands in the same order with directory_apply(), which is a pure
 * function of the table and the command; the result goes back to the proposer, and the effects tell the node
 * its tasks. directory_check() is the half that may refuse and never writes; apply calls it first.
 *
 * A command says for which user it was proposed, and is judged by the DC as it is when the command is applied: a DC
 * that was removed and made anew since then may have another owner.
 *
 * An endpoint's *generation* is counted up whenever its slot is bound anew. The number programs see
 * is the slot, in every life; directory_endpoint_number() names one life, in lines and between daemons.
 *
 * A slot that nobody has bound may be *stated* (RMT_BIND): its endpoint will be bound on that node, and
 * nowhere else. The bind uses the statement up; an unbind, and the leaving of the node, take it back.
 *
 * A free slot keeps the generation that its next bind will have. Every create of a DC starts again at
 * generation 0 and has a generation of its own (directory_dc.generation).
 *
 * A node that leaves stays a member of its DCs: when it joins again it is told so by DC_CREATED
 * effects that name it. A join of a node that is up ends its older life first.
 *
 * The *service addresses* of a DC belong to one of its endpoints, the *holder*, and are on the node that owns it: they
 * move with it. The endpoint that is bound first holds them. When it ends, the next holder is one that is bound on the
 * same node, else one elsewhere, the lowest number first.
 *
 * A migration: START marks the endpoint MOVING (owner unchanged); COMMIT changes the owner;
 * ROLLBACK or the target's leaving ends it with the owner unchanged; the owner's leaving ends the
 * endpoint. `move` numbers identify one migration: a COMMIT or ROLLBACK that names another move
 * than the current one is refused (EDVSMIGRATE); 0 means "whichever is current" (by hand). A move
 * started by hand is committed by hand, one started by dvs migrate by its number; either may be
 * rolled back by hand at any time before its commit.
 *
 * A START may name *fellows*: other endpoints of the DC on the same node, which move along. All of them have the number
 * of the move, and it is decided of all by one command: the COMMIT or ROLLBACK that names any of them, the leaving of
 * the target, or the end of one, which rolls the move of the others back.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/right.h"
#include "wire/command.h"

enum endpoint_kind {
	ENDPOINT_NORMAL = 0,
	ENDPOINT_BACKUP = 1,
	ENDPOINT_REPLICA = 2
};

struct directory_endpoint {
	uint8_t bound;
	uint8_t moving;	 /* between START and COMMIT or ROLLBACK */
	uint8_t by_hand; /* moving because of dvs_migrate -s: the process holds at its next call */
	uint8_t committed; /* not moving, and the last migration was not rolled back */
	uint8_t kind;	   /* enum endpoint_kind */
	uint8_t attached;  /* 0: committed by hand, no process attached on the new node yet */
	uint8_t stated;	   /* not bound yet: said to be on `node`, where it will be bound */
	int8_t node;	   /* owner */
	int8_t target;	   /* of the migration, -1 unknown */
	uint32_t generation;
	uint32_t move;	  /* number of the current or last migration, 0 none */
	uint32_t nodemap; /* nodes where it is or has been */
	int32_t lpid;	  /* as told by the owner; informative elsewhere */
	int32_t vpid;
	int32_t misc; /* MIS_GRPLEADER etc. known at bind */
	char name[MAXPROCNAME];
};

#define DIRECTORY_SERVICES_MAX 4

struct directory_dc {
	uint8_t running;
	uint8_t serve;	     /* every endpoint has the rights of a system process */
	uint32_t nodes;	     /* bitmap */
	uint32_t generation; /* counted up by every create */
	int32_t nr_procs, nr_tasks, nr_sysprocs, nr_nodes;
	int32_t warn2proc, warnmsg;
	struct right_owner owner;
	char name[MAXDCNAME];
	uint8_t held; /* an endpoint is bound */
	uint8_t services;
	int16_t holder; /* p_nr; held */
	struct address_net service[DIRECTORY_SERVICES_MAX];
	struct directory_endpoint slot[SHM_SLOTS]; /* by table index */
};

struct directory_node {
	uint8_t up;
	uint32_t incarnation;	/* counted up by every join */
	struct address address; /* where its links come from */
	uint64_t secret;	/* of this life; for the daemons alone, in no answer to a program */
	char name[MAXNODENAME];
};

struct directory {
	uint64_t order; /* number of the last command applied */
	uint32_t next_move;
	struct directory_node node[NR_NODES];
	struct directory_dc dc[SHM_DCS];
};

enum directory_effect_kind {
	EFFECT_NODE_UP,
	EFFECT_NODE_DOWN,  /* after the ENDPOINT_DEAD effects of its endpoints */
	EFFECT_DC_CREATED, /* node: the one that became a member or joined again; -1 all of them */
	EFFECT_DC_REMOVED, /* after the ENDPOINT_DEAD effects */
	EFFECT_ENDPOINT_BOUND,
	EFFECT_ENDPOINT_DEAD,	  /* generation names the one that ended */
	EFFECT_MOVE_STARTED,	  /* hold what goes to it */
	EFFECT_MOVE_COMMITTED,	  /* node = old owner, target = new owner */
	EFFECT_MOVE_ROLLED_BACK,  /* go on as before */
	EFFECT_ENDPOINT_ATTACHED, /* by hand: a process on the new node took it over */
	EFFECT_ENDPOINT_STATED, /* nobody is bound; the node that will have the slot is known, or not any more */
};

struct directory_effect {
	uint8_t kind; /* enum directory_effect_kind */
	int8_t node;
	int8_t target;
	uint8_t by_hand;
	int32_t dcid;
	int32_t p_nr;
	uint32_t generation;
	uint32_t move;
};

/* A node's leaving may end every endpoint of every DC. */
#define DIRECTORY_EFFECTS_MAX (SHM_DCS * SHM_SLOTS + 2 * SHM_DCS + 4)

struct directory_effects {
	uint32_t count;
	struct directory_effect *item; /* DIRECTORY_EFFECTS_MAX, memory of the caller */
};

struct directory_result {
	int32_t code;	     /* 0 (or endpoint for BIND, see value) or a negative EDVS number */
	int32_t value;	     /* BIND: the endpoint; NODE_JOIN: the incarnation; else 0 */
	uint32_t generation; /* of the endpoint concerned, as it is afterwards */
	uint32_t move;	     /* of the endpoint concerned: current or last migration, 0 none */
};

void directory_init(struct directory *dir);
/* 0 or a negative EDVS number; never writes. */
int directory_check(const struct directory *dir, const struct command *cmd);
/* Applies command number `order`; fills effects (emptied first) and result. Never fails. */
void directory_apply(struct directory *dir, uint64_t order, const struct command *cmd,
		     struct directory_effects *effects, struct directory_result *result);

/* NULL if dcid, p_nr are out of range; a free slot is returned with bound == 0. */
const struct directory_endpoint *directory_endpoint(const struct directory *dir, int dcid,
						    int p_nr);
/* Whether a DC has this slot. */
bool directory_slot_valid(const struct directory_dc *dc, int p_nr);
/* Whether that node has the service addresses of the DC: it owns their holder. */
bool directory_serves(const struct directory *dir, int dcid, int node);
/*
 * Whether the DC has service addresses, and they are where that endpoint is: it holds them, or would hold them if it
 * was bound now.
 */
bool directory_services_follow(const struct directory *dir, int dcid, int p_nr);
/* The DC (a number) that has the service address, or -1. */
int directory_service_dc(const struct directory *dir, struct address address);
/* The node whose links come from there, or -1. */
int directory_address_node(const struct directory *dir, struct address address);
/* Endpoint number (with generation folded in) of a slot. */
int directory_endpoint_number(const struct directory_endpoint *ep, int p_nr);

/*
 * Snapshot for a joiner: versioned, checked byte form (only used entries); equal tables give equal
 * bytes. Encode returns the length, 0 if size is too small (directory_encode_bound() never is).
 * Decode returns 0, or -EBADMSG (-EPROTO: it is of another version) and the table as after directory_init().
 */
size_t directory_encode_bound(void);
size_t directory_encode(const struct directory *dir, uint8_t *buf, size_t size);
int directory_decode(struct directory *dir, const uint8_t *buf, size_t len);

#endif
