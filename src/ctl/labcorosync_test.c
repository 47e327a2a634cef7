/* SPDX-License-Identifier: Apache-2.0 */

/* A lab on Corosync: its configuration, the refusals where it is not there, and the order of its two programs. */

#include "ctl/labcorosync.h"

#include <errno.h>
#include <unistd.h>

#include "ctl/labnode.h"
#include "ctl/rig_test.h"
#include "os/child.h"
#include "os/file.h"
#include "os/self.h"

static struct refusal refusal;
static int runs, not_at; /* how many commands were run, and which of them fails */
static int beside, written;
static char conf[8192];
static char started[256];
static const char *fails;
static char became[512];
static char removed[128];

int __wrap_os_self_become(char **argv);
int __wrap_os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output,
			size_t size);
int __wrap_os_self_beside(const char *name, char *path, size_t size);
int __wrap_os_file_write(const char *path, const char *text);
int __wrap_os_files_remove(const char *pattern);
int __wrap_labnode_start_in(pid_t netns_pid, const char *name, char **argv, char *ready,
			    const char *log, struct refusal *why);

int __wrap_os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output,
			size_t size)
{
	(void)input;
	CHECK(!strcmp(argv[0], "sh"));
	CHECK_EQ(netns_pid, 0);
	snprintf(output, size, "no room");
	return ++runs == not_at ? 1 : 0;
}

int __wrap_os_self_become(char **argv)
{
	became[0] = '\0';
	for (; *argv; argv++) {
		rig_append(became, sizeof(became), *argv);
		rig_append(became, sizeof(became), "|");
	}
	return -ENOENT;
}

int __wrap_os_self_beside(const char *name, char *path, size_t size)
{
	snprintf(path, size, "/x/%s", name);
	return beside;
}

int __wrap_os_file_write(const char *path, const char *text)
{
	CHECK(!strcmp(path, LAB_FOLDER "/corosync.conf"));
	snprintf(conf, sizeof(conf), "%s", text);
	return written;
}

int __wrap_labnode_start_in(pid_t netns_pid, const char *name, char **argv, char *ready,
			    const char *log, struct refusal *why)
{
	char line[128];

	(void)ready;
	CHECK(!strcmp(log, LAB_FOLDER "/corosync3.log"));
	CHECK(!strcmp(argv[1], LAB_COROSYNC_ARGUMENT));
	snprintf(line, sizeof(line), "%d %s %s %s %s;", netns_pid, name, argv[0], argv[2],
		 argv[3] ? argv[3] : "");
	rig_append(started, sizeof(started), line);
	return fails && !strcmp(name, fails) ? refusal_set(why, EDVSDVSINIT, "it ended") : 0;
}

int __wrap_os_files_remove(const char *pattern)
{
	rig_append(removed, sizeof(removed), pattern);
	rig_append(removed, sizeof(removed), ";");
	return -EACCES;
}

static const struct lab lab;

static void begin(void)
{
	refusal = REFUSAL_NONE;
	runs = not_at = beside = written = 0;
	started[0] = conf[0] = '\0';
	fails = NULL;
}

static void test_configuration(void)
{
	const struct lab v6 = { .ipv6 = true };

	begin();
	CHECK_EQ(labcorosync_prepare(&lab, 1u << 0 | 1u << 15, &refusal), 0);
	CHECK(strstr(conf, "nodeid: 1\n    name: node0\n    ring0_addr: 10.77.0.1\n"));
	CHECK(strstr(conf, "nodeid: 16\n    name: node15\n    ring0_addr: 10.77.0.16\n"));
	CHECK(!strstr(conf, "node1\n"));
	CHECK(!strcmp(conf + strlen(conf) - 6, "  }\n}\n"));
	CHECK_EQ(labcorosync_prepare(&lab, 0xffff, &refusal), 0); /* all of them have room */
	CHECK(strstr(conf, "node15\n"));
	CHECK_EQ(labcorosync_prepare(&v6, 1u << 15, &refusal), 0);
	CHECK(strstr(conf, "ring0_addr: fd77::16\n"));
}

static void test_refused(void)
{
	begin();
	not_at = 1;
	CHECK_EQ(labcorosync_prepare(&lab, 1, &refusal), EDVSNOENT);
	CHECK(strstr(refusal.reason, "apt install corosync"));
	begin();
	beside = -ENOENT;
	CHECK_EQ(labcorosync_prepare(&lab, 1, &refusal), EDVSNOSYS);
	begin();
	not_at = 2;
	CHECK_EQ(labcorosync_prepare(&lab, 1, &refusal), EDVSIO);
	CHECK(strstr(refusal.reason, "no room"));
	CHECK_EQ(conf[0], 0);
	begin();
	written = -ENOSPC;
	CHECK_EQ(labcorosync_prepare(&lab, 1, &refusal), EDVSIO);
}

/* Corosync first, then the deputy that talks with it; both in the network of the node's daemon. */
static void test_start(void)
{
	struct lab lab = { .corosync = true };

	lab.node[3].task.pid = 77;
	begin();
	CHECK_EQ(labcorosync_start(&lab, 3, &refusal), 0);
	CHECK(!strncmp(started, "77 Corosync dvs ", 16));
	CHECK(strstr(started, ";77 dvs-corosync dvs  " LAB_GROUP ".3;"));
	begin();
	fails = "Corosync";
	CHECK_EQ(labcorosync_start(&lab, 3, &refusal), EDVSDVSINIT);
	CHECK(!strstr(started, "dvs-corosync"));
}

static int become(int argc, char *fd, char *socket)
{
	char *argv[] = { "dvs", LAB_COROSYNC_ARGUMENT, fd, socket, NULL };

	became[0] = '\0';
	return lab_corosync_main(argc, argv);
}

/* Both go on as a shell that starts them again and again; the deputy is told where it says that it is ready. */
static void test_what_it_becomes(void)
{
	begin();
	CHECK_EQ(become(3, "900", NULL), 1);
	CHECK(strstr(became, "unshare|--mount|sh|-c|") && strstr(became, "do corosync "));
	CHECK_EQ(become(4, "900", "/s"), 1);
	CHECK(strstr(became, "|/x/dvs-corosync|/s|900|") && strstr(became, "while :; do "));
	CHECK_EQ(become(2, NULL, NULL), 2);
	CHECK_EQ(become(3, "one", NULL), 2);
	beside = -ENOENT;
	CHECK_EQ(become(4, "900", "/s"), 2);
	CHECK_EQ(became[0], 0);
}

/* Names with its pid, and none that only begins so. */
static void test_forget(void)
{
	labcorosync_forget(31);
	CHECK(!strcmp(removed, "/dev/shm/qb-31-*;/dev/shm/qb-corosync-31-*;"));
}

int main(void)
{
	TEST(test_configuration);
	TEST(test_refused);
	TEST(test_start);
	TEST(test_what_it_becomes);
	TEST(test_forget);
	return test_end();
}
