/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_TOTEM_RIG_TEST_H
#define DVS_GROUP_TOTEM_RIG_TEST_H

/*
 * A Corosync that is made up: its libraries' functions stand in this file, and a test says which events the next
 * dispatches tell. For test programs.
 */

#include <string.h>

#include <corosync/corotypes.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>

#include "base/test.h"
#include "os/socket.h"

#define NODE	   2
#define NODEID	   (NODE + 1u)
#define EVENTS_MAX 512
#define SENT_MAX   2048

enum event_kind {
	MESSAGE,
	MEMBERS,
	RING
};

/* The news of the next dispatch of the order. */
struct event {
	enum event_kind kind;
	uint32_t nodeid;
	uint64_t seq;
	uint8_t bytes[8];
	size_t len;
	struct cpg_address member[4], left[1], joined[1];
	size_t members, lefts, joins;
};

static struct {
	cpg_model_v1_data_t order;
	quorum_model_v1_data_t machines;
	void *cpg_ctx;
	const void *quorum_ctx;
	int cpgs, quorums, votes; /* handles that are open */
	int connects, joins, tracks;
	unsigned nodeid;
	cs_error_t connect_error, votes_error, quorum_error, track_error, join_error;
	cs_error_t dispatch_error, quorum_dispatch_error;

	int order_fds[2], quorum_fds[2]; /* a byte is there while something is to be told */
	struct event event[EVENTS_MAX];
	int first, last;
	bool quorate_waits;
	uint32_t quorate;
	struct quorum_ring_id ring;
	unsigned expected, node_votes;
	cs_error_t info_error;

	bool full; /* flow control */
	cs_error_t send_error;
	int refused;
	uint32_t sent[SENT_MAX];
	size_t sent_len[SENT_MAX];
	int sents;
} corosync;

const char *cs_strerror(cs_error_t error)
{
	return error == CS_ERR_TRY_AGAIN ? "try again" : "an error";
}

cs_error_t cpg_model_initialize(cpg_handle_t *handle, cpg_model_t model, cpg_model_data_t *data,
				void *ctx)
{
	corosync.connects++;
	if (corosync.connect_error != CS_OK) {
		*handle = 99; /* is not to be used */
		return corosync.connect_error;
	}
	CHECK_EQ(model, CPG_MODEL_V1);
	corosync.order = *(cpg_model_v1_data_t *)(void *)data;
	CHECK_EQ(corosync.order.flags, CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF);
	corosync.cpg_ctx = ctx;
	corosync.cpgs++;
	*handle = 7;
	return CS_OK;
}

cs_error_t cpg_finalize(cpg_handle_t handle)
{
	CHECK_EQ(handle, 7);
	corosync.cpgs--;
	return CS_OK;
}

cs_error_t cpg_local_get(cpg_handle_t handle, unsigned *nodeid)
{
	CHECK_EQ(handle, 7);
	*nodeid = corosync.nodeid;
	return CS_OK;
}

cs_error_t cpg_context_get(cpg_handle_t handle, void **ctx)
{
	CHECK_EQ(handle, 7);
	*ctx = corosync.cpg_ctx;
	return CS_OK;
}

cs_error_t cpg_fd_get(cpg_handle_t handle, int *fd)
{
	CHECK_EQ(handle, 7);
	*fd = corosync.order_fds[0];
	return CS_OK;
}

cs_error_t cpg_join(cpg_handle_t handle, const struct cpg_name *name)
{
	CHECK_EQ(handle, 7);
	CHECK(name->length == 3 && !memcmp(name->value, "dvs", 3));
	if (corosync.join_error == CS_OK)
		corosync.joins++;
	return corosync.join_error;
}

cs_error_t cpg_flow_control_state_get(cpg_handle_t handle, cpg_flow_control_state_t *state)
{
	CHECK_EQ(handle, 7);
	*state = corosync.full ? CPG_FLOW_CONTROL_ENABLED : CPG_FLOW_CONTROL_DISABLED;
	return CS_OK;
}

cs_error_t cpg_mcast_joined(cpg_handle_t handle, cpg_guarantee_t guarantee,
			    const struct iovec *parts, unsigned count)
{
	CHECK_EQ(handle, 7);
	CHECK_EQ(guarantee, CPG_TYPE_AGREED);
	CHECK_EQ(count, 1);
	CHECK(!corosync.full);
	if (corosync.send_error != CS_OK) {
		corosync.refused++;
		return corosync.send_error;
	}
	if (corosync.sents < SENT_MAX && parts->iov_len >= 4) {
		memcpy(&corosync.sent[corosync.sents], parts->iov_base, 4);
		corosync.sent_len[corosync.sents++] = parts->iov_len;
	}
	return CS_OK;
}

static void quiet_down(int fd)
{
	char c;

	os_read_some(fd, &c, 1);
}

cs_error_t cpg_dispatch(cpg_handle_t handle, cs_dispatch_flags_t flags)
{
	static const struct cpg_name name = { .length = 3, .value = "dvs" };
	struct event *e = &corosync.event[corosync.first];
	struct cpg_ring_id ring = { .nodeid = e->nodeid, .seq = e->seq };

	CHECK_EQ(handle, 7);
	CHECK_EQ(flags, CS_DISPATCH_ONE_NONBLOCKING);
	if (corosync.first == corosync.last) {
		quiet_down(corosync.order_fds[0]);
		return corosync.dispatch_error == CS_OK ? CS_ERR_TRY_AGAIN
							: corosync.dispatch_error;
	}
	corosync.first++;
	if (e->kind == MESSAGE)
		corosync.order.cpg_deliver_fn(handle, &name, e->nodeid, 1, e->bytes, e->len);
	else if (e->kind == MEMBERS)
		corosync.order.cpg_confchg_fn(handle, &name, e->member, e->members, e->left,
					      e->lefts, e->joined, e->joins);
	else
		corosync.order.cpg_totem_confchg_fn(handle, ring, 0, NULL);
	return CS_OK;
}

cs_error_t votequorum_initialize(votequorum_handle_t *handle, votequorum_callbacks_t *calls)
{
	CHECK(!calls);
	*handle = 9;
	if (corosync.votes_error == CS_OK)
		corosync.votes++;
	return corosync.votes_error;
}

cs_error_t votequorum_finalize(votequorum_handle_t handle)
{
	CHECK_EQ(handle, 9);
	corosync.votes--;
	return CS_OK;
}

cs_error_t votequorum_getinfo(votequorum_handle_t handle, unsigned nodeid,
			      struct votequorum_info *info)
{
	CHECK_EQ(handle, 9);
	CHECK_EQ(nodeid, NODEID);
	info->highest_expected = corosync.expected;
	info->node_votes = corosync.node_votes;
	return corosync.info_error;
}

cs_error_t quorum_model_initialize(quorum_handle_t *handle, quorum_model_t model,
				   quorum_model_data_t *data, uint32_t *type, void *ctx)
{
	CHECK_EQ(model, QUORUM_MODEL_V1);
	*handle = 8;
	*type = 1;
	if (corosync.quorum_error != CS_OK)
		return corosync.quorum_error;
	corosync.machines = *(quorum_model_v1_data_t *)(void *)data;
	corosync.quorum_ctx = ctx;
	corosync.quorums++;
	return CS_OK;
}

cs_error_t quorum_finalize(quorum_handle_t handle)
{
	CHECK_EQ(handle, 8);
	corosync.quorums--;
	return CS_OK;
}

cs_error_t quorum_context_get(quorum_handle_t handle, const void **ctx)
{
	CHECK_EQ(handle, 8);
	*ctx = corosync.quorum_ctx;
	return CS_OK;
}

cs_error_t quorum_fd_get(quorum_handle_t handle, int *fd)
{
	CHECK_EQ(handle, 8);
	*fd = corosync.quorum_fds[0];
	return CS_OK;
}

cs_error_t quorum_trackstart(quorum_handle_t handle, unsigned flags)
{
	CHECK_EQ(handle, 8);
	CHECK_EQ(flags, CS_TRACK_CURRENT | CS_TRACK_CHANGES);
	if (corosync.track_error == CS_OK)
		corosync.tracks++;
	return corosync.track_error;
}

cs_error_t quorum_dispatch(quorum_handle_t handle, cs_dispatch_flags_t flags)
{
	CHECK_EQ(handle, 8);
	CHECK_EQ(flags, CS_DISPATCH_ALL);
	quiet_down(corosync.quorum_fds[0]);
	if (corosync.quorum_dispatch_error != CS_OK)
		return corosync.quorum_dispatch_error;
	if (corosync.quorate_waits) {
		corosync.quorate_waits = false;
		corosync.machines.nodelist_notify_fn(handle, corosync.ring, 0, NULL, 0, NULL, 0,
						     NULL);
		corosync.machines.quorum_notify_fn(handle, corosync.quorate, corosync.ring, 0,
						   NULL);
	}
	return CS_OK;
}

static void wake(const int fds[2])
{
	CHECK_EQ(os_write_some(fds[1], "x", 1), 1);
}

static struct event *tell(enum event_kind kind)
{
	struct event *e = &corosync.event[corosync.last++];

	*e = (struct event){ .kind = kind };
	return e;
}

static void tell_ring(uint64_t seq, uint32_t nodeid)
{
	struct event *e = tell(RING);

	e->seq = seq;
	e->nodeid = nodeid;
}

static struct event *tell_members(uint32_t first, uint32_t second)
{
	struct event *e = tell(MEMBERS);

	e->member[e->members++].nodeid = first;
	if (second)
		e->member[e->members++].nodeid = second;
	return e;
}

static void tell_message(uint32_t nodeid, uint8_t byte, size_t len)
{
	struct event *e = tell(MESSAGE);

	e->nodeid = nodeid;
	e->bytes[0] = byte;
	e->len = len;
}

static void tell_quorum(uint64_t seq, uint32_t nodeid, uint32_t quorate)
{
	corosync.ring = (struct quorum_ring_id){ .nodeid = nodeid, .seq = seq };
	corosync.quorate = quorate;
	corosync.quorate_waits = true;
	wake(corosync.quorum_fds);
}

static void corosync_begin(void)
{
	memset(&corosync, 0, sizeof(corosync));
	corosync.connect_error = corosync.votes_error = corosync.quorum_error = CS_OK;
	corosync.track_error = corosync.join_error = corosync.dispatch_error = CS_OK;
	corosync.quorum_dispatch_error = corosync.send_error = corosync.info_error = CS_OK;
	corosync.nodeid = NODEID;
	corosync.expected = 3;
	corosync.node_votes = 1;
	CHECK_EQ(os_unix_pair(OS_STREAM, corosync.order_fds), 0);
	CHECK_EQ(os_unix_pair(OS_STREAM, corosync.quorum_fds), 0);
	for (int i = 0; i < 2; i++) {
		os_set_nonblock(corosync.order_fds[i], 1);
		os_set_nonblock(corosync.quorum_fds[i], 1);
	}
}

static void corosync_end(void)
{
	CHECK(!corosync.cpgs && !corosync.quorums && !corosync.votes);
	for (int i = 0; i < 2; i++) {
		os_close(corosync.order_fds[i]);
		os_close(corosync.quorum_fds[i]);
	}
}

#endif
