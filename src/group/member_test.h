/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_MEMBER_TEST_H
#define DVS_GROUP_MEMBER_TEST_H

/*
 * The members on which the tests of the engines stand: members in this process, each a state machine that is
 * nothing but a hash of all it was told. They know the engine by group/group.h only; a rig, which is included
 * before, sets up the world that the engine needs and says where each node finds it (rig_spec()). For test programs.
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
#include "group/group.h"
#include "os/clock.h"

#define WAIT_MS 3000

struct member {
	struct group *group;
	int node;
	uint64_t order, hash;
	int restores, deliveries, quorum_calls, snapshots;
	bool quorum, joined;
	uint64_t joins, leaves; /* node bits, of all events seen */
	uint64_t last_request;
	int lost;      /* first error of group_dispatch() */
	int pad_bytes; /* makes the snapshot larger than the first buffer */
};

static void on_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	struct member *m = ctx;

	CHECK(m->quorum);
	CHECK_EQ(m->deliveries, 0);
	CHECK(len >= sizeof(m->hash));
	m->restores++;
	m->order = order;
	memcpy(&m->hash, state, sizeof(m->hash));
}

static void on_deliver(void *ctx, uint64_t order, const struct command *cmd)
{
	struct member *m = ctx;

	CHECK(m->quorum);
	CHECK_EQ(order, m->order + 1);
	m->order = order;
	m->deliveries++;
	m->hash = hash_bytes(hash_word(m->hash, order), cmd, sizeof(*cmd));
	if (cmd->kind == COMMAND_NODE_JOIN) {
		m->joins |= 1ull << cmd->node;
		m->joined |= cmd->node == m->node;
	} else if (cmd->kind == COMMAND_NODE_LEAVE) {
		m->leaves |= 1ull << cmd->node;
	} else if (cmd->origin == m->node) {
		CHECK_EQ(cmd->request, m->last_request + 1); /* own ones arrive in the order sent */
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
	return sizeof(m->hash) + (size_t)m->pad_bytes;
}

static void on_quorum(void *ctx, bool have)
{
	struct member *m = ctx;

	CHECK(m->quorum != have || m->lost);
	m->quorum = have;
	m->quorum_calls++;
}

static int member_new(struct member *m, int node)
{
	struct group_callbacks call = { on_restore, on_deliver, on_snapshot, on_quorum, m };

	*m = (struct member){ .node = node };
	return group_new(&m->group, rig_spec(node), node, 0x0a000001u + (uint32_t)node, "node",
			 &call);
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
		if (fds[i].fd >= 0 && fds[i].revents) {
			int r = group_dispatch(members[i].group);

			if (r < 0)
				members[i].lost = r;
		}
	}
}

#define PUMP_UNTIL(members, count, cond)                  \
	do {                                              \
		int64_t until_ = os_deadline_ns(WAIT_MS); \
		while (!(cond) && os_now_ns() < until_)   \
			pump((members), (count), 10);     \
		CHECK(cond);                              \
	} while (0)

static inline int send_one(struct member *m, uint64_t request)
{
	struct command cmd = { .kind = COMMAND_UNBIND, .request = request, .dcid = 3 };

	return group_send(m->group, &cmd);
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

static void teardown(struct member *m, int count)
{
	for (int i = 0; i < count; i++)
		m[i].group = group_free(m[i].group);
	rig_stop();
}

static inline bool same(const struct member *a, const struct member *b)
{
	return a->order == b->order && a->hash == b->hash;
}

#endif
