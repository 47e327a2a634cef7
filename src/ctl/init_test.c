/* SPDX-License-Identifier: Apache-2.0 */

/* dvs init: the files of a new cluster, and nothing that was there. */

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/newcomer.h"
#include "ctl/rig_test.h"
#include "os/file.h"
#include "os/machine.h"

static char root[] = "/tmp/dvs-init-XXXXXX";

void __wrap_os_machine_name(char *name, size_t size);
unsigned __wrap_os_machine_addresses(uint32_t *address, unsigned most);

void __wrap_os_machine_name(char *name, size_t size)
{
	snprintf(name, size, "alpha");
}

unsigned __wrap_os_machine_addresses(uint32_t *address, unsigned most)
{
	(void)most;
	return roster_address("192.0.2.10", 10, address) ? 0 : 1;
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s%s", root, name);
	return path;
}

static bool file_has(const char *name, const char *words)
{
	char text[MEMBERSHIP_COROSYNC_MAX];

	return os_file_read(path_of(name), text, sizeof(text)) > 0 && strstr(text, words);
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
	CHECK(rig_wrong("\"here\" is no IPv4 address"));
	CHECK_EQ(access(path_of(MEMBERSHIP_KEY), F_OK), -1);
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
	if (!mkdtemp(root))
		return 1;
	mkdir(path_of("/etc"), 0700);
	mkdir(path_of("/etc/dvs"), 0700);
	mkdir(path_of("/etc/corosync"), 0700);
	TEST(test_words);
	TEST(test_made);
	TEST(test_document);
	membership_end(root);
	os_folder_remove(path_of("/etc/corosync"));
	os_folder_remove(path_of("/etc/dvs"));
	os_folder_remove(path_of("/etc"));
	os_folder_remove(root);
	return test_end();
}
