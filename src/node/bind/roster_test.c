/* SPDX-License-Identifier: Apache-2.0 */

/* A list of machines that another command has sent: the lists that are refused before any file is touched. */

#include <stdlib.h>

#include "node/bind/bind_rig_test.h"
#include "node/bind/roster.h"
#include "node/calls.h"
#include "os/made_root_test.h"

static int ask(const char *text)
{
	struct request *request = rig_ask(CTL_ROSTER, 0);

	request->head.payload_bytes = (uint32_t)strlen(text);
	request->payload = malloc(strlen(text) + 1);
	memcpy(request->payload, text, strlen(text) + 1);
	return rig_run(handle_roster, request);
}

static void test_refused(void)
{
	rig_begin();
	memcpy(rig.order.directory.node[RIG_SELF].name, "self", 5);
	CHECK_EQ(ask(""), EDVSINVAL);
	CHECK_EQ(ask("node 0 a 192.0.2.10\nnode 0 b 192.0.2.11\n"), EDVSINVAL);
	CHECK(strstr(rig.answer.sentence, "line 2 of the list of machines: there is a node"));
	/* A list for others, and one in which this node has another number. */
	CHECK_EQ(ask("node 9 other 192.0.2.10\n"), EDVSINVAL);
	CHECK(strstr(rig.answer.sentence, "of the name self, which this node is"));
	CHECK_EQ(ask("node 9 self 192.0.2.10\n"), EDVSINVAL);
	rig_end();
}

/* A list of another cluster, or of another machine, is not this node's. */
static void test_of_node(void)
{
	const char *path = path_of("/list");
	struct roster roster;
	struct address first, second, other;

	CHECK_EQ(os_file_write(path, "node 1 beta 192.0.2.11 2001:db8::11\n"), 0);
	CHECK(!address_parse(&first, "192.0.2.11", 10));
	CHECK(!address_parse(&second, "2001:db8::11", 12));
	CHECK(!address_parse(&other, "192.0.2.12", 10));
	CHECK(roster_of_node(path, 1, "beta", first, &roster));
	CHECK(roster_of_node(path, 1, "beta", second, &roster));
	CHECK(!roster_of_node(path, 1, "beta", other, &roster));
	CHECK(!roster_of_node(path, 0, "beta", first, &roster));
	CHECK(!roster_of_node(path, 1, "alpha", first, &roster));
	CHECK_EQ(unlink(path), 0);
	CHECK(!roster_of_node(path, 1, "beta", first, &roster));
}

int main(void)
{
	if (!root_make())
		return 1;
	TEST(test_of_node);
	TEST(test_refused);
	root_remove();
	return test_end();
}
