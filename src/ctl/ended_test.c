/* SPDX-License-Identifier: Apache-2.0 */

/* Processes that have ended: their order, how each ended in words, and which life a row is about. */

#include "ctl/ended.h"

#include <stdlib.h>

#include "ctl/rig_test.h"
#include "os/clock.h"

static const char *text_of(int reason, int wait_status)
{
	static char buf[128];
	struct ctl_ended_row row = { .reason = reason, .wait_status = wait_status, .node = 4 };

	return ended_text(&row, buf, sizeof(buf));
}

static void test_texts(void)
{
	CHECK(!strcmp(text_of(CTL_ENDED_ITSELF, 0x300), "exited with 3"));
	CHECK(!strcmp(text_of(CTL_ENDED_STOP, 15), "killed by SIGTERM (dvs stop)"));
	CHECK(!strcmp(text_of(CTL_ENDED_KILL, 9), "killed by SIGKILL (dvs kill)"));
	CHECK(!strcmp(text_of(CTL_ENDED_INIT, 9), "killed with its container on node 4"));
	CHECK(!strcmp(text_of(CTL_ENDED_NODE, -1), "lost with node 4"));
	CHECK(!strcmp(text_of(CTL_ENDED_MOVED, 9), "killed when its endpoint was moved by hand"));
	CHECK(!strcmp(text_of(CTL_ENDED_CHECKPOINT, 9),
		      "ended with its image in a file (dvs checkpoint --stop)"));
	/* Of a later release. */
	CHECK(!strcmp(text_of(CTL_ENDED_REASONS, 0x300), "exited with 3"));
	CHECK(!strcmp(text_of(-1, 0x300), "exited with 3"));
}

static void test_which_life(void)
{
	struct ctl_ended_row ended[2] = { { .dcid = 1, .p_nr = 20, .generation = 5 },
					  { .dcid = 2, .p_nr = 21, .generation = 6 } };
	struct ctl_proc_row row = { .generation = 6 };

	row.proc.p_dcid = 2;
	row.proc.p_nr = 21;
	CHECK(ended_has(ended, 2, &row));
	CHECK(!ended_has(ended, 1, &row));
	CHECK(!ended_has(NULL, 0, &row));
	row.generation = 7; /* the next life of that slot */
	CHECK(!ended_has(ended, 2, &row));
	row.generation = 6;
	row.proc.p_dcid = 1;
	CHECK(!ended_has(ended, 2, &row));
	row.proc.p_dcid = 2;
	row.proc.p_nr = 20;
	CHECK(!ended_has(ended, 2, &row));
}

static void two_rows(const struct ctl_request *request)
{
	struct ctl_ended_row row = { .dcid = request->dcid, .p_nr = 1, .ended_ns = 2000 };

	rig_row(&row, sizeof(row));
	row.p_nr = 2;
	row.ended_ns = 1000;
	rig_row(&row, sizeof(row));
	rig_end(0);
}

static int ask(void)
{
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_ended_row *rows;
	size_t count;

	rig->note[0] = ended_ask(-1, 7, &rows, &count, &refusal);
	rig->note[1] = (int)count;
	rig->note[2] = rows[0].p_nr;
	rig->note[3] = rows[1].p_nr;
	rig->note[4] = rows[0].dcid;
	free(rows);
	return 0;
}

static void test_longest_ago_first(void)
{
	rig_daemon = two_rows;
	CHECK_EQ(rig_call(ask), 0);
	CHECK_EQ(rig->note[0], 0);
	CHECK_EQ(rig->note[1], 2);
	CHECK_EQ(rig->note[2], 2);
	CHECK_EQ(rig->note[3], 1);
	CHECK_EQ(rig->note[4], 7);
}

/* ---- both in one table ---- */

static struct ctl_proc_row running[2];
static struct ctl_ended_row gone[4];

static int print(void)
{
	return ended_print(running, 2, gone, 4);
}

static int print_json(void)
{
	return ended_print_json(running, 2, gone, 4);
}

static void fill(void)
{
	static const int64_t ago_s[] = { 119, 120, 7199, 7200 };

	for (int i = 0; i < 2; i++) {
		running[i].proc.p_dcid = 1;
		running[i].proc.p_nr = running[i].proc.p_endpoint = 20 + i;
		snprintf(running[i].proc.p_name, MAXPROCNAME, "runs%d", i);
	}
	for (int i = 0; i < 4; i++) {
		gone[i] = (struct ctl_ended_row){ .dcid = 1, .p_nr = 21 + i, .wait_status = 9 };
		gone[i].ended_ns = os_realtime_ns() - ago_s[i] * OS_SECOND_NS;
		snprintf(gone[i].name, sizeof(gone[i].name), "gone%d", i);
	}
}

/* One that ended between the two questions is in both answers, and is shown once. */
static void test_shown_once(void)
{
	fill();
	CHECK_EQ(rig_call(print), DONE);
	CHECK(rig_said("runs0"));
	CHECK(!strstr(rig->out, "runs1"));
	CHECK(rig_said("119 s ago") || rig_said("120 s ago"));
	CHECK(rig_said("2 min ago"));
	CHECK(rig_said("119 min ago") || rig_said("120 min ago"));
	CHECK(rig_said("2 h ago"));
	gone[0].ended_ns = os_realtime_ns() + 100 * OS_SECOND_NS; /* another node's clock */
	CHECK_EQ(rig_call(print), DONE);
	CHECK(rig_said(" 0 s ago"));
}

static void test_document(void)
{
	json_t *document, *last;

	fill();
	CHECK_EQ(rig_call(print_json), DONE);
	document = rig_document();
	CHECK_EQ(json_array_size(document), 5);
	CHECK(rig_has_text("state", "running"));
	last = json_array_get(document, 4);
	CHECK(!strcmp(json_string_value(json_object_get(last, "state")), "ended"));
	CHECK(!strcmp(json_string_value(json_object_get(last, "signal")), "SIGKILL") ||
	      !strcmp(json_string_value(json_object_get(last, "signal")), "KILL"));
	CHECK(!strcmp(json_string_value(json_object_get(last, "name")), "gone3"));
	CHECK_EQ(json_integer_value(json_object_get(last, "endpoint")), 24);
	json_decref(document);
}

int main(void)
{
	TEST(test_texts);
	TEST(test_which_life);
	TEST(test_longest_ago_first);
	TEST(test_shown_once);
	TEST(test_document);
	return test_end();
}
