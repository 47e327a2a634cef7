/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "base/test.h"
#include "ctl/labstate.h"

static void test_round_trip(void)
{
	struct lab lab = { .lock = -1 }, back;
	char text[4096];

	lab.hub = (struct lab_task){ true, { 10, 20 }, { 30, 40 } };
	lab.sequencer = (struct lab_task){ true, { 12, 22 }, { 30, 40 } };
	lab.node[0] = (struct lab_task){ true, { 11, 21 }, { 31, 41 } };
	lab.node[15] = (struct lab_task){ true, { 0, 0 }, { 4026532000ull, 1ull << 60 } };
	lab.log_bytes = 5000;
	lab.plain = true;
	lab.ipv6 = true;
	lab.corosync = true;
	lab.cut[0] = 1u << 15;
	lab.cut[15] = 1u << 0;
	CHECK_OR_RETURN(lab_print(&lab, "b-1", text, sizeof(text)));
	CHECK_OR_RETURN(lab_parse(&back, "b-1", text));
	CHECK(!back.other_boot);
	CHECK(back.hub.used && back.hub.task.pid == 10 && back.hub.net.cookie == 40);
	CHECK(back.sequencer.used && back.sequencer.task.pid == 12);
	CHECK(back.node[0].used && back.node[0].task.start == 21);
	CHECK(back.node[15].used && back.node[15].task.pid == 0);
	CHECK(back.node[15].net.cookie == 1ull << 60 && !back.node[1].used);
	CHECK_EQ(back.log_bytes, 5000);
	CHECK(back.plain);
	CHECK(back.ipv6);
	CHECK(back.corosync && lab_has_sequencer(&back));
	CHECK(back.cut[0] == 1u << 15 && back.cut[15] == 1);
	CHECK(!lab_print(&lab, "b-1", text, 60));
}

static void test_other_boot(void)
{
	struct lab lab;

	CHECK(lab_parse(&lab, "b-2", "dvs-lab 1\nboot b-1\nswitch 1 2 3 4\n"));
	CHECK(lab.other_boot);
}

static void test_wrong(void)
{
	struct lab lab;

	CHECK(!lab_parse(&lab, "b", ""));
	CHECK(!lab_parse(&lab, "b", "dvs-lab 2\n"));
	CHECK(!lab_parse(&lab, "b", "dvs-lab 1\nnode 16 1 2 3 4\n"));
	CHECK(!lab_parse(&lab, "b", "dvs-lab 1\nnode 1 1 2 3\n"));
	CHECK(!lab_parse(&lab, "b", "dvs-lab 1\ncut 0 16\n"));
	CHECK(!lab_parse(&lab, "b", "dvs-lab 1\nlog-bytes 100\n"));
	CHECK(!lab_parse(&lab, "b", "dvs-lab 1\nplainly\n"));
	CHECK(!lab_parse(&lab, "b", "dvs-lab 1\nwhat is this\n"));
	CHECK(lab_parse(&lab, "b", "dvs-lab 1\n") && !lab.plain && !lab.ipv6);
}

int main(void)
{
	TEST(test_round_trip);
	TEST(test_other_boot);
	TEST(test_wrong);
	return test_end();
}
