/* SPDX-License-Identifier: Apache-2.0 */

/* dvs ps: which table is asked for, and which form is chosen. */

#include "ctl/rig_test.h"

static int refuse;

static void serve(const struct ctl_request *request)
{
	struct ctl_proc_row row = { .children = -1, .generation = 1 };
	struct ctl_dc_row dc = { .dc = { .dc_dcid = 3 } };
	struct ctl_ended_row ended = { .dcid = 3, .p_nr = 21, .wait_status = 0x300, .name = "old" };

	if (refuse == request->call) {
		rig_refuse(EDVSBADDCID, "no such container");
		return;
	}
	row.proc.p_dcid = request->dcid < 0 ? 3 : request->dcid;
	row.proc.p_nr = row.proc.p_endpoint = 20;
	row.proc.p_lclsent = 5;
	row.proc.p_rmtsent = 6;
	row.proc.p_rts_flags = RECEIVING;
	row.proc.p_getfrom = ANY;
	row.proc.p_sendto = row.proc.p_waitmigr = NONE;
	snprintf(row.proc.p_name, sizeof(row.proc.p_name), "server");
	if (request->call == CTL_DCS) {
		rig_row(&dc, sizeof(dc));
		dc.dc.dc_dcid = 5;
		rig_row(&dc, sizeof(dc));
	} else if (request->call == CTL_ENDED) {
		rig_row(&ended, sizeof(ended));
	} else {
		rig_row(&row, sizeof(row));
	}
	rig_end(0);
}

#define HEAD(i) (rig->request[i].head)

static void test_words(void)
{
	rig_daemon = serve;
	CHECK_EQ(rig_run(verb_ps, "x", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_ps, "1", "2", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_ps, "--proc", "--stats", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_ps, "--all", "--waits", NULL), WRONG_USAGE);
	CHECK(rig_wrong("are tables: choose one"));
	CHECK_EQ(rig_run(verb_ps, "--names", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_ps, "--names", "--all", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--names belongs to --proc and --stats"));
	CHECK_EQ(rig->asked, 0);
}

static void test_all_endpoints(void)
{
	CHECK_EQ(rig_run(verb_ps, NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(HEAD(0).call, CTL_PS);
	CHECK_EQ(HEAD(0).dcid, -1);
	CHECK(rig_said("server"));
	CHECK(rig_said("RECEIVING"));
	CHECK(rig_said("any"));
	CHECK(rig_said(" 11 ")); /* its messages, here and to other nodes */
	CHECK_EQ(rig_run(verb_ps, "7", "--json", NULL), DONE);
	CHECK_EQ(HEAD(0).dcid, 7);
	CHECK(rig_has_text("name", "server"));
}

/* The original's tables are one node's and one container's: without a number, of all in turn. */
static void test_original(void)
{
	CHECK_EQ(rig_run(verb_ps, "--proc", NULL), DONE);
	CHECK_EQ(rig->asked, 3);
	CHECK_EQ(HEAD(0).call, CTL_DCS);
	CHECK_EQ(HEAD(1).call, CTL_PROCTABLE);
	CHECK_EQ(HEAD(1).dcid, 3);
	CHECK_EQ(HEAD(2).dcid, 5);
	CHECK(rig_said("DC pnr -endp -lpid/vpid- nd flag misc"));
	CHECK(!strstr(rig->out, "RECEIVING"));
	CHECK_EQ(rig_run(verb_ps, "--stats", "7", NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(HEAD(0).call, CTL_PROCTABLE);
	CHECK_EQ(HEAD(0).dcid, 7);
	CHECK(rig_said("--lsnt--"));
	CHECK_EQ(rig_run(verb_ps, "--proc", "7", "--names", NULL), DONE);
	CHECK(rig_said("RECEIVING / -"));
	CHECK_EQ(rig_run(verb_ps, "--proc", "--json", NULL), DONE);
	CHECK_EQ(rig_elements(), 2);
}

static void test_others(void)
{
	CHECK_EQ(rig_run(verb_ps, "--all", NULL), DONE);
	CHECK_EQ(HEAD(1).call, CTL_ENDED);
	CHECK(rig_said("exited with 3"));
	CHECK(rig_said("server"));
	CHECK_EQ(rig_run(verb_ps, "3", "--all", "--json", NULL), DONE);
	CHECK_EQ(HEAD(1).dcid, 3);
	CHECK_EQ(rig_elements(), 2);
	CHECK_EQ(rig_run(verb_ps, "--waits", NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(rig_run(verb_ps, "--waits", "--json", NULL), DONE);
}

static void test_refused(void)
{
	refuse = CTL_PS;
	CHECK_EQ(rig_run(verb_ps, "--json", NULL), REFUSED);
	CHECK(rig_has_text("error", "EDVSBADDCID"));
	refuse = CTL_ENDED;
	CHECK_EQ(rig_run(verb_ps, "--all", "--json", NULL), REFUSED);
	CHECK(rig_has_text("error", "EDVSBADDCID"));
	refuse = CTL_PROCTABLE;
	CHECK_EQ(rig_run(verb_ps, "--proc", NULL), REFUSED);
	CHECK_EQ(rig->asked, 2); /* the first that fails is the end */
	CHECK_EQ(rig->out[0], 0);
	refuse = CTL_DCS;
	CHECK_EQ(rig_run(verb_ps, "--proc", NULL), REFUSED);
	refuse = 0;
}

int main(void)
{
	TEST(test_words);
	TEST(test_all_endpoints);
	TEST(test_original);
	TEST(test_others);
	TEST(test_refused);
	return test_end();
}
