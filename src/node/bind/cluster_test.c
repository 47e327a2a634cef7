/* SPDX-License-Identifier: Apache-2.0 */

/* Calls that change the shared state: numbers that are refused here, and the command for the order. */

#include <stdlib.h>
#include <string.h>

#include "node/bind/bind_rig_test.h"
#include "node/calls.h"

static void test_shutdown(void)
{
	rig_begin();
	CHECK_EQ(rig_run(handle_shutdown, rig_ask(CTL_SHUTDOWN, 0)), 0);
	CHECK(rig.life.stopping);
	rig_end();
}

static dc_usr_t numbers(void)
{
	dc_usr_t dc = { .dc_dcid = 2,
			.dc_nr_procs = 32,
			.dc_nr_tasks = 8,
			.dc_nr_sysprocs = 16,
			.dc_nr_nodes = 4,
			.dc_warn2proc = NONE,
			.dc_name = "DC2" };

	return dc;
}

static int init(const dc_usr_t *dc, unsigned flags)
{
	struct request *request = rig_ask(CTL_DCINIT, 0);

	request->head.flags = flags;
	request->head.payload_bytes = sizeof(*dc);
	request->payload = malloc(sizeof(*dc));
	memcpy(request->payload, dc, sizeof(*dc));
	return rig_run(handle_dcinit, request);
}

static int with(size_t offset, int value)
{
	dc_usr_t dc = numbers();

	memcpy((char *)&dc + offset, &value, sizeof(value));
	return init(&dc, 0);
}

#define WITH(field, value) with(offsetof(dc_usr_t, field), value)

static void test_numbers(void)
{
	dc_usr_t dc = numbers();

	rig_begin();
	CHECK_EQ(WITH(dc_dcid, -1), EDVSBADDCID);
	CHECK_EQ(WITH(dc_dcid, SHM_DCS), EDVSBADDCID);
	CHECK_EQ(WITH(dc_nr_procs, 0), EDVSBADRANGE);
	CHECK_EQ(WITH(dc_nr_procs, NR_PROCS + 1), EDVSBADRANGE);
	CHECK_EQ(WITH(dc_nr_tasks, -1), EDVSBADRANGE);
	CHECK_EQ(WITH(dc_nr_tasks, NR_TASKS + 1), EDVSBADRANGE);
	CHECK_EQ(WITH(dc_nr_sysprocs, 8), EDVSBADRANGE); /* no more than the tasks */
	CHECK_EQ(WITH(dc_nr_sysprocs, 40), EDVSBADRANGE);
	CHECK_EQ(WITH(dc_nr_nodes, 0), EDVSBADRANGE);
	CHECK_EQ(WITH(dc_nr_nodes, NR_NODES + 1), EDVSBADRANGE);
	memset(dc.dc_name, 'x', sizeof(dc.dc_name));
	CHECK_EQ(init(&dc, 0), EDVSNAMESIZE);
	CHECK_EQ(rig.proposals, 0);
	rig_end();
}

/* A program states a DC; one that the command line creates serves, unless it is to have the contract's rights. */
static void test_the_command(void)
{
	dc_usr_t dc = numbers();

	rig_begin();
	CHECK_EQ(init(&dc, 0), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_DC_CREATE);
	CHECK_EQ(rig.sent.dcid, 2);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_EXACT | COMMAND_FLAG_STATED);
	CHECK_EQ(rig.sent.nodes, 0); /* all that are up */
	CHECK_EQ(rig.sent.nr_sysprocs, 16);
	CHECK(!strcmp(rig.sent.name, "DC2"));
	rig_decide(0);
	CHECK_EQ(rig.answer.ends, 1);
	CHECK_EQ(rig.answer.value, RIG_SELF);
	CHECK_EQ(init(&dc, CTL_FLAG_CREATE), 1);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_EXACT | COMMAND_FLAG_SERVE);
	rig_decide(EDVSRSCBUSY);
	CHECK_EQ(rig.answer.error, EDVSRSCBUSY);
	CHECK(strstr(rig.answer.sentence,
		     "DC 2 was not changed: a DC of this number or name runs"));
	CHECK_EQ(init(&dc, CTL_FLAG_CREATE | CTL_FLAG_CLASSIC), 1);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_EXACT);
	rig_decide(0);
	dc.dc_nr_nodes = 1; /* and two are up */
	CHECK_EQ(init(&dc, 0), 1);
	CHECK_EQ(rig.sent.nodes, 1u << RIG_SELF);
	rig_decide(0);
	rig_end();
}

static int create(struct request *request, const struct ctl_dc_make *make)
{
	request->head.flags = CTL_FLAG_CREATE;
	request->head.payload_bytes = sizeof(*make);
	request->payload = malloc(sizeof(*make));
	memcpy(request->payload, make, sizeof(*make));
	return rig_run(handle_dcinit, request);
}

static int make(uint32_t uid, uint32_t gid, uint32_t mode)
{
	const struct ctl_dc_make make = { .dc = numbers(), .uid = uid, .gid = gid, .mode = mode };
	struct request *request = rig_ask(CTL_DCINIT, 0);

	request->gid = 7;
	return create(request, &make);
}

static void test_the_owner(void)
{
	rig_begin();
	CHECK_EQ(make(1000, 50, 0750), 1);
	CHECK_EQ(rig.sent.uid, 1000);
	CHECK_EQ(rig.sent.gid, 50);
	CHECK_EQ(rig.sent.mode, 0750);
	CHECK_EQ(rig.sent.by_uid, 0);
	CHECK(!strcmp(rig.sent.name, "DC2"));
	rig_decide(0);
	/* Unsaid: the asker's. */
	CHECK_EQ(make(CTL_UNSAID, CTL_UNSAID, CTL_UNSAID), 1);
	CHECK_EQ(rig.sent.uid, 0);
	CHECK_EQ(rig.sent.gid, 7);
	CHECK_EQ(rig.sent.mode, 0700);
	rig_decide(0);
	/* Too large for the field of the command: it is not cut to one that is right. */
	CHECK_EQ(make(1000, 50, 0x10000), 1);
	CHECK(rig.sent.mode > RIGHT_MODE_MOST);
	rig_decide(EDVSBADVALUE);
	CHECK(strstr(rig.answer.sentence, "three digits"));
	rig_end();
}

static struct address_net net_of(const char *text)
{
	struct address_net net = { .prefix = 0 };

	CHECK(!address_net_parse(&net, text));
	return net;
}

static int make_with(uint32_t count, const char *one, const char *other)
{
	const struct ctl_dc_make make = { .dc = numbers(),
					  .uid = CTL_UNSAID,
					  .gid = CTL_UNSAID,
					  .mode = CTL_UNSAID,
					  .service_count = count,
					  .service = { net_of(one), net_of(other) } };

	return create(rig_ask(CTL_DCINIT, 0), &make);
}

/* One command after the other; if an address is refused then the DC is removed again. */
static void test_addresses(void)
{
	struct directory_dc *other;

	rig_begin();
	other = &rig.order.directory.dc[RIG_DC];
	CHECK_EQ(make_with(2, "10.0.0.5/24", "fd00::5/64"), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_DC_CREATE);
	rig_decide(0);
	CHECK_EQ(rig.sent.kind, COMMAND_DC_ADDRESS);
	CHECK_EQ(rig.sent.dcid, 2);
	CHECK_EQ(rig.sent.value, 24);
	rig_decide(0);
	CHECK_EQ(rig.sent.kind, COMMAND_DC_ADDRESS);
	CHECK_EQ(rig.sent.value, 64);
	CHECK(!address_is_v4(rig.sent.address));
	CHECK_EQ(rig.answer.ends, 0);
	rig_decide(0);
	CHECK_EQ(rig.answer.ends, 1);
	CHECK_EQ(rig.answer.value, RIG_SELF);
	CHECK_EQ(make_with(2, "10.0.0.5/24", "10.0.0.6/24"), 1);
	rig_decide(0);
	rig_decide(0);
	rig_decide(EDVSNOSPC);
	CHECK_EQ(rig.sent.kind, COMMAND_DC_REMOVE);
	CHECK_EQ(rig.answer.ends, 0);
	rig_decide(0);
	CHECK_EQ(rig.answer.error, EDVSNOSPC);
	CHECK(strstr(rig.answer.sentence, "10.0.0.6/24: it has as many addresses"));
	CHECK_EQ(make_with(1, "10.0.0.5/24", "10.0.0.6/24"), 1);
	rig_decide(EDVSRSCBUSY);
	CHECK_EQ(rig.answer.error, EDVSRSCBUSY);
	other->service[other->services++] = net_of("10.0.0.7/16");
	CHECK_EQ(make_with(2, "10.0.0.6/24", "10.0.0.7/24"), EDVSADDRINUSE);
	CHECK(strstr(rig.answer.sentence, "the address 10.0.0.7/24 is one of DC"));
	rig.order.directory.node[1].address = net_of("10.0.0.9/24").address;
	CHECK_EQ(make_with(1, "10.0.0.9/24", "10.0.0.6/24"), EDVSADDRINUSE);
	CHECK(strstr(rig.answer.sentence, "is that of node 1 itself"));
	CHECK_EQ(make_with(CTL_SERVICES_MAX + 1, "10.0.0.8/24", "10.0.0.6/24"), EDVSBADREQUEST);
	other->services = 0;
	rig_end();
}

static void test_nodes_of_a_dc(void)
{
	struct request *request;

	rig_begin();
	request = rig_ask(CTL_ADDNODE, 0);
	request->head.nodeid = 5;
	CHECK_EQ(rig_run(handle_addnode, request), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_ADD_NODE);
	CHECK_EQ(rig.sent.node, 5);
	rig_decide(EDVSDCNODE);
	CHECK_EQ(rig.answer.error, EDVSDCNODE);
	CHECK_EQ(rig_run(handle_delnode, rig_ask(CTL_DELNODE, 0)), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_DEL_NODE);
	rig_decide(0);
	CHECK_EQ(rig.answer.error, 0);
	CHECK_EQ(rig_run(handle_dcend, rig_ask(CTL_DCEND, 0)), 1);
	CHECK_EQ(rig.sent.kind, COMMAND_DC_REMOVE);
	CHECK_EQ(rig.sent.dcid, RIG_DC);
	rig_decide(0);
	/* The group is lost before it is decided: it may have been. */
	CHECK_EQ(rig_run(handle_dcend, rig_ask(CTL_DCEND, 0)), 1);
	order_quorum(&rig.order, false);
	CHECK_EQ(rig.answer.error, EDVSINPROGRESS);
	CHECK_EQ(rig_run(handle_dcend, rig_ask(CTL_DCEND, 0)), EDVSNOCONN);
	rig_end();
}

int main(void)
{
	TEST(test_shutdown);
	TEST(test_the_owner);
	TEST(test_addresses);
	TEST(test_numbers);
	TEST(test_the_command);
	TEST(test_nodes_of_a_dc);
	return test_end();
}
