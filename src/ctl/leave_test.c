/* SPDX-License-Identifier: Apache-2.0 */

/* dvs leave: nothing is given up before the processes have moved and the others know; and a machine that is gone. */

#include "ctl/rig_test.h"
#include "os/keyfile.h"
#include "os/made_root_test.h"

int __wrap_os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output,
			size_t size);

void __wrap_os_self_sleep_ms(unsigned ms);

static int systemctl_status;

void __wrap_os_self_sleep_ms(unsigned ms)
{
	(void)ms;
}

/* All commands, one after the other, in the text that the test sees. */
int __wrap_os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output,
			size_t size)
{
	(void)netns_pid;
	(void)input;
	snprintf(output, size, "well");
	rig->note[1] += !strcmp(argv[0], "corosync-cfgtool");
	for (int i = 0; argv[i]; i++) {
		rig_append(rig->text, sizeof(rig->text), argv[i]);
		rig_append(rig->text, sizeof(rig->text), argv[i + 1] ? " " : "; ");
	}
	return !strcmp(argv[0], "systemctl") ? systemctl_status : 0;
}

static int self, processes, beta_linked = 1, quorum_after;
static bool one_stays;

static void serve(const struct ctl_request *request)
{
	struct ctl_node_status state = { .nodeid = self, .processes = processes };
	struct ctl_node_row row = { .up = 1, .self = 1 };
	struct ctl_move move = { .dcid = 2, .endpoint = 20, .error = EDVSBUSY, .to = -1 };

	if (request->call == CTL_STATUS) {
		state.quorum = rig->note[1] >= quorum_after;
		rig_end_with(&state, sizeof(state));
		return;
	}
	if (request->call == CTL_NODES) {
		row.node.n_nodeid = self;
		rig_row(&row, sizeof(row));
		row.self = 0;
		row.node.n_nodeid = !self;
		row.link_up = beta_linked;
		rig_row(&row, sizeof(row));
	}
	move.result = CTL_MOVE_REFUSED;
	snprintf(move.reason, sizeof(move.reason), "it has a socket open");
	if (request->call == CTL_DRAIN && one_stays) {
		rig_row(&move, sizeof(move));
		rig_refuse(EDVSPROCSTS, "0 moved, 1 stayed for the reasons given");
		return;
	}
	rig_end(0);
}

static int leave(const char *node)
{
	return rig_run(verb_leave, "--root", root, node, NULL);
}

static void set_up(const char *list, int id)
{
	struct membership membership = { .corosync = true, .node = id };
	const char *wrote[MEMBERSHIP_FILES_MOST + 1];
	struct refusal refusal = REFUSAL_NONE;
	int line;

	membership_end(root);
	self = id;
	os_keyfile_alone(&membership.keyring);
	CHECK(!roster_parse(&membership.roster, list, strlen(list), &line));
	CHECK_EQ(membership_make(root, &membership, wrote, &refusal), 0);
}

#define BOTH "change 2\nnode 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11\n"

static void test_words(void)
{
	rig_daemon = serve;
	CHECK_EQ(rig_run(verb_leave, "a", "b", NULL), WRONG_USAGE);
	CHECK(rig_wrong("unexpected word \"b\""));
	CHECK_EQ(leave(NULL), REFUSED);
	CHECK(rig_wrong("/etc/dvs/cluster cannot be read"));
	CHECK_EQ(rig->asked, 0);
}

static void test_stays(void)
{
	set_up(BOTH, 1);
	one_stays = true;
	CHECK_EQ(leave(NULL), REFUSED);
	CHECK(rig_wrong("endpoint 20 of container 2 stays here, and so does the node"));
	CHECK_EQ(rig->asked, 2);
	CHECK_EQ(rig->text[0], 0);
	CHECK(is_there(MEMBERSHIP_KEY));
	one_stays = false;
	self = 7;
	CHECK_EQ(leave(NULL), REFUSED);
	CHECK(rig_wrong("has no node 7"));
}

static void test_left(void)
{
	set_up(BOTH, 1);
	CHECK_EQ(leave(NULL), DONE);
	CHECK_EQ(rig->request[1].head.call, CTL_DRAIN);
	CHECK_EQ(rig->request[1].head.nodeid, 1);
	CHECK_EQ(rig->asked, 2);
	CHECK(!strcmp(rig->text,
		      "systemctl disable --now dvsd dvs-corosync; systemctl stop corosync; "));
	CHECK(rig_said("this machine is not node 1 (beta) any more\n"));
	CHECK(!strstr(rig->out, "systemctl"));
	CHECK(rig_said("    dvs leave beta      # on another machine"));
	CHECK(!is_there(MEMBERSHIP_KEY));
}

/* The last machine: there is nobody to tell, and nowhere to move to. */
static void test_last(void)
{
	set_up("change 1\nnode 0 alpha 192.0.2.10\n", 0);
	processes = 2;
	CHECK_EQ(leave(NULL), REFUSED);
	CHECK(rig_wrong("2 processes run on this node, and there is no other one"));
	processes = 0;
	systemctl_status = 1;
	CHECK_EQ(leave(NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK(rig_said("    systemctl disable --now dvsd dvs-corosync; systemctl stop corosync\n"));
	CHECK(!strstr(rig->out, "dvs leave")); /* there is nobody else */
	CHECK(!is_there(MEMBERSHIP_KEY));
	systemctl_status = 0;
}

static void test_another(void)
{
	set_up(BOTH, 0);
	CHECK_EQ(leave("gamma"), REFUSED);
	CHECK(rig_wrong("has no node \"gamma\""));
	CHECK_EQ(leave("2"), REFUSED);
	CHECK_EQ(leave("beta"), REFUSED);
	CHECK(rig_wrong("node 1 (beta) is up: run `dvs leave` there"));
	CHECK_EQ(leave("alpha"), REFUSED);
	beta_linked = 0;
	CHECK_EQ(rig_run(verb_leave, "--root", root, "1", "--json", NULL), DONE);
	CHECK_EQ(rig->request[2].head.call, CTL_ROSTER);
	CHECK_EQ(rig->request[2].head.node, 0);
	CHECK(strstr((const char *)rig->request[2].payload, "change 3\nnode 0 alpha 192.0.2.10\n"));
	CHECK(rig_has_text("name", "beta"));
	CHECK(rig_has_number("self", 0));
	CHECK(!strcmp(rig->text, "corosync-cfgtool -R; "));
	CHECK(is_there(MEMBERSHIP_KEY));
	CHECK_EQ(leave("beta"), DONE);
	CHECK(rig_said("node 1 (beta) is off the list"));
	/* A Corosync that does not notice the loss: it is tried for a while. */
	quorum_after = 3;
	CHECK_EQ(leave("beta"), DONE);
	CHECK_EQ(rig->note[1], 3);
	quorum_after = 1000;
	CHECK_EQ(leave("beta"), REFUSED);
	CHECK(rig_wrong("is off the list, and the cluster has no quorum yet"));
	quorum_after = 0;
	beta_linked = 1;
}

int main(void)
{
	if (!root_make())
		return 1;
	TEST(test_words);
	TEST(test_stays);
	TEST(test_left);
	TEST(test_last);
	TEST(test_another);
	root_remove();
	return test_end();
}
