/* SPDX-License-Identifier: Apache-2.0 */

/* dvs dc: which words are which request, and what keeps a container from being removed. */

#include "ctl/dc.h"

#include "ctl/rig_test.h"

static int endpoints;

static void serve(const struct ctl_request *request)
{
	struct ctl_dc_row dc = { .dc = { .dc_dcid = 3, .dc_nodes = 7, .dc_name = "three" },
				 .endpoints = endpoints,
				 .uid = 1000,
				 .gid = 4294967294u,
				 .mode = 0750,
				 .service_count = 1,
				 .service_holder = 10,
				 .service_node = 2 };
	struct ctl_dc_row other = { .dc = { .dc_dcid = 4, .dc_name = "four" }, .endpoints = 9 };
	struct ctl_node_row node = { .node = { .n_nodeid = 0 }, .up = 1 };

	CHECK(!address_net_parse(&dc.service[0], "10.0.0.5/24"));
	switch (request->call) {
	case CTL_DCS:
		rig_row(&dc, sizeof(dc));
		rig_row(&other, sizeof(other));
		break;
	case CTL_NODES:
		rig_row(&node, sizeof(node));
		node.node.n_nodeid = 2;
		rig_row(&node, sizeof(node));
		node.node.n_nodeid = 3;
		node.up = 0;
		rig_row(&node, sizeof(node));
		node.node.n_nodeid = NR_NODES + 1; /* no bit of a set of nodes */
		node.up = 1;
		rig_row(&node, sizeof(node));
		break;
	default:
		break;
	}
	rig_end(0);
}

static void test_words(void)
{
	rig_daemon = serve;
	CHECK_EQ(rig_run(verb_dc, "make", NULL), WRONG_USAGE);
	CHECK(rig_wrong("list, create, add, leave or rm, not \"make\""));
	CHECK_EQ(rig_run(verb_dc, "list", "3", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dc, "create", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dc, "rm", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dc, "create", "x", NULL), WRONG_USAGE);
	CHECK(rig_wrong("needs a container's number, not x"));
	CHECK_EQ(rig_run(verb_dc, "rm", "3", "4", NULL), WRONG_USAGE);
	CHECK(rig_wrong("unexpected word \"4\""));
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--nodes", "0,x", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--name", "a-name-of-16-let", NULL), WRONG_USAGE);
	CHECK_EQ(rig->asked, 0);
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--name", "a-name-of-15-le", NULL), DONE);
}

static void test_list(void)
{
	endpoints = 5;
	CHECK_EQ(rig_run(verb_dc, NULL), DONE);
	CHECK(rig_said("three  0-2") || rig_said("three 0-2"));
	CHECK(rig_said("0750"));
	CHECK(rig_said("10.0.0.5/24@2"));
	CHECK_EQ(rig_run(verb_dc, "list", "--json", NULL), DONE);
	CHECK(rig_said("\"10.0.0.5/24\""));
	CHECK(rig_has_number("address_endpoint", 10));
	CHECK(rig_has_number("address_node", 2));
	CHECK_EQ(rig->request[0].head.call, CTL_DCS);
	CHECK(rig_has_number("dcid", 3));
	CHECK(rig_has_number("endpoints", 5));
	CHECK(rig_has_number("owner", 1000));
	CHECK(rig_has_number("group", 4294967294));
	CHECK(rig_has_text("mode", "0750"));
	CHECK(rig_has_text("name", "three"));
}

static struct ctl_dc_make make_of(const struct rig_request *request)
{
	struct ctl_dc_make make;

	memcpy(&make, request->payload, sizeof(make));
	return make;
}

static dc_usr_t made(const struct rig_request *request)
{
	return make_of(request).dc;
}

static void test_owner(void)
{
	struct ctl_dc_make make;

	CHECK_EQ(rig_run(verb_dc, "create", "3", "--nodes", "0", "--owner", "1000", "--group",
			 "root", "--mode", "0750", NULL),
		 DONE);
	make = make_of(&rig->request[0]);
	CHECK_EQ(make.uid, 1000);
	CHECK_EQ(make.gid, 0);
	CHECK_EQ(make.mode, 0750);
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--nodes", "0", "--mode", "7", NULL), DONE);
	make = make_of(&rig->request[0]);
	CHECK_EQ(make.uid, CTL_UNSAID);
	CHECK_EQ(make.gid, CTL_UNSAID);
	CHECK_EQ(make.mode, 7);
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--owner", "-1", NULL), WRONG_USAGE);
	CHECK(rig_wrong("there is no user \"-1\""));
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--group", "no-such-group", NULL), WRONG_USAGE);
	CHECK(rig_wrong("there is no group \"no-such-group\""));
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--mode", "0800", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--mode", "1777", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--mode", "", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--mode", "-7", NULL), WRONG_USAGE);
	CHECK_EQ(rig->asked, 0);
}

static void test_create(void)
{
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--nodes", "0,2", "--name", "x", NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(rig->request[0].head.call, CTL_DCINIT);
	CHECK_EQ(rig->request[0].head.dcid, 3);
	CHECK_EQ(rig->request[0].head.bytes, 5);
	CHECK_EQ(rig->request[0].head.flags, CTL_FLAG_CREATE);
	CHECK_EQ(made(&rig->request[0]).dc_nodes, 5);
	CHECK(!strcmp(made(&rig->request[0]).dc_name, "x"));
	CHECK(rig_said("container 3 runs on nodes 0,2"));
	/* Nobody is named: those that are up. */
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--classic", "--json", NULL), DONE);
	CHECK_EQ(rig->asked, 2);
	CHECK_EQ(rig->request[1].head.bytes, 5);
	CHECK_EQ(rig->request[1].head.flags, CTL_FLAG_CREATE | CTL_FLAG_CLASSIC);
	CHECK(!strcmp(made(&rig->request[1]).dc_name, "DC3"));
	CHECK(rig_has_number("dcid", 3));
}

static void test_addresses(void)
{
	struct ctl_dc_make make;
	char text[ADDRESS_NET_TEXT];

	CHECK_EQ(rig_run(verb_dc, "create", "3", "--nodes", "0", "--address", "10.0.0.5/24",
			 "--address", "fd00::5/64", NULL),
		 DONE);
	make = make_of(&rig->request[0]);
	CHECK_EQ(make.service_count, 2);
	CHECK(!strcmp(address_net_print(&make.service[1], text), "fd00::5/64"));
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--address", "10.0.0.5", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--address 10.0.0.5: the length of a network follows"));
	CHECK_EQ(rig_run(verb_dc, "create", "3", "--address", "x/24", NULL), WRONG_USAGE);
	CHECK_EQ(rig->asked, 0);
}

static void test_add(void)
{
	CHECK_EQ(rig_run(verb_dc, "add", "3", "2", NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(rig->request[0].head.call, CTL_ADDNODE);
	CHECK_EQ(rig->request[0].head.dcid, 3);
	CHECK_EQ(rig->request[0].head.nodeid, 2);
	CHECK(rig_said("container 3 runs on node 2 as well"));
	CHECK_EQ(rig_run(verb_dc, "add", "3", "2", "--json", NULL), DONE);
	CHECK(rig_has_number("dcid", 3));
	CHECK(rig_has_number("node", 2));
	CHECK_EQ(rig_run(verb_dc, "add", "3", NULL), WRONG_USAGE);
	CHECK(rig_wrong("add needs a container's number and a node"));
	CHECK_EQ(rig_run(verb_dc, "add", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dc, "add", "x", "2", NULL), WRONG_USAGE);
	CHECK(rig_wrong("needs a container's number, not x"));
	CHECK_EQ(rig_run(verb_dc, "add", "3", "2", "1", NULL), WRONG_USAGE);
	CHECK(rig_wrong("unexpected word \"1\""));
	CHECK_EQ(rig_run(verb_dc, "list", "3", "2", NULL), WRONG_USAGE);
	CHECK(rig_wrong("unexpected word \"3\""));
}

static void test_leave(void)
{
	CHECK_EQ(rig_run(verb_dc, "leave", "3", "2", NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(rig->request[0].head.call, CTL_DELNODE);
	CHECK_EQ(rig->request[0].head.dcid, 3);
	CHECK_EQ(rig->request[0].head.nodeid, 2);
	CHECK(rig_said("nothing new of container 3 begins on node 2; what runs there goes on"));
	CHECK_EQ(rig_run(verb_dc, "leave", "3", "2", "--json", NULL), DONE);
	CHECK(rig_has_number("dcid", 3));
	CHECK(rig_has_number("node", 2));
	CHECK_EQ(rig_run(verb_dc, "leave", "3", NULL), WRONG_USAGE);
	CHECK(rig_wrong("leave needs a container's number and a node"));
	CHECK_EQ(rig_run(verb_dc, "leave", "3", "2", "1", NULL), WRONG_USAGE);
	CHECK(rig_wrong("unexpected word \"1\""));
}

static void test_remove(void)
{
	endpoints = 5;
	CHECK_EQ(rig_run(verb_dc, "rm", "3", NULL), REFUSED);
	CHECK_EQ(rig->asked, 1);
	CHECK(rig_wrong("container 3 has 5 endpoints"));
	CHECK(rig_wrong("EDVSBUSY"));
	CHECK_EQ(rig_run(verb_dc, "rm", "3", "--force", NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(rig->request[0].head.call, CTL_DCEND);
	CHECK_EQ(rig->request[0].head.dcid, 3);
	endpoints = 0; /* the other one's do not matter */
	CHECK_EQ(rig_run(verb_dc, "rm", "3", "--json", NULL), DONE);
	CHECK(rig_has_number("dcid", 3));
	CHECK_EQ(rig->asked, 2);
}

static void refuses(const struct ctl_request *request)
{
	if (request->call == CTL_NODES)
		rig_end(0);
	else
		rig_refuse(EDVSPRIVILEGES, "only root may: use sudo");
}

static void test_refused(void)
{
	rig_daemon = refuses;
	CHECK_EQ(rig_run(verb_dc, NULL), REFUSED);
	CHECK_EQ(rig_run(verb_dc, "create", "3", NULL), REFUSED);
	CHECK(rig_wrong("only root may: use sudo"));
	CHECK_EQ(rig_run(verb_dc, "rm", "3", "--force", "--json", NULL), REFUSED);
	CHECK(rig_has_text("error", "EDVSPRIVILEGES"));
	CHECK_EQ(rig_run(verb_dc, "rm", "3", NULL), REFUSED);
	CHECK_EQ(rig->asked, 1); /* not known to be empty: not removed */
}

int main(void)
{
	TEST(test_words);
	TEST(test_list);
	TEST(test_create);
	TEST(test_owner);
	TEST(test_addresses);
	TEST(test_add);
	TEST(test_leave);
	TEST(test_remove);
	TEST(test_refused);
	return test_end();
}
