/* SPDX-License-Identifier: Apache-2.0 */

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "ctl/render.h"

static const proc_usr_t server = {
	.p_nr = 10,
	.p_endpoint = 10,
	.p_dcid = 0,
	.p_rts_flags = RECEIVING,
	.p_lpid = 755,
	.p_vpid = 755,
	.p_nodeid = 1,
	.p_nodemap = 2,
	.p_misc_flags = MIS_GRPLEADER,
	.p_getfrom = ANY,
	.p_sendto = NONE,
	.p_waitmigr = NONE,
	.p_waitunbind = NONE,
	.p_proxy = NONE,
	.p_lclsent = 7,
	.p_name = "migr_server",
};

/* The example of the contract, 7.7, to the letter. */
static void test_original_rows(void)
{
	char row[160];

	render_procs_row(&server, row, sizeof(row));
	CHECK(!strcmp(row, " 0  10    10   755/755    1    8   20 31438 27342 27342 27342 "
			   "migr_server    "));
	render_stats_row(&server, row, sizeof(row));
	CHECK(!strcmp(row, " 0  10    10   755/755    1        7        0        0        0 "
			   "migr_server    "));
}

static void test_flags(void)
{
	char text[128];

	CHECK(!strcmp(render_rts(0, text, sizeof(text)), "RUNNING"));
	CHECK(!strcmp(render_rts(0x808, text, sizeof(text)), "RECEIVING|MIGRATING"));
	CHECK(!strcmp(render_rts(0x1000 | 1ul << 40, text, sizeof(text)), "REMOTE|0x10000000000"));
	CHECK(!strcmp(render_misc(0, text, sizeof(text)), "-"));
	CHECK(!strcmp(render_misc(0x2020, text, sizeof(text)), "GRPLEADER|ATOMIC"));
	CHECK(!strcmp(render_rts(0x808, text, 8), "RECEIVI"));
}

static void test_sets(void)
{
	char text[64];

	CHECK(!strcmp(render_set(0, text, sizeof(text)), "-"));
	CHECK(!strcmp(render_set(0x1d, text, sizeof(text)), "0,2-4"));
	CHECK(!strcmp(render_set(3, text, sizeof(text)), "0,1"));
	CHECK(!strcmp(render_set(0xffffffff, text, sizeof(text)), "0-31"));
	CHECK(!strcmp(render_set(0x80000000, text, sizeof(text)), "31"));
}

static void test_units(void)
{
	char text[32];

	CHECK(!strcmp(render_time(812, text, sizeof(text)), "812 ns"));
	CHECK(!strcmp(render_time(3410000, text, sizeof(text)), "3.41 ms"));
	CHECK(!strcmp(render_bytes(2600000, text, sizeof(text)), "2.6 MB"));
}

static void test_proc_fields(void)
{
	static const char *const fields[] = {
		"dcid",	   "p_nr",    "endpoint", "lpid",    "vpid",	 "node",
		"flags",   "misc",    "getfrom",  "sendto",  "waitmigr", "proxy",
		"lclsent", "rmtsent", "lclcopy",  "rmtcopy",
	};
	struct ctl_proc_row row = { .proc = server, .owner = 1 };
	json_t *object = render_proc_json(&row);

	CHECK_OR_RETURN(object);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		CHECK(json_is_integer(json_object_get(object, fields[i])));
	CHECK(!strcmp(json_string_value(json_object_get(object, "name")), "migr_server"));
	CHECK_EQ(json_integer_value(json_object_get(object, "flags")), 8);
	CHECK_EQ(json_integer_value(json_object_get(object, "node")), 1);
	json_decref(object);
}

/* A name of a process is what that likes: no line of its own, no commands for the terminal. */
static void test_odd_names(void)
{
	struct ctl_proc_row row = { .proc = server };
	char text[160];
	json_t *object;

	memcpy(row.proc.p_name, "a\n\x1b[2J\xff\x7fz", 10);
	render_procs_row(&row.proc, text, sizeof(text));
	CHECK(strstr(text, "a??[2J\xff?z"));
	render_stats_row(&row.proc, text, sizeof(text));
	CHECK(strstr(text, "a??[2J\xff?z"));
	object = render_proc_json(&row);
	CHECK(!strcmp(json_string_value(json_object_get(object, "name")), "a\n\x1b[2J?\x7fz"));
	CHECK_EQ(json_array_size(json_object_get(object, "name_bytes")), 9);
	json_decref(object);
}

static void test_move_fields(void)
{
	static const char *const fields[] = {
		"dcid",	       "endpoint",    "from",	     "to",	   "pid",    "total_ns",
		"downtime_ns", "transfer_ns", "image_bytes", "sent_bytes", "rounds", "cpu_used_ns",
	};
	struct ctl_move move = {
		.result = CTL_MOVE_REFUSED, .mode = 99, .reason = "no\xff", .name = "\xc3\xa4?"
	};
	json_t *list;
	json_t *object = render_move_json(&move);

	CHECK_OR_RETURN(object);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		CHECK(json_is_integer(json_object_get(object, fields[i])));
	CHECK(!strcmp(json_string_value(json_object_get(object, "result")), "refused"));
	CHECK(!strcmp(json_string_value(json_object_get(object, "reason")), "no?"));
	list = json_object_get(object, "reason_bytes");
	CHECK_EQ(json_array_size(list), 3);
	CHECK_EQ(json_integer_value(json_array_get(list, 2)), 255);
	CHECK(!strcmp(json_string_value(json_object_get(object, "name")), "\xc3\xa4?"));
	CHECK(!json_object_get(object, "name_bytes"));
	CHECK(!strcmp(json_string_value(json_object_get(object, "engine")), "native"));
	CHECK(!strcmp(json_string_value(json_object_get(object, "mode")), "stop"));
	json_decref(object);
}

static void test_those_that_went_along(void)
{
	struct ctl_move move = { .endpoint = 20, .fellows = 2, .fellow = { 21, -3 } };
	char text[64];
	json_t *object = render_move_json(&move);
	json_t *list = json_object_get(object, "endpoints");

	CHECK_EQ(json_array_size(list), 3);
	CHECK_EQ(json_integer_value(json_array_get(list, 0)), 20);
	CHECK_EQ(json_integer_value(json_array_get(list, 2)), -3);
	json_decref(object);
	CHECK(render_fellows(&move, text, sizeof(text)));
	CHECK(!strcmp(text, "21, -3"));
	move.fellows = 0;
	CHECK(!render_fellows(&move, text, sizeof(text)));
}

static void test_cpu_time_is_said_where_it_counts(void)
{
	struct ctl_move move = { .endpoint = 5, .from = 0, .to = 1, .cpu_used_ns = 3000000000 };
	char text[320] = "";

	CHECK(!render_cpu_time(&move, text, sizeof(text)));
	move.cpu_limited = 1;
	CHECK(render_cpu_time(&move, text, sizeof(text)));
	CHECK(strstr(text, "endpoint 5 begins anew on node 1, after 3") &&
	      strstr(text, "RLIMIT_CPU"));
	CHECK(!strstr(text, "timers"));
	move.cpu_timed = 1;
	move.dry_run = 1;
	CHECK(render_cpu_time(&move, text, sizeof(text)));
	CHECK(strstr(text, "would begin anew") && strstr(text, "timers of CPU time would keep"));
}

int main(void)
{
	TEST(test_original_rows);
	TEST(test_flags);
	TEST(test_sets);
	TEST(test_units);
	TEST(test_proc_fields);
	TEST(test_odd_names);
	TEST(test_move_fields);
	TEST(test_those_that_went_along);
	TEST(test_cpu_time_is_said_where_it_counts);
	return test_end();
}
