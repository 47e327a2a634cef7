/* SPDX-License-Identifier: Apache-2.0 */

/* dvs join: a node with two files of another machine, and a list that was changed. */

#include <sys/stat.h>

#include "ctl/newcomer.h"
#include "ctl/rig_test.h"
#include "os/keyfile.h"
#include "os/machine.h"
#include "os/made_root_test.h"

static char folder[64];

void __wrap_os_machine_name(char *name, size_t size);

void __wrap_os_machine_name(char *name, size_t size)
{
	snprintf(name, size, "beta");
}

static int join_as(const char *name)
{
	return rig_run(verb_join, "--root", root, "--files", folder, name ? "--name" : NULL, name,
		       NULL);
}

static void list_is(const char *text)
{
	CHECK_EQ(os_file_write(path_of("/from/cluster"), text), 0);
}

static void test_words(void)
{
	CHECK_EQ(rig_run(verb_join, NULL), WRONG_USAGE);
	CHECK(rig_wrong("ADDRESS or --files FOLDER is missing"));
	CHECK_EQ(rig_run(verb_join, "--files", folder, "192.0.2.1", NULL), WRONG_USAGE);
	CHECK(rig_wrong("unexpected word \"192.0.2.1\""));
	CHECK_EQ(rig_run(verb_join, "--files", folder, "--address", "192.0.2.1", NULL),
		 WRONG_USAGE);
	CHECK(rig_wrong("--files goes without --address and --token"));
	CHECK_EQ(rig_run(verb_join, "192.0.2", NULL), WRONG_USAGE);
	CHECK(rig_wrong("ADDRESS \"192.0.2\": an address is one of a machine, in IPv4 or IPv6"));
	CHECK_EQ(rig_run(verb_join, "127.0.0.1", "--port", "65536", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--port is from 1 to 65535"));
}

#define TOKEN "7f3a91c2-000102ff-04050607-08090a0b-0c0d0e0f"

/* Nobody invites there; and a token that is none is found before anybody is asked. */
static void test_nobody(void)
{
	CHECK_EQ(rig_run(verb_join, "127.0.0.1", "--root", root, "--address", "192.0.2.11",
			 "--token", "7f3a91c2", NULL),
		 REFUSED);
	CHECK(rig_wrong("the token is not of the form that `dvs invite` shows"));
	CHECK_EQ(rig_run(verb_join, "127.0.0.1", "--port", "1", "--root", root, "--address",
			 "192.0.2.11", "--token", TOKEN, NULL),
		 REFUSED);
	CHECK(rig_wrong("nobody invites at 127.0.0.1, port 1"));
	CHECK(rig_wrong("ask for a new token"));
	CHECK(!is_there(MEMBERSHIP_KEY));
}

static void test_bad_files(void)
{
	CHECK_EQ(join_as(NULL), REFUSED);
	CHECK(rig_wrong("/from/cluster cannot be read"));
	list_is("node 0 alpha 192.0.2.10\nnode 0 beta 192.0.2.11\n");
	CHECK_EQ(join_as(NULL), REFUSED);
	CHECK(rig_wrong(
		"/from/cluster:2: there is a node of that number already: change the line"));
	list_is("change 1\nnode 0 alpha 192.0.2.10\n");
	CHECK_EQ(join_as(NULL), REFUSED);
	CHECK(rig_wrong("/from/key cannot be read"));
	CHECK_EQ(os_keyfile_make(path_of("/from/key")), 0);
	CHECK_EQ(join_as(NULL), REFUSED);
	CHECK(rig_wrong("has no node \"beta\": add a line \"node 1 beta ADDRESS\""));
	CHECK_EQ(chmod(path_of("/from/key"), 0644), 0);
	CHECK_EQ(join_as(NULL), REFUSED);
	CHECK(rig_wrong("may be read or written by others"));
	CHECK_EQ(chmod(path_of("/from/key"), 0600), 0);
	CHECK(!is_there(MEMBERSHIP_KEY));
}

static void test_joined(void)
{
	list_is("change 1\nnode 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11\n");
	CHECK_EQ(join_as(NULL), DONE);
	CHECK(rig_said("this machine is node 1, beta, at 192.0.2.11\n"));
	CHECK(rig_said("systemctl enable --now dvs-corosync dvsd\n"));
	CHECK(file_has(MEMBERSHIP_SETTINGS, "id = 1\nname = beta\n"));
	CHECK(file_has(MEMBERSHIP_COROSYNC, "ring0_addr: 192.0.2.10\n"));
	/* Another node it does not become. */
	CHECK_EQ(join_as("alpha"), REFUSED);
	CHECK(rig_wrong("is set up as a node already"));
}

static void test_changed(void)
{
	list_is("change 1\nnode 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11\n"
		"node 2 gamma 192.0.2.12\n");
	CHECK_EQ(join_as(NULL), REFUSED);
	CHECK(rig_wrong("another change of the list of machines came first"));
	list_is("change 2\nnode 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11\n"
		"node 2 gamma 192.0.2.12\n");
	CHECK_EQ(join_as(NULL), DONE);
	CHECK(rig_said("corosync-cfgtool -R"));
	CHECK(file_has(MEMBERSHIP_ROSTER, "node 2 gamma 192.0.2.12\n"));
	CHECK(file_has(MEMBERSHIP_COROSYNC, "ring0_addr: 192.0.2.12\n"));
}

/* The files lie where they are to stay. */
static void test_in_place(void)
{
	membership_end(root);
	CHECK_EQ(rename(path_of("/from/key"), path_of(MEMBERSHIP_KEY)), 0);
	CHECK_EQ(rename(path_of("/from/cluster"), path_of(MEMBERSHIP_ROSTER)), 0);
	snprintf(folder, sizeof(folder), "%s/etc/dvs/", root);
	CHECK_EQ(join_as(NULL), DONE);
	CHECK(!rig_said("/etc/dvs/key\n")); /* it stays as it is */
	CHECK(rig_said("/etc/corosync/authkey\n"));
}

int main(void)
{
	if (!root_make() || os_folder_make(path_of("/from")))
		return 1;
	snprintf(folder, sizeof(folder), "%s/from", root);
	TEST(test_words);
	TEST(test_nobody);
	TEST(test_bad_files);
	TEST(test_joined);
	TEST(test_changed);
	TEST(test_in_place);
	os_folder_remove(path_of("/from"));
	root_remove();
	return test_end();
}
