/* SPDX-License-Identifier: Apache-2.0 */

/* Nodes by number and by name, for operands, options and sets. */

#include "ctl/nodename.h"

#include "ctl/rig_test.h"
#include "os/options.h"

static bool refuses;

static void serve(const struct ctl_request *request)
{
	static const struct {
		const char *name;
		int node, up;
	} nodes[] = { { "alpha", 0, 1 }, { "beta", 4, 0 }, { "beta", 5, 1 }, { "gamma", 7, 0 } };

	CHECK_EQ(request->call, CTL_NODES);
	if (refuses) {
		rig_refuse(EDVSDVSINIT, "it does not want to");
		return;
	}
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		struct ctl_node_row row = { .up = nodes[i].up, .node.n_nodeid = nodes[i].node };

		snprintf(row.node.n_name, sizeof(row.node.n_name), "%s", nodes[i].name);
		rig_row(&row, sizeof(row));
	}
	rig_end(0);
}

static int find(void *context)
{
	char why[160] = "";
	int node = -9;

	if (nodename_find(context, &node, why, sizeof(why)))
		return node & 0xff;
	fputs(why, stderr);
	return 99;
}

static int find_set(void *context)
{
	char why[160] = "";
	unsigned set = 0;

	if (nodename_set(context, &set, why, sizeof(why)))
		return (int)set & 0xff;
	fputs(why, stderr);
	return 255;
}

static int run(int (*function)(void *), const char *text)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", text);
	return rig_run_in_process(function, copy);
}

static void test_one(void)
{
	rig_daemon = serve;
	CHECK_EQ(run(find, "31"), 31);
	CHECK_EQ(run(find, "99"), 99); /* refused where it is of use */
	CHECK_EQ(rig->asked, 0);
	CHECK_EQ(run(find, "alpha"), 0);
	CHECK_EQ(run(find, "beta"), 5); /* the one that is up */
	CHECK_EQ(run(find, "gamma"), 7);
	CHECK_EQ(run(find, "alph"), 99);
	CHECK(rig_wrong("no node is called \"alph\""));
	CHECK_EQ(run(find, "3x"), 99);
	CHECK(rig_wrong("a node is a number or a name, not \"3x\""));
	CHECK_EQ(rig->asked, 0);
	CHECK_EQ(run(find, ""), 99);
	refuses = true;
	CHECK_EQ(run(find, "alpha"), 99);
	CHECK(rig_wrong("the node \"alpha\" is not known: it does not want to"));
	refuses = false;
}

static void test_set(void)
{
	CHECK_EQ(run(find_set, "0,2-3"), 13);
	CHECK_EQ(rig->asked, 0);
	CHECK_EQ(run(find_set, "1,beta,alpha"), 2 + 32 + 1);
	CHECK_EQ(run(find_set, "1,delta"), 255);
	CHECK(rig_wrong("no node is called \"delta\""));
	CHECK_EQ(run(find_set, "1,"), 255);
	CHECK_EQ(run(find_set, "32"), 255);
	CHECK(rig_wrong("from 0 to 31, not 32"));
}

/* As the verbs take them. */
static int take(const struct verb *verb, int node, int argc, char **argv)
{
	const struct option_row rows[] = { VERB_NODE(&node), VERB_OPTIONS_END };
	int to = -1;
	int status = verb_words(verb, rows,
				(const struct operand_row[]){ { "NODE", &to }, { NULL, NULL } }, 1,
				argc, argv);

	if (status == GO_ON)
		printf("%d %d\n", node, to);
	return status == GO_ON ? DONE : status;
}

static void test_words(void)
{
	CHECK_EQ(rig_run(take, "-n", "alpha", "beta", NULL), DONE);
	CHECK(rig_said("0 5\n"));
	CHECK_EQ(rig_run(take, "--node=gamma", "2", NULL), DONE);
	CHECK(rig_said("7 2\n"));
	CHECK_EQ(rig_run(take, "delta", NULL), WRONG_USAGE);
	CHECK(rig_wrong("no node is called \"delta\""));
	CHECK_EQ(rig_run(take, "-n", "delta", "1", NULL), WRONG_USAGE);
	CHECK(rig_wrong("no node is called \"delta\""));
}

int main(void)
{
	TEST(test_one);
	TEST(test_set);
	TEST(test_words);
	return test_end();
}
