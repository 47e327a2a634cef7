/* SPDX-License-Identifier: Apache-2.0 */

/* The info calls: their refusals, and the name of each. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/calls.h"
#include "node/bind/binding.h"
#include "node/state/life.h"
#include "node/state/order.h"
#include "node/task/task.h"

#define OWN 2

static struct order order;
static struct life life;
static struct bindings bindings;
static struct tasks tasks = { .order = &order, .bindings = &bindings };
static struct requests requests = { .order = &order, .tasks = &tasks, .counters = &life.counters };
static struct answer answer;

static int ask_proc(int dcid, int p_nr)
{
	struct request *request = asker_request(&requests, CTL_PROCINFO, &answer);

	request->head.dcid = dcid;
	request->head.endpoint = p_nr;
	handle_procinfo(request);
	CHECK_EQ(answer.ends, 1);
	return answer.error;
}

static void test_a_slot(void)
{
	CHECK_EQ(ask_proc(-1, 0), EDVSNOTBIND);
	CHECK_EQ(ask_proc(-2, 0), EDVSBADDCID);
	CHECK_EQ(ask_proc(SHM_DCS, 0), EDVSBADDCID);
	CHECK_EQ(ask_proc(2, 0), EDVSDCNOTRUN);
	CHECK_EQ(ask_proc(1, 20), EDVSBADPROC);
	CHECK_EQ(ask_proc(1, -5), EDVSBADPROC);
	CHECK_EQ(ask_proc(1, 19), 0);
	CHECK_EQ(ask_proc(1, -4), 0);
	CHECK_EQ(((const proc_usr_t *)answer.payload)->p_nr, -4);
}

static int ask_dc(int dcid)
{
	struct request *request = asker_request(&requests, CTL_DCINFO, &answer);

	request->head.dcid = dcid;
	handle_dcinfo(request);
	return answer.error;
}

/* One that does not run has a row, too. */
static void test_a_dc(void)
{
	CHECK_EQ(ask_dc(-1), EDVSBADDCID);
	CHECK_EQ(ask_dc(SHM_DCS), EDVSBADDCID);
	CHECK_EQ(ask_dc(2), 0);
	CHECK_EQ(ask_dc(1), 0);
	CHECK_EQ(((const dc_usr_t *)answer.payload)->dc_nr_procs, 20);
}

static int ask_node(int id)
{
	struct request *request = asker_request(&requests, CTL_NODEINFO, &answer);

	request->head.nodeid = id;
	handle_nodeinfo(request);
	return answer.error;
}

static void test_a_node(void)
{
	CHECK_EQ(ask_node(-2), EDVSBADNODEID);
	CHECK_EQ(ask_node(NR_NODES), EDVSBADNODEID);
	CHECK_EQ(ask_node(5), 0);
	CHECK_EQ(ask_node(-1), 0);
	CHECK_EQ(((const node_usr_t *)answer.payload)->n_nodeid, OWN);
}

static int set_dvs(const char *name, unsigned long level, uid_t uid, uint32_t bytes)
{
	struct request *request = asker_request(&requests, CTL_DVSINFO, &answer);
	dvs_usr_t *wanted = calloc(1, sizeof(*wanted));

	snprintf(wanted->d_name, sizeof(wanted->d_name), "%s", name);
	wanted->d_dbglvl = level;
	request->uid = uid;
	request->head.cmd = 1;
	request->head.payload_bytes = bytes;
	request->payload = (uint8_t *)wanted;
	handle_dvsinfo(request);
	CHECK_EQ(answer.ends, 1);
	return answer.error;
}

/* To say what is so already needs no right. */
static void test_the_dvs(void)
{
	CHECK_EQ(set_dvs("NEW", 7, 0, 3), EDVSBADREQUEST);
	CHECK_EQ(set_dvs("NEW", 7, 1000, sizeof(dvs_usr_t)), EDVSPRIVILEGES);
	CHECK(!strcmp(life.dvs_name, ""));
	CHECK_EQ(set_dvs("NEW", 7, 0, sizeof(dvs_usr_t)), 0);
	CHECK(!strcmp(life.dvs_name, "NEW"));
	CHECK_EQ(life.debug_level, 7);
	CHECK_EQ(answer.value, OWN);
	CHECK(!strcmp(((const dvs_usr_t *)answer.payload)->d_name, "NEW"));
	CHECK_EQ(set_dvs("NEW", 7, 1000, sizeof(dvs_usr_t)), 0);
	CHECK_EQ(set_dvs("NEW", 8, 1000, sizeof(dvs_usr_t)), EDVSPRIVILEGES);
	CHECK_EQ(life.debug_level, 7);
}

int main(void)
{
	struct directory_dc *dc;

	order.self = OWN;
	bindings.life = &life;
	directory_init(&order.directory);
	dc = &order.directory.dc[1];
	dc->running = 1;
	dc->nr_procs = 20;
	dc->nr_tasks = 4;
	TEST(test_a_slot);
	TEST(test_a_dc);
	TEST(test_a_node);
	TEST(test_the_dvs);
	return test_end();
}
