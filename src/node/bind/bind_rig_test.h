/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_BIND_RIG_TEST_H
#define DVS_NODE_BIND_BIND_RIG_TEST_H

/*
 * The bindings of a node that has no group and no peers, for tests of one process that includes this once. Commands
 * for the order are noted, and the test decides them; requests that are passed on to another node are noted, and not
 * answered. One DC runs, on this node and another one.
 */

#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "group/group.h"
#include "node/ask/asker_test.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/state/life.h"
#include "node/state/order.h"
#include "node/task/ended.h"
#include "node/task/rights.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/socket.h"
#include "os/thread.h"
#include "pages/exchange.h"
#include "proxy/proxy.h"

#define RIG_DC	  1
#define RIG_SELF  0
#define RIG_FAR	  1 /* another node of the DC */
#define RIG_OWNER 1000

struct rig {
	pthread_mutex_t lock;
	struct order order;
	struct life life;
	struct tasks tasks;
	struct requests requests;
	struct bindings bindings;
	struct command sent; /* the last one that was proposed */
	unsigned proposals;
	int passed_to; /* the node that a request was last passed on to; -1 */
	struct ctl_request passed;
	bool keeps; /* it is not answered yet, but by the test: */
	struct request *kept;
	unsigned ends; /* of tasks that have bindings */
	struct answer answer;
};

static struct rig rig;

/* In place of the group's: nothing else of it is needed here. */
int group_send(struct group *group, const struct command *cmd)
{
	(void)group;
	rig.sent = *cmd;
	rig.proposals++;
	return 0;
}

/* Each request that is passed on comes here, because no link is up. */
TEST_LOOKS_UNUSED static bool rig_lost(struct request *request, enum again_fate fate)
{
	(void)fate;
	rig.passed_to = request->head.node;
	rig.passed = request->head;
	if (rig.keeps) {
		CHECK(!rig.kept);
		rig.kept = request;
		return true;
	}
	request_fail(request, EDVSNOTCONN, "passed on");
	return true;
}

TEST_LOOKS_UNUSED static void rig_on_end(struct node *node, struct task *task)
{
	(void)node;
	(void)task;
	rig.ends++;
}

TEST_LOOKS_UNUSED static int rig_locate(void *ctx, int dcid, int endpoint)
{
	return binding_locate(ctx, dcid, endpoint);
}

TEST_LOOKS_UNUSED static void rig_begin(void)
{
	const struct gate_place place = {
		.node = RIG_SELF, .address = test_address(1), .port = 4000, .listen_fd = -1
	};
	struct proxy_callbacks callbacks = { .locate = rig_locate, .ctx = &rig.bindings };
	struct directory_dc *dc = &rig.order.directory.dc[RIG_DC];
	struct bindings *bindings = &rig.bindings;

	memset(&rig, 0, sizeof(rig));
	bindings->addresses.order = &rig.order;
	rig.passed_to = -1;
	os_lock_init(&rig.lock);
	os_lock_take(&rig.lock);
	directory_init(&rig.order.directory);
	rig.order.self = RIG_SELF;
	rig.order.quorum = true;
	rig.order.group = (struct group *)&rig;
	rig.order.directory.node[RIG_SELF].up = rig.order.directory.node[RIG_FAR].up = 1;
	dc->running = true;
	dc->nodes = 1 << RIG_SELF | 1 << RIG_FAR;
	dc->nr_tasks = 4;
	dc->nr_procs = 20;
	dc->nr_sysprocs = 15;
	dc->nr_nodes = NR_NODES;
	dc->owner = (struct right_owner){ .uid = RIG_OWNER, .mode = RIGHT_MODE_DEFAULT };
	dc->warn2proc = NONE;
	CHECK_EQ(exchange_new(&bindings->exchange, RIG_SELF), 0);
	CHECK_EQ(os_loop_new(&bindings->loop, &rig.lock), 0);
	CHECK_EQ(proxy_new(&bindings->proxy, bindings->loop, bindings->exchange, &place,
			   &callbacks),
		 0);
	rig.life.loop = bindings->loop;
	bindings->order = &rig.order;
	bindings->life = &rig.life;
	bindings->tasks = &rig.tasks;
	bindings->requests = &rig.requests;
	rig.tasks.lock = &rig.lock;
	rig.tasks.loop = bindings->loop;
	rig.tasks.order = &rig.order;
	rig.tasks.rights.order = &rig.order;
	rig.tasks.rights.exchange = bindings->exchange;
	rig.tasks.on_end = rig_on_end;
	rig.tasks.bindings = bindings;
	rig.requests.tasks = &rig.tasks;
	rig.requests.order = &rig.order;
	rig.requests.loop = bindings->loop;
	rig.requests.proxy = bindings->proxy;
	rig.requests.counters = &rig.life.counters;
	rig.requests.on_lost = rig_lost;
}

/* Proposals that are still under way are given up. */
TEST_LOOKS_UNUSED static void rig_end(void)
{
	order_quorum(&rig.order, false);
	order_lost(&rig.order); /* also those that would wait for a quorum are given up */
	while (rig.bindings.all)
		binding_move_away(rig.bindings.all);
	while (rig.tasks.all)
		task_free(rig.tasks.all);
	ended_forget_dc(&rig.tasks, RIG_DC);
	proxy_free(rig.bindings.proxy);
	exchange_free(rig.bindings.exchange);
	os_loop_free(rig.bindings.loop);
	CHECK(!rig.requests.shares); /* none is held for ever */
	os_lock_release(&rig.lock);
}

TEST_LOOKS_UNUSED static struct directory_endpoint *rig_slot(int p_nr)
{
	return &rig.order.directory.dc[RIG_DC].slot[shm_index(p_nr)];
}

/* In the directory: a process of that node is bound there. */
TEST_LOOKS_UNUSED static struct directory_endpoint *rig_bound(int p_nr, int node)
{
	struct directory_endpoint *ep = rig_slot(p_nr);

	ep->bound = 1;
	ep->node = (int8_t)node;
	return ep;
}

TEST_LOOKS_UNUSED static struct task *rig_task(pid_t pid)
{
	struct task *task = NULL;

	CHECK_EQ(task_new(&rig.tasks, pid, pid, pid, -1, &task), 0);
	return task;
}

/* A process of this node, bound here. */
TEST_LOOKS_UNUSED static struct binding *rig_bind(int p_nr, struct task *task)
{
	struct directory_endpoint *ep = rig_bound(p_nr, RIG_SELF);
	struct binding *binding = NULL;

	rights_reset(&rig.tasks.rights, RIG_DC, p_nr);
	CHECK_EQ(binding_make(task, RIG_DC, p_nr, directory_endpoint_number(ep, p_nr),
			      ep->generation, &binding),
		 0);
	return binding;
}

/* By root. */
TEST_LOOKS_UNUSED static struct request *rig_ask(int call, int p_nr)
{
	struct request *request = asker_request(&rig.requests, call, &rig.answer);

	request->head.dcid = RIG_DC;
	request->head.endpoint = p_nr;
	return request;
}

/* By this process, as one that has connected here. */
TEST_LOOKS_UNUSED static struct request *rig_ask_as_client(int call, int p_nr)
{
	struct request *request = rig_ask(call, p_nr);
	struct os_peer peer = { 0 };
	int fds[2] = { -1, -1 };

	CHECK_EQ(os_unix_pair(OS_PACKET, fds), 0);
	CHECK_EQ(os_unix_peer(fds[0], &peer), 0);
	os_close(fds[1]);
	request->fd = fds[0];
	request->pid = peer.pid;
	request->uid = peer.uid;
	request->gid = peer.gid;
	request->start = os_start_of(peer.pid);
	return request;
}

TEST_LOOKS_UNUSED static void rig_decide(int code)
{
	struct directory_result result = { .code = code };

	order_decided(&rig.order, rig.sent.request, &result);
}

/* As the order would: by the directory. */
TEST_LOOKS_UNUSED static int rig_apply(void)
{
	static struct directory_effect item[DIRECTORY_EFFECTS_MAX];
	struct directory_effects effects = { .item = item };
	struct directory_result result = { 0 };

	directory_apply(&rig.order.directory, rig.order.directory.order + 1, &rig.sent, &effects,
			&result);
	order_decided(&rig.order, rig.sent.request, &result);
	return result.code;
}

/* The error by which it is answered, once this node has heard of all that was ordered before; 1: it waits. */
TEST_LOOKS_UNUSED static int rig_run(void (*handle)(struct request *request),
				     struct request *request)
{
	unsigned before = rig.proposals;

	rig.passed_to = -1;
	handle(request);
	if (rig.proposals > before && rig.sent.kind == COMMAND_SYNC)
		rig_decide(0);
	CHECK(rig.answer.ends <= 1);
	return rig.answer.ends ? rig.answer.error : 1;
}

#endif
