/* SPDX-License-Identifier: Apache-2.0 */

/* A list of machines that another command has sent: the lists that are refused before any file is touched. */

#include <stdlib.h>
#include <string.h>

#include "node/bind/bind_rig_test.h"
#include "node/calls.h"

static int ask(uid_t uid, const char *text)
{
	struct request *request = rig_ask(CTL_ROSTER, 0);

	request->uid = uid;
	request->head.payload_bytes = (uint32_t)strlen(text);
	request->payload = malloc(strlen(text) + 1);
	memcpy(request->payload, text, strlen(text) + 1);
	return rig_run(handle_roster, request);
}

static void test_refused(void)
{
	char list[128];

	rig_begin();
	memcpy(rig.order.directory.node[RIG_SELF].name, "self", 5);
	snprintf(list, sizeof(list), "node %d self 192.0.2.10\n", RIG_SELF);
	CHECK_EQ(ask(RIG_OWNER, list), EDVSPRIVILEGES);
	CHECK_EQ(ask(0, ""), EDVSINVAL);
	CHECK_EQ(ask(0, "node 0 a 192.0.2.10\nnode 0 b 192.0.2.11\n"), EDVSINVAL);
	CHECK(strstr(rig.answer.sentence, "line 2 of the list of machines: there is a node"));
	/* A list for others, and one in which this node has another number. */
	CHECK_EQ(ask(0, "node 9 other 192.0.2.10\n"), EDVSINVAL);
	CHECK(strstr(rig.answer.sentence, "of the name self, which this node is"));
	CHECK_EQ(ask(0, "node 9 self 192.0.2.10\n"), EDVSINVAL);
	rig_end();
}

int main(void)
{
	TEST(test_refused);
	return test_end();
}
