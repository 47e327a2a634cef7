/* SPDX-License-Identifier: Apache-2.0 */

/* dvs nodes: the table is shown in any case, and the first thing that is not well is the exit status. */

#include "ctl/rig_test.h"
#include "os/membership.h"

int __wrap_membership_roster(const char *path, struct roster *roster, struct refusal *refusal);

static const char *list;

int __wrap_membership_roster(const char *path, struct roster *roster, struct refusal *refusal)
{
	int line;

	(void)refusal;
	CHECK(!strcmp(path, "/etc/dvs/cluster"));
	return list && !roster_parse(roster, list, strlen(list), &line) ? 0 : EDVSNOENT;
}

static struct ctl_node_row row[2];
static struct ctl_node_status status;
static struct ctl_counters counters;
static int refuse;

static void serve(const struct ctl_request *request)
{
	if (refuse == request->call) {
		rig_refuse(EDVSDVSINIT, "it does not want to");
		return;
	}
	switch (request->call) {
	case CTL_NODES:
		rig_row(&row[0], sizeof(row[0]));
		rig_row(&row[1], sizeof(row[1]));
		rig_end(0);
		break;
	case CTL_STATUS:
		rig_end_with(&status, sizeof(status));
		break;
	case CTL_COUNTERS:
		rig_end_with(&counters, sizeof(counters));
		break;
	default:
		rig_refuse(EDVSNOSYS, "what?");
	}
}

static void all_is_well(void)
{
	memset(row, 0, sizeof(row));
	for (int i = 0; i < 2; i++) {
		row[i].node.n_nodeid = i;
		snprintf(row[i].node.n_name, sizeof(row[i].node.n_name), "name%d", i);
		row[i].up = row[i].link_up = 1;
		row[i].speaker = (struct protocol_speaker){ 3, 3, "1.2.3" };
		row[i].protocol = 3;
		row[i].address = address_v4((const uint8_t[]){ 10, 0, 0, (uint8_t)(i + 1) });
	}
	row[0].self = 1;
	status = (struct ctl_node_status){ .quorum = 1, .groups = 1 };
	counters = (struct ctl_counters){ .moves_begun = 7 };
	counters.refusals[0] = (struct ctl_refusals){ .error = EDVSNONODE, .count = 3 };
	rig_daemon = serve;
}

static void test_well(void)
{
	all_is_well();
	CHECK_EQ(rig_run(verb_nodes, "x", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_nodes, NULL), DONE);
	CHECK_EQ(rig->asked, 2); /* nobody reads the counters */
	CHECK(rig_said("name1"));
	CHECK(rig_said("10.0.0.2"));
	CHECK(rig_said("self"));
	CHECK(rig_said("quorum: yes"));
	CHECK(!strstr(rig->out, "control groups"));
	status.groups = 0;
	CHECK_EQ(rig_run(verb_nodes, NULL), DONE);
	CHECK(rig_said("can make no control groups"));
}

/* A node that has left and is off the list is not missed; one of the list, or of another cluster, is. */
static void test_left(void)
{
	static const struct {
		const char *list;
		int status;
	} tries[] = {
		{ NULL, REFUSED },
		{ "node 0 name0 10.0.0.1\n", DONE },
		{ "node 0 name0 10.0.0.1\nnode 1 name1 10.0.0.2\n", REFUSED },
		{ "node 0 other 10.0.0.1\n", REFUSED },
	};

	all_is_well();
	row[1].up = row[1].link_up = 0;
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		list = tries[i].list;
		CHECK_EQ(rig_run(verb_nodes, NULL), tries[i].status);
		CHECK_EQ(rig_said("name1"), tries[i].status == REFUSED);
	}
	list = "node 0 name0 10.0.0.1\n";
	row[1].up = 1; /* it is still there */
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	list = NULL;
}

static void test_links(void)
{
	all_is_well();
	row[1].silent_ms = 1999;
	CHECK_EQ(rig_run(verb_nodes, NULL), DONE);
	CHECK(!strstr(rig->out, "silent"));
	row[1].silent_ms = 2000;
	CHECK_EQ(rig_run(verb_nodes, NULL), DONE); /* not well, and no failure yet */
	CHECK(rig_said("silent"));
	row[1].link_up = 0;
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	CHECK(rig_said("down"));
	CHECK(rig_wrong("the link to node 1 is down"));
	row[1].up = 0;
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	CHECK(rig_wrong("node 1 is not up"));
	status.quorum = 0;
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	CHECK(rig_said("quorum: no"));
	CHECK(rig_said("unknown")); /* and not as it was decided last */
	CHECK(rig_wrong("has no quorum"));
	row[1].link_up = 1;
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	CHECK(!rig_said("unknown"));
	row[1].link_up = 0;
	status.quorum = CTL_QUORUM_LOST;
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	CHECK(rig_wrong("its sequencer has ended"));
	CHECK(rig_wrong("goes on without it"));
}

/* A difference counts as far as it is sure. */
static void test_clocks(void)
{
	all_is_well();
	CHECK_EQ(rig_run(verb_nodes, NULL), DONE);
	row[1].clock_known = 1;
	row[1].clock_ahead_ns = -2500000;
	row[1].clock_error_ns = 150000;
	CHECK_EQ(rig_run(verb_nodes, NULL), DONE);
	CHECK(rig_said("-2.5+-0.1ms") || rig_said("-2.5+-0.2ms"));
	row[1].clock_ahead_ns = 600000000;
	row[1].clock_error_ns = 100000001;
	CHECK_EQ(rig_run(verb_nodes, NULL), DONE);
	row[1].clock_error_ns = 99999999;
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	CHECK(rig_wrong("the clock of node 1 is 0.6 s ahead of this node's"));
	row[1].clock_ahead_ns = -600000000;
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	CHECK(rig_wrong("the clock of node 1 is 0.6 s behind this node's"));
	row[1].clock_known = 0;
	CHECK_EQ(rig_run(verb_nodes, NULL), DONE);
}

static void test_releases(void)
{
	all_is_well();
	row[1].speaker = (struct protocol_speaker){ 3, 5, "1.3.0" };
	CHECK_EQ(rig_run(verb_nodes, NULL), DONE);
	CHECK(rig_said("1.2.3"));
	CHECK(rig_said("1.3.0"));
	CHECK(rig_said("3-5"));
	row[1].speaker.least = 4;
	row[1].protocol = 0;
	row[1].link_up = 0;
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	CHECK(rig_said("refused"));
	CHECK(rig_wrong("node 1 (dvs 1.3.0) speaks protocol 4-5"));
	CHECK(rig_wrong("EDVSPROTONOSUPPORT"));
	/* It has not met this node yet. */
	row[1].speaker = (struct protocol_speaker){ 0 };
	CHECK_EQ(rig_run(verb_nodes, NULL), REFUSED);
	CHECK(rig_wrong("the link to node 1 is down"));
}

static void test_document(void)
{
	json_t *document, *counted;

	all_is_well();
	CHECK_EQ(rig_run(verb_nodes, "--json", NULL), DONE);
	CHECK_EQ(rig->asked, 3);
	document = rig_document();
	counted = json_object_get(json_array_get(document, 0), "counters");
	CHECK_EQ(json_integer_value(json_object_get(counted, "moves_begun")), 7);
	CHECK_EQ(json_integer_value(
			 json_object_get(json_object_get(counted, "refusals"), "EDVSNONODE")),
		 3);
	CHECK_EQ(json_array_size(json_object_get(json_array_get(document, 1), "addresses")), 1);
	/* Only its own daemon knows these. */
	CHECK(json_is_null(json_object_get(json_array_get(document, 1), "counters")));
	CHECK(json_is_null(json_object_get(json_array_get(document, 1), "control_groups")));
	CHECK(json_is_true(json_object_get(json_array_get(document, 0), "control_groups")));
	CHECK_EQ(json_integer_value(json_object_get(json_array_get(document, 1), "protocol")), 3);
	CHECK(!strcmp(json_string_value(json_object_get(json_array_get(document, 1), "release")),
		      "1.2.3"));
	CHECK(json_is_null(json_object_get(json_array_get(document, 1), "clock_ahead_ns")));
	json_decref(document);
	list = "node 0 name0 10.0.0.1\nnode 1 name1 10.0.0.2 10.0.1.2\n";
	CHECK_EQ(rig_run(verb_nodes, "--json", NULL), DONE);
	CHECK(rig_said("\"addresses\": [\"10.0.0.2\", \"10.0.1.2\"]"));
	list = NULL;
	row[1].up = 0; /* one document, and the failure is on standard error alone */
	CHECK_EQ(rig_run(verb_nodes, "--json", NULL), REFUSED);
	CHECK(rig_has_text("name", "name0"));
	CHECK(rig_wrong("node 1 is not up"));
}

static void test_refused(void)
{
	all_is_well();
	for (int i = 0; i < 3; i++) {
		refuse = (int[]){ CTL_NODES, CTL_STATUS, CTL_COUNTERS }[i];
		CHECK_EQ(rig_run(verb_nodes, "--json", NULL), REFUSED);
		CHECK(rig_has_text("error", "EDVSDVSINIT"));
	}
	refuse = 0;
}

int main(void)
{
	TEST(test_well);
	TEST(test_left);
	TEST(test_links);
	TEST(test_clocks);
	TEST(test_releases);
	TEST(test_document);
	TEST(test_refused);
	return test_end();
}
