/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_MEMBER_TEST_H
#define DVS_GROUP_MEMBER_TEST_H

/*
 * The members on which the tests of the engines stand: members in this process, each a state machine that is
 * nothing but a hash of all it was told. They know the engine by group/group.h only; a rig, which is included
 * before, sets up the world that the engine needs and says where each node finds it (rig_spec()). All that the members
 * are told is looked at by the checker of group/contract.h, from the first of them to teardown(). For test programs.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/test.h"
#include "group/contract.h"
#include "group/group.h"
#include "os/clock.h"

#define WAIT_MS 15000 /* for an event that must happen, on a loaded machine late */

struct member {
	struct group *group;
	int node;
	uint64_t order, hash;
	int restores, quorum_calls, snapshots;
	bool quorum, joined;
	uint64_t joins, leaves;	     /* node bits, of all events seen */
	uint64_t last_request, sent; /* of its commands: decided, and taken by group_send() */
	int lost;		     /* first error of group_dispatch() */
	bool behind;		     /* it follows a process that had heard more */
	int pad_bytes;		     /* makes the snapshot larger than the first buffer */
	uint32_t
		word_to; /* the last word of its engine for those of others, which pump() carries */
	uint8_t word[64];
	size_t word_len;
};

/* NULL: no member has come in, or the engine is made up and keeps to no contract. */
static struct contract *contract;

static void on_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	struct member *m = ctx;

	CHECK(len >= sizeof(m->hash));
	if (contract)
		contract_restored(contract, m->node, order, state, len);
	m->restores++;
	m->order = order;
	memcpy(&m->hash, state, sizeof(m->hash));
}

static void on_deliver(void *ctx, uint64_t order, const struct command *cmd)
{
	struct member *m = ctx;

	if (contract)
		contract_delivered(contract, m->node, order, cmd, group_is_member(m->group));
	m->order = order;
	m->hash = hash_bytes(hash_word(m->hash, order), cmd, sizeof(*cmd));
	if (cmd->kind == COMMAND_NODE_JOIN) {
		m->joins |= 1ull << cmd->node;
		m->joined |= group_is_member(m->group);
	} else if (cmd->kind == COMMAND_NODE_LEAVE) {
		m->leaves |= 1ull << cmd->node;
	} else if (cmd->origin == m->node) {
		m->last_request = cmd->request;
	}
}

static size_t on_snapshot(void *ctx, uint8_t *buf, size_t size)
{
	struct member *m = ctx;

	if (size < sizeof(m->hash) + (size_t)m->pad_bytes)
		return 0;
	m->snapshots++;
	memset(buf, 0, size);
	memcpy(buf, &m->hash, sizeof(m->hash));
	if (contract)
		contract_gave(contract, m->node, buf, sizeof(m->hash) + (size_t)m->pad_bytes);
	return sizeof(m->hash) + (size_t)m->pad_bytes;
}

static void on_quorum(void *ctx, bool have)
{
	struct member *m = ctx;

	if (contract)
		contract_quorum(contract, m->node, have);
	m->quorum = have;
	m->quorum_calls++;
}

static void on_aside(void *ctx, uint32_t nodes, const uint8_t *bytes, size_t len)
{
	struct member *m = ctx;

	CHECK_OR_RETURN(nodes && !(nodes >> m->node & 1) && len <= sizeof(m->word));
	m->word_to = nodes;
	m->word_len = len;
	memcpy(m->word, bytes, len);
}

static int member_new(struct member *m, int node)
{
	struct group_callbacks call = {
		on_restore, on_deliver, on_snapshot, on_quorum, on_aside, m
	};

	int r;

	*m = (struct member){ .node = node };
	r = group_new(&m->group, rig_spec(node), node, test_address((unsigned)node & 3), "node",
		      &call);
	if (r)
		return r;
	if (!contract)
		contract = contract_new();
	contract_begin(contract, node);
	return 0;
}

static inline void member_leave(struct member *m)
{
	m->group = group_free(m->group);
	contract_end(contract, m->node);
}

static void member_dispatch(struct member *m)
{
	int r = group_dispatch(m->group);

	if (m->behind && !r && !group_is_behind(m->group)) {
		m->behind = false;
		contract_caught_up(contract, m->node);
	}
	if (r >= 0)
		return;
	m->lost = r;
	if (contract)
		contract_lost(contract, m->node);
}

/* One of two that are said in one turn is lost. */
static void carry_words(struct member *members, int count)
{
	for (int from = 0; from < count; from++) {
		struct member *m = &members[from];

		for (int i = 0; i < count && m->word_to; i++)
			if (m->word_to >> members[i].node & 1 && members[i].group &&
			    !members[i].lost)
				group_aside(members[i].group, m->node, m->word, m->word_len);
		m->word_to = 0;
	}
}

/* Dispatches what is there for `count` members, waiting up to timeout_ms for something. */
static void pump(struct member *members, int count, int timeout_ms)
{
	struct pollfd fds[8];

	for (int i = 0; i < count; i++)
		fds[i] = (struct pollfd){ .events = POLLIN,
					  .fd = members[i].group && !members[i].lost
							? group_fd(members[i].group)
							: -1 };
	if (poll(fds, (nfds_t)count, timeout_ms) <= 0)
		return;
	for (int i = 0; i < count; i++) {
		if (fds[i].fd >= 0 && fds[i].revents)
			member_dispatch(&members[i]);
	}
	carry_words(members, count);
}

#define PUMP_UNTIL(members, count, cond)                  \
	do {                                              \
		int64_t until_ = os_deadline_ns(WAIT_MS); \
		while (!(cond) && os_now_ns() < until_)   \
			pump((members), (count), 10);     \
		CHECK(cond);                              \
	} while (0)

/*
 * With COMMAND_FLAG_DIED it stays while there is no quorum: when it is decided, all that its member has sent before is
 * decided, or given up for ever (group/contract.h).
 */
static inline int send_with(struct member *m, uint64_t request, uint32_t flags)
{
	struct command cmd = {
		.kind = COMMAND_UNBIND, .request = request, .dcid = 3, .flags = flags
	};
	int r = group_send(m->group, &cmd);

	if (r)
		return r;
	m->sent = request;
	if (contract)
		contract_sent(contract, m->node, &cmd);
	return 0;
}

static inline int send_one(struct member *m, uint64_t request)
{
	return send_with(m, request, 0);
}

/* Starts the engine and `count` joined members. */
static void setup(struct member *m, int count)
{
	memset(m, 0, sizeof(*m) * (size_t)count);
	rig_start();
	for (int i = 0; i < count; i++) {
		CHECK_EQ(member_new(&m[i], i), 0);
		PUMP_UNTIL(m, i + 1, m[i].joined && m[0].joins == (2ull << i) - 1);
	}
}

static inline bool same(const struct member *a, const struct member *b)
{
	return a->order == b->order && a->hash == b->hash;
}

/* Those that have a quorum are members that have heard what there is, their own commands too. */
static bool rests(const struct member *m, int count)
{
	const struct member *first = NULL;

	for (int i = 0; i < count; i++) {
		if (!m[i].group || !m[i].quorum)
			continue;
		if (!first)
			first = &m[i];
		if (!m[i].joined || m[i].last_request < m[i].sent || !same(first, &m[i]))
			return false;
	}
	return true;
}

/* Nothing is under way any more: it is looked at whether all of them are where they are to be. */
static void rest(struct member *m, int count)
{
	uint32_t quorate = 0;

	PUMP_UNTIL(m, count, rests(m, count));
	for (int i = 0; i < count; i++)
		quorate |= m[i].group && m[i].quorum ? 1u << m[i].node : 0;
	contract_rest(contract, quorate);
	CHECK(!contract_broken(contract));
}

static void teardown(struct member *m, int count)
{
	if (contract)
		rest(m, count);
	if (contract && contract_broken(contract))
		printf("the contract is broken: %s\n", contract_broken(contract));
	for (int i = 0; i < count; i++)
		m[i].group = group_free(m[i].group);
	contract = contract_free(contract);
	rig_stop();
}

#endif
