/* SPDX-License-Identifier: Apache-2.0 */

/* dvs invite: one newcomer gets a place, and no other caller. The newcomer is a thread of the verb's process. */

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "ctl/invitation.h"
#include "ctl/rig_test.h"
#include "os/keyfile.h"
#include "os/made_root_test.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "os/threads.h"

/* ---- callers ---- */

enum caller {
	NOBODY,
	STRANGER, /* closes at once */
	SILENT,	  /* says nothing */
	BETA,
	LEAVER, /* as beta, and goes away before it has its files */
	STOP	/* the administrator interrupts */
};

static const enum caller *callers;
static const char *name = "beta";
static int listened;
static struct {
	int fd;
	bool leaves;
	pid_t pid;
} newcomer;

int __wrap_os_tcp_listen(struct address address, uint16_t port);
int __wrap_os_tcp_accept(int fd, struct os_tcp_caller *caller);
uint64_t __wrap_os_random(void);
int __wrap_os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output,
			size_t size);

int __wrap_os_tcp_listen(struct address address, uint16_t port)
{
	int fds[2];

	(void)address;
	(void)port;
	if (listened)
		return listened;
	CHECK_EQ(os_unix_pair(OS_STREAM, fds), 0);
	CHECK_EQ(os_write_full(fds[1], "x", 1, 0), 0); /* somebody always waits */
	return fds[0];
}

uint64_t __wrap_os_random(void)
{
	return 0x0123456789abcdef;
}

static const struct join_token token = { .id = 0x89abcdef,
					 .secret = { 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,
						     0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23,
						     0x01 } };

int __wrap_os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output,
			size_t size)
{
	(void)argv;
	(void)netns_pid;
	(void)input;
	snprintf(output, size, "well");
	rig->note[0]++; /* Corosyncs read their files */
	return 0;
}

/* In a process of its own, as a newcomer is. */
static void join(void)
{
	struct roster_node node = { .count = 1 };
	struct membership membership;
	struct refusal refusal = REFUSAL_NONE;
	struct secure_keys *keys;
	struct secure *secure;

	snprintf(node.name, sizeof(node.name), "%s", name);
	if (address_parse(&node.address[0], "192.0.2.11", 10))
		abort();
	if (invitation_keys(&token, &keys))
		abort();
	secure = invitation_call(keys, newcomer.fd, &refusal);
	secure_keys_free(keys);
	if (secure && !invitation_ask(secure, &node, &refusal) &&
	    !invitation_take(secure, &membership, &refusal) && !newcomer.leaves)
		rig->note[1] = invitation_settle(secure, &refusal) ? -1 : 1 + membership.node;
	snprintf(rig->text, sizeof(rig->text), "%s", refusal.reason);
	secure_free(secure);
}

int __wrap_os_tcp_accept(int fd, struct os_tcp_caller *caller)
{
	char byte;
	int fds[2];

	caller->address = ADDRESS_NONE;
	if (*callers == NOBODY || *callers == STOP) {
		/* The administrator sees first what becomes of the newcomer. */
		if (*callers == STOP && !waitpid(newcomer.pid, NULL, WNOHANG))
			return -EAGAIN;
		if (!os_read_full(fd, &byte, 1, 0) && *callers == STOP)
			kill(getpid(), SIGTERM);
		return -EAGAIN;
	}
	CHECK_EQ(os_unix_pair(OS_STREAM, fds), 0);
	if (*callers == STRANGER) {
		os_close(fds[1]);
	} else if (*callers != SILENT) {
		newcomer.fd = fds[1];
		newcomer.leaves = *callers == LEAVER;
		newcomer.pid = fork();
		if (!newcomer.pid) {
			os_close(fds[0]);
			join();
			_exit(0);
		}
		os_close(fds[1]);
	}
	callers++;
	return fds[0];
}

/* ---- the daemon ---- */

static int quorum = 1, beta_up;

static void serve(const struct ctl_request *request)
{
	struct ctl_node_status state = { .quorum = quorum };
	struct ctl_node_row row = { .up = 1, .self = 1 };

	if (request->call == CTL_STATUS) {
		rig_end_with(&state, sizeof(state));
		return;
	}
	if (request->call == CTL_NODES) {
		rig_row(&row, sizeof(row));
		row.self = 0;
		row.node.n_nodeid = 1;
		row.up = row.link_up = beta_up;
		rig_row(&row, sizeof(row));
	}
	rig_end(0);
}

static int invite(const enum caller *who)
{
	callers = who;
	return rig_run(verb_invite, "--root", root, NULL);
}

static bool asked_for(unsigned at, enum ctl_call call)
{
	return at < rig->asked && rig->request[at].head.call == call;
}

/* ---- tests ---- */

static void list_is(const char *text)
{
	CHECK_EQ(os_file_write(path_of(MEMBERSHIP_ROSTER), text), 0);
}

static void test_words(void)
{
	CHECK_EQ(rig_run(verb_invite, "beta", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_invite, "--time", "0", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--time is from 1 to 86400"));
	CHECK_EQ(rig_run(verb_invite, "--port", "0", NULL), WRONG_USAGE);
	CHECK_EQ(rig->asked, 0);
}

static void test_not_now(void)
{
	rig_daemon = serve;
	CHECK_EQ(invite(NULL), REFUSED);
	CHECK(rig_wrong("/etc/dvs/cluster cannot be read"));
	list_is("change 1\nnode 0 alpha 192.0.2.10\n");
	CHECK_EQ(invite(NULL), REFUSED);
	CHECK(rig_wrong("the cluster is of one machine alone"));
	CHECK_EQ(os_file_make(path_of(MEMBERSHIP_AUTHKEY), 0600, "corosync", 8), 0);
	CHECK_EQ(invite(NULL), REFUSED);
	CHECK(rig_wrong("/etc/dvs/key cannot be read"));
	CHECK_EQ(os_keyfile_make(path_of(MEMBERSHIP_KEY)), 0);
	quorum = 0;
	CHECK_EQ(invite(NULL), REFUSED);
	CHECK(rig_wrong("has no quorum: nobody can join"));
	quorum = 1;
	list_is("change 1\nnode 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11\nnode 2 gamma 192.0.2.12\n");
	CHECK_EQ(invite(NULL), REFUSED);
	CHECK(rig_wrong("node 1 (beta) is not up"));
	list_is("change 1\nnode 0 alpha 192.0.2.10\n");
	listened = -EADDRINUSE;
	CHECK_EQ(invite(NULL), REFUSED);
	CHECK(rig_wrong("port 7701 is in use: another `dvs invite` waits here"));
	listened = 0;
}

/* Strangers first; the newcomer gets the free number, each member the list, and then Corosync is told. */
static void test_joined(void)
{
	static const enum caller who[] = { STRANGER, SILENT, SILENT, BETA, NOBODY };
	unsigned last;

	CHECK_EQ(invite(who), DONE);
	CHECK(rig_said(
		"dvs join 192.0.2.10 --token 89abcdef-efcdab89-67452301-efcdab89-67452301\n"));
	CHECK(rig_said("beta is node 1 now"));
	CHECK(rig_wrong("a machine was refused: the connection ended before both had proven"));
	CHECK_EQ(rig->note[0], 1);
	last = rig->asked - 1;
	CHECK(asked_for(last, CTL_ROSTER) && !asked_for(last - 1, CTL_ROSTER)); /* node 0 alone */
	CHECK_EQ(rig->request[last].head.node, 0);
	CHECK(strstr((const char *)rig->request[last].payload,
		     "change 2\nnode 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11\n"));
}

/* A refused newcomer may come again; the token lives until it was of use. */
static void test_name_taken(void)
{
	static const enum caller who[] = { BETA, STOP };

	name = "alpha";
	CHECK_EQ(invite(who), REFUSED);
	CHECK(rig_wrong("a machine was refused: the cluster has a node alpha already"));
	CHECK(rig_wrong("interrupted: the token is worth nothing any more"));
	CHECK_EQ(rig->note[0], 0);
	CHECK(!asked_for(rig->asked - 1, CTL_ROSTER));
	name = "beta";
}

static void test_gone(void)
{
	static const enum caller who[] = { LEAVER, NOBODY };

	CHECK_EQ(invite(who), REFUSED);
	CHECK(rig_wrong("beta (node 1) is on the list, and did not say that it has its files"));
	CHECK_EQ(rig->note[0], 0); /* no quorum is lost for it */
}

/* One member is lost: a machine with its name and addresses gets its number, and no other machine a place. */
static void test_replaced(void)
{
	static const enum caller who[] = { BETA, NOBODY }, other[] = { BETA, STOP };
	static const char list[] = "change 4\nnode 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11\n";
	unsigned last;

	list_is(list);
	name = "gamma";
	CHECK_EQ(invite(other), REFUSED);
	CHECK(rig_wrong("a machine was refused: "));
	CHECK_EQ(rig->note[0], 0);
	name = "beta";
	CHECK_EQ(invite(who), DONE);
	CHECK(rig_said("node 1 (beta) is not up: only a machine in its place can join now"));
	CHECK(rig_said("-67452301 --name beta --address 192.0.2.11\n"));
	CHECK(rig_said("beta is node 1 now"));
	CHECK_EQ(rig->note[0], 1);
	last = rig->asked - 1;
	CHECK(asked_for(last, CTL_ROSTER) && !asked_for(last - 1, CTL_ROSTER)); /* node 0 alone */
	CHECK(strstr((const char *)rig->request[last].payload, "change 5\nnode 0 alpha"));
	list_is("change 1\nnode 0 alpha 192.0.2.10\n");
}

static void test_document(void)
{
	static const enum caller who[] = { BETA, NOBODY };

	callers = who;
	CHECK_EQ(rig_run(verb_invite, "--root", root, "--json", "--port", "7800", NULL), DONE);
	CHECK(rig_has_number("port", 7800));
	CHECK(rig_has_text("token", "89abcdef-efcdab89-67452301-efcdab89-67452301"));
	CHECK(rig_said("dvs join 192.0.2.10 --port 7800 --token "));
}

int main(void)
{
	if (geteuid()) {
		test_skip("a key file is root's");
		return test_end();
	}
	if (!root_make())
		return 1;
	TEST(test_words);
	TEST(test_not_now);
	TEST(test_joined);
	TEST(test_name_taken);
	TEST(test_gone);
	TEST(test_replaced);
	TEST(test_document);
	root_remove();
	return test_end();
}
