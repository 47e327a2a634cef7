/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The history grows with the first member that is told a command; all the others are compared with it. Whether a
 * node is in the group is a fact of the history, whether a life is a member is a fact of the life: the life comes to
 * know of its NODE_JOIN late, or never.
 */

#include "group/contract.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/proposal.h"

struct entry {
	struct command command;
	uint64_t state; /* hash of the state that a member gave as of this number; 0: none has */
};

/* A command that was taken and has not been seen in the history. */
struct sent {
	struct command command;
	uint64_t secret; /* of the life that sent it */
	bool may_be_lost;
};

struct life {
	bool lives, quorum, member, lost;
	bool told;	   /* of a quorum, or of a lack of one */
	uint64_t order;	   /* 0: nothing was told yet */
	uint64_t heard;	   /* by the process that it follows */
	uint64_t secret;   /* of its NODE_JOIN, when it is a member */
	struct sent *sent; /* from sent_first on, below sents */
	size_t sent_first, sents, sent_size;
};

struct contract {
	char broken[160];
	struct entry *entry;
	size_t count, size;
	struct life life[NR_NODES];
	bool in[NR_NODES]; /* as the history says */
	uint64_t secret[NR_NODES];
};

struct contract *contract_new(void)
{
	return calloc(1, sizeof(struct contract));
}

struct contract *contract_free(struct contract *contract)
{
	if (!contract)
		return NULL;
	for (int node = 0; node < NR_NODES; node++)
		free(contract->life[node].sent);
	free(contract->entry);
	free(contract);
	return NULL;
}

const char *contract_broken(const struct contract *contract)
{
	return contract->broken[0] ? contract->broken : NULL;
}

__attribute__((format(printf, 2, 3))) static void fail(struct contract *contract,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!contract->broken[0])
		vsnprintf(contract->broken, sizeof(contract->broken), format, args);
	va_end(args);
}

static struct life *life_of(struct contract *contract, int node)
{
	assert(node >= 0);
	assert(node < NR_NODES);
	return &contract->life[node];
}

/* Of one that may be told something; NULL: it may not, or a rule is broken already. */
static struct life *life_told(struct contract *contract, int node, const char *what)
{
	struct life *life = life_of(contract, node);

	if (contract->broken[0])
		return NULL;
	if (!life->lives)
		fail(contract, "node %d is told %s and takes no part", node, what);
	else if (life->lost)
		fail(contract, "node %d is told %s after the group was lost to it", node, what);
	return contract->broken[0] ? NULL : life;
}

/* ---- lives ---- */

void contract_begin(struct contract *contract, int node)
{
	struct life *life = life_of(contract, node);

	if (life->lives)
		fail(contract, "node %d is let in twice", node);
	/* Messages that its earlier life has sent may be decided late. */
	*life = (struct life){ .lives = true,
			       .sent = life->sent,
			       .sent_first = life->sent_first,
			       .sents = life->sents,
			       .sent_size = life->sent_size };
}

/* ended: with its life; else with a quorum that it had, and that does not end a command that stays. */
static void may_lose(struct life *life, bool ended)
{
	assert(life->sent_first <= life->sents);
	for (size_t i = life->sent_first; i < life->sents; i++)
		life->sent[i].may_be_lost |= ended || !proposal_stays(&life->sent[i].command);
}

void contract_end(struct contract *contract, int node)
{
	struct life *life = life_of(contract, node);

	life->lives = false;
	may_lose(life, true);
}

void contract_resume(struct contract *contract, int node, uint64_t order)
{
	struct life *life = life_told(contract, node, "to go on");

	if (!life)
		return;
	if (order > life->order)
		fail(contract, "node %d goes on from %llu and has heard %llu", node,
		     (unsigned long long)order, (unsigned long long)life->order);
	life->heard = life->order;
	life->order = order;
	may_lose(life, true);
}

void contract_caught_up(struct contract *contract, int node)
{
	const struct life *life = life_of(contract, node);

	if (life->order < life->heard)
		fail(contract, "node %d is no more behind at %llu, and had heard %llu", node,
		     (unsigned long long)life->order, (unsigned long long)life->heard);
}

void contract_lost(struct contract *contract, int node)
{
	struct life *life = life_told(contract, node, "that the group is lost");

	if (!life)
		return;
	if (life->quorum || !life->told)
		fail(contract,
		     "the group is lost to node %d, which was not told that it has no quorum",
		     node);
	life->lost = true;
	may_lose(life, true);
}

/* ---- states ---- */

static uint64_t hash_of(const uint8_t *state, size_t len)
{
	return hash_bytes(HASH_SEED, state, len) | 1;
}

void contract_gave(struct contract *contract, int node, const uint8_t *state, size_t len)
{
	const struct life *life = life_told(contract, node, "to give its state");
	struct entry *entry;

	if (!life)
		return;
	if (!life->order) {
		fail(contract, "node %d is asked for a state and has none", node);
		return;
	}
	assert(life->order <= contract->count);
	entry = &contract->entry[life->order - 1];
	if (entry->state && entry->state != hash_of(state, len))
		fail(contract, "node %d gives another state of command %llu than was given", node,
		     (unsigned long long)life->order);
	entry->state = hash_of(state, len);
}

void contract_restored(struct contract *contract, int node, uint64_t order, const uint8_t *state,
		       size_t len)
{
	struct life *life = life_told(contract, node, "a state");

	if (!life)
		return;
	if (life->order)
		fail(contract, "node %d is told a state and had begun", node);
	else if (!life->quorum)
		fail(contract, "node %d is told a state without a quorum", node);
	else if (!order || order > contract->count ||
		 contract->entry[order - 1].state != hash_of(state, len))
		fail(contract, "node %d is told a state as of %llu that no member gave", node,
		     (unsigned long long)order);
	life->order = order;
}

/* ---- the order ---- */

/* The lives that know the history are gone, all but this one: it may be the first of a new one. */
static void found(struct contract *contract, int node)
{
	for (int other = 0; other < NR_NODES; other++) {
		const struct life *life = &contract->life[other];

		if (other != node && life->lives && life->order && !life->lost)
			fail(contract, "node %d begins a group, and node %d is in one", node,
			     other);
	}
	contract->count = 0;
	memset(contract->in, 0, sizeof(contract->in));
}

static void append_join(struct contract *contract, const struct command *cmd)
{
	if (contract->in[cmd->node])
		fail(contract, "node %d joins and has not left", cmd->node);
	else if (contract->secret[cmd->node] == cmd->secret)
		fail(contract, "two lives of node %d join with one secret", cmd->node);
	contract->in[cmd->node] = true;
	contract->secret[cmd->node] = cmd->secret;
}

static void append_leave(struct contract *contract, const struct command *cmd)
{
	if (!contract->in[cmd->node])
		fail(contract, "node %d leaves and has not joined", cmd->node);
	contract->in[cmd->node] = false;
}

/* Those before it that have been passed over are given up: none of them may be decided after this. */
static void append_sent(struct contract *contract, const struct command *cmd)
{
	struct life *life = &contract->life[cmd->origin];
	size_t i = life->sent_first;

	if (!contract->in[cmd->origin]) {
		fail(contract, "node %d has a command decided and is no member", cmd->origin);
		return;
	}
	while (i < life->sents && (life->sent[i].secret != contract->secret[cmd->origin] ||
				   memcmp(&life->sent[i].command, cmd, sizeof(*cmd))))
		i++;
	if (i == life->sents) {
		fail(contract,
		     "a command of node %d is decided that it has not sent, or again, or too late",
		     cmd->origin);
		return;
	}
	for (size_t passed = life->sent_first; passed < i; passed++)
		if (!life->sent[passed].may_be_lost)
			fail(contract,
			     "a command of node %d is decided before one that it sent earlier",
			     cmd->origin);
	life->sent_first = i + 1;
}

static void append(struct contract *contract, const struct command *cmd)
{
	bool is_view = cmd->kind == COMMAND_NODE_JOIN || cmd->kind == COMMAND_NODE_LEAVE;
	int node = is_view ? cmd->node : cmd->origin;

	if (node < 0 || node >= NR_NODES)
		fail(contract, "a command is decided that is of no node");
	else if (cmd->kind == COMMAND_NODE_JOIN)
		append_join(contract, cmd);
	else if (cmd->kind == COMMAND_NODE_LEAVE)
		append_leave(contract, cmd);
	else
		append_sent(contract, cmd);
	assert(contract->count <= contract->size);
	if (contract->count == contract->size) {
		contract->size = contract->size ? 2 * contract->size : 256;
		contract->entry =
			realloc(contract->entry, contract->size * sizeof(*contract->entry));
		if (!contract->entry)
			abort();
	}
	contract->entry[contract->count++] = (struct entry){ .command = *cmd };
}

static void check_membership(struct contract *contract, int node, const struct command *cmd,
			     bool member)
{
	struct life *life = &contract->life[node];
	bool joins = cmd->kind == COMMAND_NODE_JOIN && cmd->node == node;
	bool leaves = cmd->kind == COMMAND_NODE_LEAVE && cmd->node == node;

	if (life->member && !member)
		fail(contract, "node %d is no member any more", node);
	else if (life->member && leaves)
		fail(contract, "node %d is told that it has left, and goes on", node);
	else if (!life->member && member && !joins)
		fail(contract, "node %d is a member before it has joined", node);
	if (!life->member && member)
		life->secret = cmd->secret;
	life->member = member;
}

void contract_delivered(struct contract *contract, int node, uint64_t order,
			const struct command *cmd, bool member)
{
	struct life *life = life_told(contract, node, "a command");

	if (!life)
		return;
	if (!life->quorum)
		fail(contract, "node %d is told command %llu without a quorum", node,
		     (unsigned long long)order);
	else if (order != life->order + 1)
		fail(contract, "node %d is told command %llu after %llu", node,
		     (unsigned long long)order, (unsigned long long)life->order);
	else if (order == 1 && !life->heard && contract->count)
		found(contract, node);
	if (contract->broken[0])
		return;
	life->order = order;
	if (order == contract->count + 1)
		append(contract, cmd);
	else if (memcmp(&contract->entry[order - 1].command, cmd, sizeof(*cmd)))
		fail(contract, "node %d is told another command %llu than others were", node,
		     (unsigned long long)order);
	check_membership(contract, node, cmd, member);
}

void contract_quorum(struct contract *contract, int node, bool have)
{
	struct life *life =
		life_told(contract, node, have ? "of a quorum" : "that there is no quorum");

	if (!life)
		return;
	if (life->told && life->quorum == have)
		fail(contract, "node %d is told twice that it has %s quorum", node,
		     have ? "a" : "no");
	else if (life->told && !life->order)
		fail(contract, "node %d had a quorum and was told nothing", node);
	life->told = true;
	life->quorum = have;
	if (!have)
		may_lose(life, false);
}

static void make_room(struct life *life)
{
	assert(life->sent_first <= life->sents);
	assert(life->sents <= life->sent_size);
	if (life->sents < life->sent_size)
		return;
	if (life->sent_first > life->sents / 2) {
		life->sents -= life->sent_first;
		memmove(life->sent, &life->sent[life->sent_first],
			life->sents * sizeof(*life->sent));
		life->sent_first = 0;
		return;
	}
	life->sent_size = life->sent_size ? 2 * life->sent_size : 64;
	life->sent = realloc(life->sent, life->sent_size * sizeof(*life->sent));
	if (!life->sent)
		abort();
}

void contract_sent(struct contract *contract, int node, const struct command *cmd)
{
	struct life *life = life_of(contract, node);
	struct sent *sent;

	if (!life->member || !life->quorum || life->lost)
		fail(contract, "a command of node %d is taken, which is no member with a quorum",
		     node);
	make_room(life);
	sent = &life->sent[life->sents++];
	*sent = (struct sent){ .command = *cmd, .secret = life->secret };
	sent->command.version = COMMAND_VERSION;
	sent->command.origin = node;
}

/* ---- at rest ---- */

static void rest_with_quorum(struct contract *contract, int node)
{
	const struct life *life = &contract->life[node];

	assert(!life->quorum || life->told);
	if (!life->lives || life->lost || !life->quorum)
		fail(contract, "node %d has no quorum in the end", node);
	else if (!life->member || !contract->in[node] || contract->secret[node] != life->secret)
		fail(contract, "node %d is no member in the end", node);
	else if (life->order != contract->count)
		fail(contract, "node %d was told %llu commands of %zu", node,
		     (unsigned long long)life->order, contract->count);
	for (size_t i = life->sent_first; i < life->sents; i++)
		if (life->sent[i].secret == life->secret && !life->sent[i].may_be_lost)
			fail(contract, "a command of node %d was taken and is not decided", node);
}

void contract_rest(struct contract *contract, uint32_t quorate)
{
	for (int node = 0; node < NR_NODES; node++) {
		const struct life *life = &contract->life[node];

		if (quorate >> node & 1)
			rest_with_quorum(contract, node);
		else if (life->lives && life->quorum)
			fail(contract, "node %d has a quorum in the end", node);
		else if (quorate && contract->in[node])
			fail(contract, "node %d has not left in the end", node);
	}
}
