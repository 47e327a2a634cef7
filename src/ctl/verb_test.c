/* SPDX-License-Identifier: Apache-2.0 */

/* Words, usage and refusals of every verb, and the exit status of each. */

#include "ctl/rig_test.h"

static const struct verb table[] = {
	{ "one", "A [B]", "about one", NULL },
	{ "two", "", "about two", NULL },
	{ NULL, NULL, NULL, NULL },
};

static void test_find(void)
{
	CHECK(verb_find(table, "two") == &table[1]);
	CHECK(!verb_find(table, "on"));
	CHECK(!verb_find(table, ""));
}

/* A verb that says what it got. */
static int echo(const struct verb *verb, int node, int argc, char **argv)
{
	struct ctl_request request = { .dcid = -1, .endpoint = -1 };
	bool flag = false, json = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "flag", 0, OPTION_FLAG, &flag },
		VERB_OPTIONS_END,
	};
	int status = verb_endpoint(verb, rows, &request, argc, argv);

	if (status != GO_ON)
		return status;
	printf("dcid %d ep %d node %d flag %d\n", request.dcid, request.endpoint, node, flag);
	return DONE;
}

static int no_operands(const struct verb *verb, int node, int argc, char **argv)
{
	const struct option_row rows[] = { VERB_OPTIONS_END };
	int status = verb_words(verb, rows, NULL, 0, argc, argv);

	(void)node;
	return status == GO_ON ? DONE : status;
}

static void test_words(void)
{
	CHECK_EQ(rig_run(echo, "2", "-n", "3", "20", "--flag", NULL), DONE);
	CHECK(rig_said("dcid 2 ep 20 node 3 flag 1"));
	CHECK_EQ(rig_run(echo, "2", NULL), WRONG_USAGE);
	CHECK(rig_wrong("usage: "));
	CHECK(rig_wrong("ARGUMENTS"));
	CHECK_EQ(rig->out[0], 0);
	CHECK_EQ(rig_run(echo, "2", "20", "--what", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(echo, "2", "x", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(no_operands, NULL), DONE);
	CHECK_EQ(rig_run(no_operands, "x", NULL), WRONG_USAGE);
	/* Help was asked for: on standard output, and no mistake. */
	CHECK_EQ(rig_run(echo, "--help", NULL), DONE);
	CHECK(rig_said("ARGUMENTS\nwhat it is for"));
	CHECK_EQ(rig->err[0], 0);
}

/* One that wants a document gets one for each error, and one only. */
static void test_usage_document(void)
{
	CHECK_EQ(rig_run(echo, "2", "--json", NULL), WRONG_USAGE);
	CHECK(rig_has_text("error", "EDVSINVAL"));
	CHECK(rig_wrong("usage: "));
	CHECK_EQ(rig_run(echo, "2", "--", "--json", NULL), WRONG_USAGE); /* no option behind that */
	CHECK_EQ(rig->out[0], 0);
}

static int refuse(const struct verb *verb, int node, int argc, char **argv)
{
	struct refusal refusal = REFUSAL_NONE;

	(void)verb;
	(void)node;
	refusal_set_number(&refusal, EDVSBUSY, "%s", argc > 1 ? argv[1] : "");
	return verb_refuse(&refusal);
}

static int no_memory(const struct verb *verb, int node, int argc, char **argv)
{
	(void)verb;
	(void)node;
	(void)argc;
	(void)argv;
	return verb_no_memory();
}

static void test_refuse(void)
{
	CHECK_EQ(rig_run(refuse, "x", "it is in use", NULL), REFUSED);
	CHECK(rig_wrong(": it is in use (EDVSBUSY)\n"));
	CHECK_EQ(rig->out[0], 0);
	CHECK_EQ(rig_run(refuse, "x", "EDVSBUSY says all", NULL), REFUSED); /* the name once */
	CHECK(rig_wrong(": EDVSBUSY says all\n"));
	CHECK_EQ(rig_run(refuse, "x", "", NULL),
		 REFUSED); /* without a sentence: that of the number */
	CHECK(rig_wrong("EDVSBUSY"));
	CHECK(strlen(rig->err) > 20);
	/* The text of a peer makes no second line, and commands no terminal; the document has it as it is. */
	CHECK_EQ(rig_run(refuse, "--json", "two\nlines\033[2J", NULL), REFUSED);
	CHECK(rig_wrong("two?lines?[2J"));
	CHECK(rig_has_text("reason", "two\nlines\033[2J"));
	CHECK(rig_has_text("error", "EDVSBUSY"));
	CHECK_EQ(rig_run(no_memory, NULL), REFUSED);
	CHECK(rig_wrong("EDVSNOMEM"));
}

static int table_with_reason(void)
{
	return verb_usage_table(table, "unknown verb x");
}

static int table_alone(void)
{
	return verb_usage_table(table, NULL);
}

static void test_table(void)
{
	CHECK_EQ(rig_call(table_with_reason), WRONG_USAGE);
	CHECK(rig_wrong("unknown verb x"));
	CHECK(rig_wrong("about two"));
	CHECK_EQ(rig->out[0], 0);
	CHECK_EQ(rig_call(table_alone), WRONG_USAGE);
	CHECK(!strncmp(rig->err, "usage: ", 7));
}

int main(void)
{
	TEST(test_find);
	TEST(test_words);
	TEST(test_usage_document);
	TEST(test_refuse);
	TEST(test_table);
	return test_end();
}
