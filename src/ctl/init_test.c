/* SPDX-License-Identifier: Apache-2.0 */

/* dvs init: the files of a new cluster, and nothing that was there. */

#include "ctl/newcomer.h"
#include "ctl/rig_test.h"
#include "os/machine.h"
#include "os/made_root_test.h"

void __wrap_os_machine_name(char *name, size_t size);
unsigned __wrap_os_machine_addresses(struct address *address, unsigned most);

void __wrap_os_machine_name(char *name, size_t size)
{
	snprintf(name, size, "alpha");
}

unsigned __wrap_os_machine_addresses(struct address *address, unsigned most)
{
	(void)most;
	return address_parse(address, "192.0.2.10", 10) ? 0 : 1;
}

static void test_words(void)
{
	CHECK_EQ(rig_run(verb_init, "alpha", NULL), WRONG_USAGE);
	CHECK(rig_wrong("unexpected word \"alpha\""));
	CHECK_EQ(rig_run(verb_init, "--group", "paxos", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--group is corosync, or local for one machine alone, not \"paxos\""));
	CHECK_EQ(rig_run(verb_init, "--name", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_init, "--root", root, "--name", "a b", NULL), REFUSED);
	CHECK(rig_wrong("\"a b\" is no name of a node"));
	CHECK_EQ(rig_run(verb_init, "--root", root, "--address", "here", NULL), REFUSED);
	CHECK(rig_wrong("--address here: an address is one of a machine, in IPv4 or IPv6"));
	CHECK(!is_there(MEMBERSHIP_KEY));
}

static void test_made(void)
{
	CHECK_EQ(rig_run(verb_init, "--root", root, NULL), DONE);
	CHECK(rig_said("this machine is node 0, alpha, at 192.0.2.10\n"));
	CHECK(rig_said("/etc/corosync/corosync.conf\n"));
	CHECK(rig_said("systemctl enable --now dvs-corosync dvsd\n"));
	CHECK(file_has(MEMBERSHIP_SETTINGS, "id = 0\nname = alpha\naddress = 192.0.2.10\n"));
	CHECK(file_has(MEMBERSHIP_ROSTER, "change 1\nnode 0 alpha 192.0.2.10\n"));
	CHECK(file_has(MEMBERSHIP_COROSYNC, "ring0_addr: 192.0.2.10\n"));
	/* Once. */
	CHECK_EQ(rig_run(verb_init, "--root", root, "--name", "other", NULL), REFUSED);
	CHECK(rig_wrong("is set up as a node already"));
	CHECK(rig_wrong("EDVSEXIST"));
	CHECK(file_has(MEMBERSHIP_SETTINGS, "name = alpha\n"));
}

static void test_document(void)
{
	membership_end(root);
	CHECK_EQ(rig_run(verb_init, "--root", root, "--group", "local", "--address", "10.0.0.1",
			 "--address", "10.0.1.1", "--name", "one", "--json", NULL),
		 DONE);
	CHECK(rig_has_number("node", 0));
	CHECK(rig_has_text("name", "one"));
	CHECK(rig_said("\"10.0.1.1\""));
	CHECK(rig_said("systemctl enable --now dvs-sequencer dvsd"));
	CHECK(!rig_said("corosync"));
	CHECK(file_has(MEMBERSHIP_ROSTER, "node 0 one 10.0.0.1 10.0.1.1\n"));
}

int main(void)
{
	if (!root_make())
		return 1;
	TEST(test_words);
	TEST(test_made);
	TEST(test_document);
	root_remove();
	return test_end();
}
