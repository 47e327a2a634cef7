/* SPDX-License-Identifier: Apache-2.0 */

/* Another list of machines: the number that a newcomer gets, and the way of the list to every node. */

#include "ctl/members.h"

#include "ctl/rig_test.h"

int __wrap_os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output,
			size_t size);

static int reload_status;

int __wrap_os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output,
			size_t size)
{
	(void)netns_pid;
	(void)input;
	CHECK(!strcmp(argv[0], "corosync-cfgtool") && !strcmp(argv[1], "-R") && !argv[2]);
	snprintf(output, size, "no connection\nat all");
	return reload_status;
}

static struct roster roster, next;
static struct refusal refusal;

static void list_is(const char *text)
{
	int line;

	CHECK(!roster_parse(&roster, text, strlen(text), &line));
}

static int add(const char *line, uint32_t up)
{
	struct roster one;
	int at;

	CHECK(!roster_parse(&one, line, strlen(line), &at));
	refusal_clear(&refusal);
	return members_add(&roster, &one.node[0], up, &next, &refusal);
}

static bool is_refused(int r, int error, const char *words)
{
	return r == error && strstr(refusal.reason, words);
}

static void test_place(void)
{
	list_is("change 5\nnode 0 alpha 192.0.2.10\nnode 2 gamma 192.0.2.12 10.0.0.12\n");
	CHECK_EQ(add("node 0 beta 192.0.2.11", 5), 1); /* the first that is free */
	CHECK_EQ(next.change, 6);
	CHECK_EQ(roster_count(&next), 3);
	CHECK(!strcmp(next.node[1].name, "beta"));
	CHECK(is_refused(add("node 0 alpha 192.0.2.11", 5), EDVSEXIST, "a node alpha already"));
	CHECK(is_refused(add("node 0 beta 10.0.0.12", 5), EDVSEXIST,
			 "node 2 (gamma) has that address already"));
	CHECK(is_refused(add("node 0 beta fd00::11", 5), EDVSINVAL,
			 "beta has no address of a family, IPv4 or IPv6, of which all nodes"));
	CHECK_EQ(add("node 0 beta fd00::11 192.0.2.11", 5), 1);
}

/* The machine was made anew, and has its number again; while it is up, another one only says so. */
static void test_same_machine(void)
{
	list_is("change 5\nnode 0 alpha 192.0.2.10\nnode 2 gamma 192.0.2.12 10.0.0.12\n");
	CHECK_EQ(add("node 0 gamma 192.0.2.12", 1), 2);
	CHECK_EQ(next.node[2].count, 1);
	CHECK(is_refused(add("node 0 gamma 192.0.2.12", 5), EDVSEXIST, "(number 2, which is up)"));
	CHECK(is_refused(add("node 0 gamma 192.0.2.99", 1), EDVSEXIST, "dvs leave gamma"));
	CHECK(is_refused(add("node 0 gamma 192.0.2.12 192.0.2.10", 1), EDVSEXIST,
			 "node 0 (alpha)"));
}

static void test_full(void)
{
	char text[4096];
	size_t len = 0;

	for (int id = 0; id < NR_NODES; id++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "node %d n%d 10.0.0.%d\n",
					id, id, id + 1);
	list_is(text);
	CHECK(is_refused(add("node 0 more 10.0.1.1", 1), EDVSRSCBUSY, "which is the most"));
}

/* Node 1 has no link, node 2 is down. */
static void serve(const struct ctl_request *request)
{
	struct ctl_node_row row = { .up = 1, .self = 1 };

	if (request->call == CTL_ROSTER) {
		if (request->node == 2)
			rig_refuse(EDVSAGAIN, "another change came first");
		else
			rig_end(0);
		return;
	}
	rig_row(&row, sizeof(row));
	row.self = 0;
	for (int id = 1; id < 4; id++) {
		row.node.n_nodeid = id;
		row.up = id != 2;
		row.link_up = id != 1;
		rig_row(&row, sizeof(row));
	}
	rig_end(0);
}

static int look(void *context)
{
	uint32_t *up = context;

	return members_up(up, &refusal) ? 1 : (int)*up;
}

static int check_up(void *context)
{
	struct refusal why = REFUSAL_NONE;
	const uint32_t *but = context;
	int r = members_check_up(&roster, *but, &why);

	fputs(why.reason, stderr);
	return r != 0;
}

static void test_up(void)
{
	uint32_t up = 0;

	rig_daemon = serve;
	list_is("node 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11\nnode 3 delta 192.0.2.13\n");
	CHECK_EQ(rig_run_in_process(look, &up), 9);
	CHECK_EQ(rig_run_in_process(check_up, &up), 1);
	CHECK(rig_wrong("node 1 (beta) is not up, and could not learn of the change"));
	up = 2;
	CHECK_EQ(rig_run_in_process(check_up, &up), 0);
}

static int tell(void *context)
{
	struct refusal why = REFUSAL_NONE;
	const uint32_t *nodes = context;
	int r = members_tell(&roster, *nodes, &why);

	fputs(why.reason, stderr);
	return r != 0;
}

/* In the order of their numbers, and no further than the first that refuses. */
static void test_told(void)
{
	uint32_t nodes = 2 | 8;

	list_is("node 0 alpha 192.0.2.10\n");
	CHECK_EQ(rig_run_in_process(tell, &nodes), 0);
	CHECK_EQ(rig->asked, 2);
	CHECK_EQ(rig->request[0].head.call, CTL_ROSTER);
	CHECK_EQ(rig->request[0].head.node, 1);
	CHECK_EQ(rig->request[1].head.node, 3);
	CHECK(strstr((const char *)rig->request[1].payload, "node 0 alpha 192.0.2.10\n"));
	nodes = 1 | 4 | 8;
	CHECK_EQ(rig_run_in_process(tell, &nodes), 1);
	CHECK_EQ(rig->asked, 2);
	CHECK(rig_wrong("another change came first"));
}

static void test_reload(void)
{
	refusal_clear(&refusal);
	CHECK_EQ(members_reload(&refusal), 0);
	reload_status = 1;
	CHECK(is_refused(members_reload(&refusal), EDVSIO, "(no connection)"));
}

int main(void)
{
	TEST(test_place);
	TEST(test_same_machine);
	TEST(test_full);
	TEST(test_up);
	TEST(test_told);
	TEST(test_reload);
	return test_end();
}
