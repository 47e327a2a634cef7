/* SPDX-License-Identifier: Apache-2.0 */
#include "os/membership.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/test.h"
#include "os/keyfile.h"
#include "os/made_root_test.h"

static struct membership membership;
static const char *wrote[MEMBERSHIP_FILES_MOST + 1];
static struct refusal refusal;

static bool has_group = true;

bool __wrap_os_account_group(const char *text, uint32_t *gid);
bool __wrap_os_account_group(const char *text, uint32_t *gid)
{
	*gid = 999;
	return has_group && !strcmp(text, "dvs");
}

static bool has_nothing(void)
{
	return !is_there(MEMBERSHIP_KEY) && !is_there(MEMBERSHIP_ROSTER) &&
	       !is_there(MEMBERSHIP_AUTHKEY);
}

static bool is_refused(int r, int error, const char *words)
{
	bool so = r == error && refusal.error == error && strstr(refusal.reason, words);

	if (!so)
		printf("# %d: %s\n", r, refusal.reason);
	refusal_clear(&refusal);
	return so;
}

static int check(bool corosync, bool kept)
{
	return membership_check(root, corosync, kept, &refusal);
}

static int make(void)
{
	return membership_make(root, &membership, wrote, &refusal);
}

/* Empty folders, and a node to be. */
static void set_up(const char *list)
{
	int line;

	membership_end(root);
	unlink(path_of(MEMBERSHIP_SETTINGS));
	unlink(path_of(MEMBERSHIP_COROSYNC));
	unlink(path_of(MEMBERSHIP_AUTHKEY));
	memset(&membership, 0, sizeof(membership));
	membership.corosync = true;
	os_keyfile_alone(&membership.keyring);
	CHECK(!roster_parse(&membership.roster, list, strlen(list), &line));
	CHECK_EQ(check(true, false), 0);
}

#define ALPHA "change 1\nnode 0 alpha 192.0.2.10\n"
#define BOTH  "change 2\nnode 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11 198.51.100.11\n"

static unsigned mode_of(const char *name)
{
	struct stat status;

	return stat(path_of(name), &status) ? 0 : status.st_mode & 0777;
}

static void test_made(void)
{
	struct keyring keyring;
	struct roster roster;

	set_up(ALPHA);
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_SETTINGS), "# all\n#id = 7"), 0);
	CHECK_EQ(make(), 0);
	CHECK(!strcmp(wrote[0], MEMBERSHIP_KEY) && !strcmp(wrote[4], MEMBERSHIP_SETTINGS));
	CHECK(!wrote[5]);
	CHECK_EQ(mode_of(MEMBERSHIP_KEY), 0600);
	CHECK_EQ(mode_of(MEMBERSHIP_AUTHKEY), 0600);
	CHECK_EQ(os_keyfile_read(path_of(MEMBERSHIP_KEY), &keyring, &refusal), 0);
	CHECK(!memcmp(&keyring, &membership.keyring, sizeof(keyring)));
	CHECK_EQ(membership_roster(path_of(MEMBERSHIP_ROSTER), &roster, &refusal), 0);
	CHECK(!memcmp(&roster, &membership.roster, sizeof(roster)));
	CHECK(!strcmp(
		text_of(MEMBERSHIP_SETTINGS),
		"# all\n#id = 7\n\n# This node, as `dvs init` or `dvs join` made it:\nid = 0\n"
		"name = alpha\naddress = 192.0.2.10\ngroup = corosync:/run/dvs/order.sock\n"
		"key = /etc/dvs/key\n"
		"# Only root and the users of this group may ask the daemon; without the line every user may.\n"
		"users = dvs\n"));
	CHECK(membership_is_node(root, &membership));
	membership.node = 1;
	memcpy(membership.roster.node[1].name, "alpha", 6);
	CHECK(!membership_is_node(root, &membership));
	/* And away again. */
	membership_end(root);
	CHECK(has_nothing() && !is_there(MEMBERSHIP_COROSYNC));
	CHECK(!strcmp(text_of(MEMBERSHIP_SETTINGS), "# all\n#id = 7\n"));
	CHECK_EQ(check(true, false), 0);
}

/* Other settings stay when the node goes, those before our lines and those behind them, and are in no node's way. */
static void test_other_settings(void)
{
	static const char before[] = "identity = 1\nlog-level = debug\n";
	char text[1024];

	set_up(ALPHA);
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_SETTINGS), before), 0);
	CHECK_EQ(check(true, false), 0);
	CHECK_EQ(make(), 0);
	snprintf(text, sizeof(text), "%sport = 7800\n\n# mine\nname-of = 2\n",
		 text_of(MEMBERSHIP_SETTINGS));
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_SETTINGS), text), 0);
	membership_end(root);
	CHECK(!strcmp(text_of(MEMBERSHIP_SETTINGS), "identity = 1\nlog-level = debug\n"
						    "port = 7800\n\n# mine\nname-of = 2\n"));
	CHECK_EQ(check(true, false), 0);
	CHECK_EQ(make(), 0);
	membership_end(root);
	CHECK_EQ(check(true, false), 0);
	/* Lines of ours that another hand has written are in the way, and stay. */
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_SETTINGS), "#\n  key=/k"), 0);
	CHECK(is_refused(check(true, false), EDVSEXIST, "dvs.conf:2: this machine is set up"));
	membership_end(root);
	CHECK(!strcmp(text_of(MEMBERSHIP_SETTINGS), "#\n  key=/k"));
}

/* The group that may ask the daemon is named where it is there, unless the administrator has named one. */
static void test_users(void)
{
	char text[1024];

	set_up(ALPHA);
	has_group = false;
	CHECK_EQ(make(), 0);
	CHECK(strstr(text_of(MEMBERSHIP_SETTINGS),
		     "there is no group dvs to name here.\n#users = dvs\n"));
	membership_end(root);
	CHECK(!strcmp(text_of(MEMBERSHIP_SETTINGS), ""));
	has_group = true;
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_SETTINGS), "#users = dvs\n users=staff\n"), 0);
	CHECK_EQ(make(), 0);
	CHECK(!strstr(text_of(MEMBERSHIP_SETTINGS), "Only root"));
	membership_end(root);
	CHECK(!strcmp(text_of(MEMBERSHIP_SETTINGS), "#users = dvs\n users=staff\n"));
	/* Another group in our line is the administrator's choice, and outlives the node. */
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_SETTINGS), ""), 0);
	CHECK_EQ(make(), 0);
	snprintf(text, sizeof(text), "%s", text_of(MEMBERSHIP_SETTINGS));
	memcpy(strstr(text, "= dvs"), "= ops", 5);
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_SETTINGS), text), 0);
	membership_end(root);
	CHECK(strstr(text_of(MEMBERSHIP_SETTINGS), "users = ops\n"));
	CHECK_EQ(check(true, false), 0);
}

static void test_local(void)
{
	set_up(ALPHA);
	membership.corosync = false;
	CHECK_EQ(make(), 0);
	CHECK(strstr(text_of(MEMBERSHIP_SETTINGS), "\ngroup = local:/run/dvs/sequencer.sock\n"));
	CHECK(!is_there(MEMBERSHIP_AUTHKEY) && !is_there(MEMBERSHIP_COROSYNC));
	CHECK(is_refused(check(false, false), EDVSEXIST, "is set up as a node already"));
}

/* The same on each machine that has the key; another key gives another one. */
static void test_authkey(void)
{
	uint8_t first[MEMBERSHIP_AUTHKEY_MAX];

	set_up(ALPHA);
	CHECK_EQ(membership_authkey(root, &membership), 0);
	CHECK_EQ(membership.authkey_len, 256);
	memcpy(first, membership.authkey, sizeof(first));
	CHECK(memcmp(first, membership.keyring.key[0].secret, KEYRING_SECRET_BYTES) != 0);
	CHECK_EQ(membership_authkey(root, &membership), 0);
	CHECK(!memcmp(first, membership.authkey, 256));
	membership.keyring.key[0].secret[31] ^= 1;
	CHECK_EQ(membership_authkey(root, &membership), 0);
	CHECK(memcmp(first, membership.authkey, 256) != 0);
	/* One that is there goes before: the cluster's key was exchanged since then. */
	CHECK_EQ(os_file_make(path_of(MEMBERSHIP_AUTHKEY), 0600, "abc", 3), 0);
	CHECK_EQ(membership_authkey(root, &membership), 0);
	CHECK_EQ(membership.authkey_len, 3);
	CHECK(!memcmp(membership.authkey, "abc", 3));
	membership_forget(&membership);
	CHECK(!membership.keyring.count && !membership.authkey[0]);
}

static void test_in_the_way(void)
{
	set_up(ALPHA);
	CHECK_EQ(make(), 0);
	CHECK(is_refused(check(true, true), EDVSEXIST,
			 "etc/dvs/dvs.conf:2: this machine is set up"));
	unlink(path_of(MEMBERSHIP_SETTINGS));
	CHECK(is_refused(check(true, false), EDVSEXIST, "etc/dvs/key is there already"));
	CHECK(is_refused(check(true, true), EDVSEXIST, "corosync.conf is of a cluster already"));
	unlink(path_of(MEMBERSHIP_COROSYNC));
	CHECK(is_refused(check(true, true), EDVSEXIST, "authkey is there already"));
	unlink(path_of(MEMBERSHIP_AUTHKEY));
	CHECK_EQ(check(true, true), 0);
	unlink(path_of(MEMBERSHIP_KEY));
	CHECK(is_refused(check(true, false), EDVSEXIST, "etc/dvs/cluster is there already"));
}

/* The file that Corosync's package brings is no cluster; it is kept, and put back. */
static void test_sample(void)
{
	static const char sample[] = "# bindnetaddr: 10.0.0.1 is no line\ntotem {\n}\nnodelist {\n"
				     "\tnode {\n\t\tring0_addr: 127.0.0.1\n\t}\n}\n";

	set_up(ALPHA);
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_COROSYNC), sample), 0);
	CHECK_EQ(check(true, false), 0);
	CHECK_EQ(make(), 0);
	CHECK(strstr(text_of(MEMBERSHIP_COROSYNC), "192.0.2.10"));
	CHECK(!strcmp(text_of(MEMBERSHIP_COROSYNC ".orig"), sample));
	membership_end(root);
	CHECK(!strcmp(text_of(MEMBERSHIP_COROSYNC), sample));
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_COROSYNC), "ring0_addr: 127.0.0.11\n"), 0);
	CHECK(is_refused(check(true, false), EDVSEXIST, "is of a cluster already"));
}

/* All or none. */
static void test_undone(void)
{
	set_up(ALPHA);
	CHECK_EQ(mkdir(path_of(MEMBERSHIP_SETTINGS), 0700), 0);
	CHECK(is_refused(make(), EDVSISDIR, "dvs.conf cannot be written"));
	CHECK(has_nothing() && !is_there(MEMBERSHIP_COROSYNC));
	CHECK(!wrote[0]);
	rmdir(path_of(MEMBERSHIP_SETTINGS));
	rename(path_of("/etc/corosync"), path_of("/etc/away"));
	CHECK(is_refused(check(true, false), EDVSNOENT, "Corosync is not installed"));
	CHECK_EQ(check(false, false), 0);
	CHECK(is_refused(make(), EDVSNOENT, "authkey cannot be written"));
	CHECK(has_nothing());
	rename(path_of("/etc/away"), path_of("/etc/corosync"));
}

static struct roster list_of(const char *text)
{
	struct roster roster;
	int line;

	CHECK(!roster_parse(&roster, text, strlen(text), &line));
	return roster;
}

static void test_change(void)
{
	struct roster next = list_of(BOTH), other = list_of("change 2\nnode 0 alpha 192.0.2.99\n");

	set_up(ALPHA);
	CHECK_EQ(make(), 0);
	CHECK_EQ(membership_change(root, &next, &refusal), 0);
	CHECK(strstr(text_of(MEMBERSHIP_ROSTER), "node 1 beta 192.0.2.11 198.51.100.11\n"));
	CHECK(strstr(text_of(MEMBERSHIP_COROSYNC), "ring0_addr: 192.0.2.11"));
	/* The same once more changes nothing. */
	CHECK_EQ(membership_change(root, &next, &refusal), 0);
	CHECK(is_refused(membership_change(root, &other, &refusal), EDVSAGAIN, "came first"));
	next.change--;
	CHECK(is_refused(membership_change(root, &next, &refusal), EDVSAGAIN, "came first"));
	/* A file of Corosync that people wrote is theirs. */
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_COROSYNC), "mine\n"), 0);
	next.change += 2;
	CHECK_EQ(membership_change(root, &next, &refusal), 0);
	CHECK(!strcmp(text_of(MEMBERSHIP_COROSYNC), "mine\n"));
}

/* A ring for each address that all machines have. */
static void test_rings(void)
{
	char text[MEMBERSHIP_COROSYNC_MAX];
	struct roster roster = list_of(BOTH);

	CHECK_EQ(membership_corosync(&roster, text), strlen(text));
	CHECK(strstr(text, "nodeid: 2\n\t\tname: beta\n\t\tring0_addr: 192.0.2.11\n\t}"));
	CHECK(!strstr(text, "ring1_addr"));
	roster = list_of("node 0 a 10.0.0.1 10.0.1.1 10.0.2.1\nnode 9 b 10.0.0.2 10.0.1.2\n");
	membership_corosync(&roster, text);
	CHECK(strstr(text, "ring0_addr: 10.0.0.1\n\t\tring1_addr: 10.0.1.1\n\t}"));
	CHECK(strstr(text, "nodeid: 10\n\t\tname: b\n\t\tring0_addr: 10.0.0.2\n"
			   "\t\tring1_addr: 10.0.1.2\n"));
	/* Each of one family, as Corosync wants it. */
	roster = list_of("node 0 a 10.0.0.1 fd00::1\nnode 9 b fd00::2 10.0.0.2\n");
	membership_corosync(&roster, text);
	CHECK(strstr(text, "ring0_addr: 10.0.0.1\n\t\tring1_addr: fd00::1\n\t}"));
	CHECK(strstr(text, "ring0_addr: 10.0.0.2\n\t\tring1_addr: fd00::2\n\t}"));
	roster = list_of("node 0 a 10.0.0.1 fd00::1\nnode 9 b fd00::2\n");
	membership_corosync(&roster, text);
	CHECK(strstr(text, "ring0_addr: fd00::1\n\t}"));
	CHECK(strstr(text, "ring0_addr: fd00::2\n\t}"));
}

static void test_bad_list(void)
{
	struct roster roster;

	set_up(ALPHA);
	CHECK_EQ(os_file_write(path_of("/list"), "node 0 a\n"), 0);
	CHECK(is_refused(membership_roster(path_of("/list"), &roster, &refusal), EDVSINVAL,
			 "/list:1: the node has no address: change the line"));
	CHECK_EQ(os_file_write(path_of("/list"), ""), 0);
	CHECK(is_refused(membership_roster(path_of("/list"), &roster, &refusal), EDVSINVAL,
			 "/list: it has no node"));
	CHECK(is_refused(membership_roster(path_of("/none"), &roster, &refusal), EDVSNOENT,
			 "/none cannot be read"));
}

int main(void)
{
	if (!root_make())
		return 1;
	TEST(test_made);
	TEST(test_other_settings);
	TEST(test_users);
	TEST(test_local);
	TEST(test_authkey);
	TEST(test_in_the_way);
	TEST(test_sample);
	TEST(test_undone);
	TEST(test_change);
	TEST(test_rings);
	TEST(test_bad_list);
	root_remove();
	return test_end();
}
