/* SPDX-License-Identifier: Apache-2.0 */
#include "group/totem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <corosync/corotypes.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>

#include "group/stream.h"
#include "os/log.h"
#include "os/loop.h"
#include "wire/shm.h"

#define LOOK_US	     200000	  /* for a Corosync that is not there */
#define AGAIN_US     2000	  /* after it said that it takes no message now */
#define MESSAGES_MAX 64		  /* in one turn of the loop */
#define QUEUE_ROOM   (128u << 10) /* bytes of messages that may wait while more can be sent */
#define GROUP_NAME   "dvs"
#define RING_NODES   64u /* more than there are nodes */

struct totem {
	struct os_loop *loop;
	struct os_source *order, *machines, *looker, *sender;
	int node;
	struct totem_calls call;
	void *ctx;
	bool connected, told; /* told: that it cannot be reached */
	bool full;	      /* there is no memory for messages to be sent */
	cpg_handle_t cpg;
	quorum_handle_t quorum;
	votequorum_handle_t votes;
	uint64_t ring; /* of the last view; 0: none yet */
	uint32_t present;
	bool odd_votes;		   /* it was told that this machine has not one vote */
	bool twice;		   /* another process of this machine is in the group */
	struct group_buffer queue; /* length 4, message */
};

/* Numbers grow from a ring to the next one of the same machine; two of the same number differ in the machine. */
static uint64_t ring_number(uint64_t seq, uint32_t nodeid)
{
	return seq * RING_NODES + nodeid % RING_NODES;
}

static void drop(struct totem *t)
{
	t->order = os_source_free(t->order);
	t->machines = os_source_free(t->machines);
	if (t->cpg)
		cpg_finalize(t->cpg);
	if (t->quorum)
		quorum_finalize(t->quorum);
	if (t->votes)
		votequorum_finalize(t->votes);
	t->cpg = t->quorum = t->votes = 0;
	t->connected = t->full = false;
	assert(!t->order && !t->machines);
	t->ring = 0;
	t->present = 0;
	group_buffer_deinit(&t->queue);
}

/* Corosync has ended, or does not want us: it is looked for again. */
static void lose(struct totem *t, const char *what, cs_error_t error)
{
	bool was = t->connected;

	assert(error != CS_OK);
	drop(t);
	if (was || !t->told)
		os_log(OS_LOG_WARN, "Corosync is not there: %s: %s; it is looked for", what,
		       cs_strerror(error));
	t->told = true;
	os_timer_set(t->looker, LOOK_US);
	if (was) {
		t->call.cut(t->ctx);
		t->call.settle(t->ctx);
	}
}

static void on_message(cpg_handle_t handle, const struct cpg_name *name, uint32_t nodeid,
		       uint32_t pid, void *message, size_t len)
{
	void *ctx = NULL;
	struct totem *t;

	(void)name;
	(void)pid;
	if (cpg_context_get(handle, &ctx) != CS_OK || !nodeid || nodeid > NR_NODES)
		return;
	t = ctx;
	t->call.hear(t->ctx, (int)nodeid - 1, message, len);
}

/* Members came and went, with their machines or by themselves. Of the machines on_ring() tells more. */
static void on_members(cpg_handle_t handle, const struct cpg_name *name,
		       const struct cpg_address *members, size_t count,
		       const struct cpg_address *left, size_t left_count,
		       const struct cpg_address *joined, size_t joined_count)
{
	uint32_t present = 0, own = 0;
	bool machines = false;
	void *ctx = NULL;
	struct totem *t;

	(void)name;
	if (cpg_context_get(handle, &ctx) != CS_OK)
		return;
	t = ctx;
	for (size_t i = 0; i < count; i++) {
		if (members[i].nodeid && members[i].nodeid <= NR_NODES)
			present |= 1u << (members[i].nodeid - 1);
		own += members[i].nodeid == (uint32_t)t->node + 1;
	}
	for (size_t i = 0; i < left_count; i++)
		machines |= left[i].reason == CPG_REASON_NODEDOWN;
	for (size_t i = 0; i < joined_count; i++)
		machines |= joined[i].reason == CPG_REASON_NODEUP;
	if (own > 1 && !t->twice)
		os_log(OS_LOG_ERROR, "another daemon of this machine is in the group");
	t->twice = own > 1;
	t->present = present;
	if (machines)
		t->call.unsettle(t->ctx);
	else if (t->ring)
		t->call.present(t->ctx, present);
}

static void on_ring(cpg_handle_t handle, struct cpg_ring_id ring, uint32_t count,
		    const uint32_t *machines)
{
	void *ctx = NULL;
	struct totem *t;

	(void)count;
	(void)machines;
	if (cpg_context_get(handle, &ctx) != CS_OK)
		return;
	t = ctx;
	t->ring = ring_number(ring.seq, ring.nodeid);
	assert(t->ring);
	group_buffer_take(&t->queue, group_buffer_size(&t->queue));
	t->call.view(t->ctx, t->ring, t->present);
}

static void on_quorum(quorum_handle_t handle, uint32_t quorate, struct quorum_ring_id ring,
		      uint32_t count, const uint32_t *machines)
{
	struct votequorum_info info = { 0 };
	const void *ctx = NULL;
	struct totem *t;

	(void)count;
	(void)machines;
	if (quorum_context_get(handle, &ctx) != CS_OK)
		return;
	t = (struct totem *)(uintptr_t)ctx;
	if (!t->votes || votequorum_getinfo(t->votes, (unsigned)t->node + 1, &info) != CS_OK)
		return;
	if (info.node_votes != 1 && !t->odd_votes)
		os_log(OS_LOG_WARN,
		       "this machine has %u votes, and dvs counts one for each machine: two sides of a cut may "
		       "both go on; set quorum_votes: 1 (or leave it out) for each node of corosync.conf",
		       info.node_votes);
	t->odd_votes = info.node_votes != 1;
	/* Of two machines one is no majority, whatever `two_node` says: both would go on. */
	t->call.quorum(t->ctx, ring_number(ring.seq, ring.nodeid), quorate,
		       info.highest_expected / 2 + 1);
}

static void on_machines(quorum_handle_t handle, struct quorum_ring_id ring, uint32_t count,
			const uint32_t *list, uint32_t joined_count, const uint32_t *joined,
			uint32_t left_count, const uint32_t *left)
{
	(void)handle;
	(void)ring;
	(void)count;
	(void)list;
	(void)joined_count;
	(void)joined;
	(void)left_count;
	(void)left;
}

static void on_order(void *ctx, int fd, int events)
{
	struct totem *t = ctx;
	cs_error_t error = CS_OK;

	(void)fd;
	(void)events;
	for (int i = 0; i < MESSAGES_MAX && error == CS_OK; i++)
		error = cpg_dispatch(t->cpg, CS_DISPATCH_ONE_NONBLOCKING);
	if (error == CS_OK || error == CS_ERR_TRY_AGAIN)
		t->call.settle(t->ctx);
	else
		lose(t, "the connection to the group", error);
}

static void on_quorum_ready(void *ctx, int fd, int events)
{
	struct totem *t = ctx;
	cs_error_t error = quorum_dispatch(t->quorum, CS_DISPATCH_ALL);

	(void)fd;
	(void)events;
	if (error == CS_OK || error == CS_ERR_TRY_AGAIN)
		t->call.settle(t->ctx);
	else
		lose(t, "the connection to the quorum", error);
}

/* The step that failed, or NULL. */
static const char *connect_all(struct totem *t, cs_error_t *error)
{
	cpg_model_v1_data_t order = { .model = CPG_MODEL_V1,
				      .cpg_deliver_fn = on_message,
				      .cpg_confchg_fn = on_members,
				      .cpg_totem_confchg_fn = on_ring,
				      .flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF };
	quorum_model_v1_data_t machines = { .model = QUORUM_MODEL_V1,
					    .quorum_notify_fn = on_quorum,
					    .nodelist_notify_fn = on_machines };
	uint32_t type;
	unsigned nodeid;

	assert(!t->cpg && !t->quorum && !t->votes);
	*error = cpg_model_initialize(&t->cpg, CPG_MODEL_V1, (cpg_model_data_t *)&order, t);
	if (*error != CS_OK) {
		t->cpg = 0;
		return "cpg_model_initialize";
	}
	*error = cpg_local_get(t->cpg, &nodeid);
	if (*error != CS_OK)
		return "cpg_local_get";
	if (nodeid != (unsigned)t->node + 1) {
		if (!t->told)
			os_log(OS_LOG_ERROR,
			       "node %d needs Corosync's node id %d, but here it is %u: set "
			       "nodeid in corosync.conf, or the number of the node",
			       t->node, t->node + 1, nodeid);
		*error = CS_ERR_INVALID_PARAM;
		return "its node id";
	}
	*error = votequorum_initialize(&t->votes, NULL);
	if (*error != CS_OK) {
		t->votes = 0;
		return "votequorum_initialize; corosync.conf needs quorum { provider: "
		       "corosync_votequorum }";
	}
	*error = quorum_model_initialize(&t->quorum, QUORUM_MODEL_V1,
					 (quorum_model_data_t *)&machines, &type, t);
	if (*error != CS_OK) {
		t->quorum = 0;
		return "quorum_model_initialize";
	}
	return NULL;
}

static const char *join_all(struct totem *t, cs_error_t *error)
{
	struct cpg_name name = { .length = strlen(GROUP_NAME), .value = GROUP_NAME };
	int fd;

	assert(t->cpg && t->quorum);
	*error = quorum_trackstart(t->quorum, CS_TRACK_CURRENT | CS_TRACK_CHANGES);
	if (*error != CS_OK)
		return "quorum_trackstart";
	*error = cpg_join(t->cpg, &name);
	if (*error != CS_OK)
		return "cpg_join";
	*error = quorum_fd_get(t->quorum, &fd);
	if (*error != CS_OK ||
	    os_source_io(t->loop, fd, OS_READ, on_quorum_ready, t, &t->machines) < 0)
		return "quorum_fd_get";
	*error = cpg_fd_get(t->cpg, &fd);
	if (*error != CS_OK || os_source_io(t->loop, fd, OS_READ, on_order, t, &t->order) < 0)
		return "cpg_fd_get";
	return NULL;
}

static void look(void *ctx)
{
	struct totem *t = ctx;
	cs_error_t error = CS_OK;
	const char *failed;

	assert(!t->connected);
	failed = connect_all(t, &error);
	if (!failed)
		failed = join_all(t, &error);
	if (failed) {
		lose(t, failed, error == CS_OK ? CS_ERR_LIBRARY : error);
		return;
	}
	os_log(OS_LOG_INFO, "in the group of this machine's Corosync");
	t->connected = true;
	t->told = false;
}

/* A connection that is lost is found by the next dispatch. */
void totem_ask(struct totem *t)
{
	unsigned nodeid;

	assert(!t->connected || t->cpg);
	if (t->connected)
		cpg_local_get(t->cpg, &nodeid);
}

/* Sends what waits, as far as Corosync takes it. */
static void send_queue(struct totem *t)
{
	cs_error_t error = CS_OK;

	while (t->connected && group_buffer_size(&t->queue)) {
		cpg_flow_control_state_t full = CPG_FLOW_CONTROL_DISABLED;
		struct iovec part;
		uint32_t len;

		memcpy(&len, t->queue.bytes + t->queue.from, sizeof(len));
		part.iov_base = t->queue.bytes + t->queue.from + sizeof(len);
		part.iov_len = len;
		error = cpg_flow_control_state_get(t->cpg, &full);
		if (error == CS_OK && full == CPG_FLOW_CONTROL_ENABLED)
			error = CS_ERR_TRY_AGAIN;
		if (error == CS_OK)
			error = cpg_mcast_joined(t->cpg, CPG_TYPE_AGREED, &part, 1);
		if (error != CS_OK)
			break;
		group_buffer_take(&t->queue, sizeof(len) + len);
	}
	/* A connection that is lost is found by the next dispatch, which hears what came before. */
	if (error == CS_ERR_TRY_AGAIN)
		os_timer_set(t->sender, AGAIN_US);
}

bool totem_has_room(const struct totem *t)
{
	return group_buffer_size(&t->queue) < QUEUE_ROOM;
}

static void on_sender(void *ctx)
{
	struct totem *t = ctx;
	bool had_room = totem_has_room(t);

	if (t->full) {
		lose(t, "memory", CS_ERR_NO_MEMORY);
		return;
	}
	send_queue(t);
	if (!had_room && totem_has_room(t))
		t->call.settle(t->ctx);
}

void totem_send(struct totem *t, const uint8_t *head, size_t head_bytes, const uint8_t *payload,
		size_t bytes)
{
	uint32_t len = (uint32_t)(head_bytes + bytes);
	bool was_empty = !group_buffer_size(&t->queue);

	assert(head_bytes);
	if (!t->connected || t->full)
		return;
	if (group_buffer_add(&t->queue, &len, sizeof(len)) < 0 ||
	    group_buffer_add(&t->queue, head, head_bytes) < 0 ||
	    group_buffer_add(&t->queue, payload, bytes) < 0) {
		t->full = true; /* the caller is in the middle of something */
		os_timer_set(t->sender, 0);
		return;
	}
	if (was_empty)
		send_queue(t);
}

int totem_new(struct totem **totemp, struct os_loop *loop, int node, const struct totem_calls *call,
	      void *ctx)
{
	struct totem *t = calloc(1, sizeof(*t));
	int r;

	assert(node >= 0 && node < NR_NODES);
	if (!t)
		return -ENOMEM;
	t->loop = loop;
	t->node = node;
	t->call = *call;
	t->ctx = ctx;
	r = os_source_timer(loop, 0, look, t, &t->looker);
	if (!r)
		r = os_source_timer(loop, -1, on_sender, t, &t->sender);
	if (r < 0)
		totem_free(t);
	else
		*totemp = t;
	return r;
}

struct totem *totem_free(struct totem *t)
{
	if (t) {
		drop(t);
		assert(!t->queue.bytes);
		os_source_free(t->looker);
		os_source_free(t->sender);
		free(t);
	}
	return NULL;
}
