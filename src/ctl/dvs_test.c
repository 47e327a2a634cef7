/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The command itself: the words before the verb, its names, and what it says without one. The program is run;
 * usage: dvs_test PROGRAM.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/test.h"
#include "ctl/verb.h"

static const char *program;
static char out[32768], err[32768];

static void read_all(int fd, char *text, size_t size)
{
	ssize_t length = pread(fd, text, size - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	close(fd);
}

static int file_new(void)
{
	char path[] = "/tmp/dvs-test-XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	return fd;
}

/* words[0] is the name under which it runs. */
static int run(const char *const *words)
{
	int out_fd = file_new(), err_fd = file_new(), status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(out_fd, STDOUT_FILENO);
		dup2(err_fd, STDERR_FILENO);
		execv(program, (char *const *)(uintptr_t)words);
		_exit(99);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	read_all(out_fd, out, sizeof(out));
	read_all(err_fd, err, sizeof(err));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static void test_no_verb(void)
{
	CHECK_EQ(RUN("dvs"), WRONG_USAGE);
	CHECK(strstr(err, "what to do? Name a verb"));
	CHECK_EQ(out[0], 0);
	CHECK_EQ(RUN("dvs", "fly"), WRONG_USAGE);
	CHECK(strstr(err, "unknown verb fly"));
	CHECK(strstr(err, "  migrate "));
	CHECK_EQ(RUN("dvs", "fly", "--json"), WRONG_USAGE);
	CHECK(strstr(out, "\"error\"") && strstr(out, "unknown verb fly"));
	CHECK_EQ(RUN("dvs", ""), WRONG_USAGE);
}

static void test_help(void)
{
	static const char *const asked[] = { "help", "--help", "-h" };

	for (int i = 0; i < 3; i++) {
		CHECK_EQ(RUN("dvs", asked[i]), DONE);
		CHECK(strstr(out, "usage: dvs [-n NODE] VERB"));
		CHECK(strstr(out, "dvs_migrate"));
		CHECK_EQ(err[0], 0);
	}
	CHECK_EQ(RUN("dvs", "-n", "1", "help"), DONE);
	CHECK_EQ(RUN("dvs", "--version"), DONE);
	CHECK(!strncmp(out, "dvs ", 4) && strlen(out) > 6);
}

/* The node may stand before the verb, with a blank or without. */
static void test_leading_node(void)
{
	CHECK_EQ(RUN("dvs", "-n", "3", "ps", "x"), WRONG_USAGE);
	CHECK(strstr(err, "dvs ps:"));
	CHECK_EQ(RUN("dvs", "-n3", "ps", "x"), WRONG_USAGE);
	CHECK(strstr(err, "dvs ps:"));
	CHECK_EQ(RUN("dvs", "-n"), WRONG_USAGE);
	CHECK(strstr(err, "-n needs a node from 0 to"));
	CHECK_EQ(RUN("dvs", "-n", "-1", "ps"), WRONG_USAGE);
	CHECK_EQ(RUN("dvs", "-n", "32", "ps"), WRONG_USAGE);
	CHECK(strstr(err, "not \"32\""));
	CHECK_EQ(RUN("dvs", "-nx", "ps"), WRONG_USAGE);
	CHECK_EQ(RUN("dvs", "--json", "ps"), WRONG_USAGE);
	CHECK(strstr(err, "unknown option --json before the verb"));
	CHECK_EQ(RUN("dvs", "-n", "3"), WRONG_USAGE);
	CHECK(strstr(err, "what to do?"));
}

/* Under the name of one of the original's commands it is that command, wherever it lies. */
static void test_names(void)
{
	CHECK_EQ(RUN("dvs_migrate", "-s"), WRONG_USAGE);
	CHECK(strstr(err, "usage: dvs_migrate -s | -r | -c"));
	CHECK_EQ(RUN("/usr/bin/dvs_run"), WRONG_USAGE);
	CHECK(strstr(err, "usage: dvs_run -l | -r | -b"));
	CHECK_EQ(RUN("/x/dvs", "lab", "fly"), WRONG_USAGE);
	CHECK_EQ(RUN("dvs", "dvs_run"), WRONG_USAGE); /* a name, and no verb */
	CHECK(strstr(err, "unknown verb dvs_run"));
}

/* Each verb of the table is there and knows its usage. */
static void test_verbs(void)
{
	static const char *const verbs[] = { "nodes", "dc",    "ps",	  "logs",    "run", "stop",
					     "kill",  "drain", "migrate", "restart", "lab" };
	char usage[64];

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		CHECK_EQ(RUN("dvs", verbs[i], "--what"), WRONG_USAGE);
		snprintf(usage, sizeof(usage), "dvs %s", verbs[i]);
		CHECK(strstr(err, usage));
	}
}

/* So do the verbs of the lab, which needs one of its own. */
static void test_lab(void)
{
	static const char *const verbs[] = { "up",   "down",  "status",	 "exec", "cut",
					     "heal", "start", "restart", "kill" };
	char usage[64];

	CHECK_EQ(RUN("dvs", "lab"), WRONG_USAGE);
	CHECK(strstr(err, "  heal "));
	CHECK_EQ(RUN("dvs", "lab", "fly"), WRONG_USAGE);
	CHECK(strstr(err, "fly"));
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		CHECK_EQ(RUN("dvs", "lab", verbs[i], "--what"), WRONG_USAGE);
		snprintf(usage, sizeof(usage), "dvs lab %s", verbs[i]);
		CHECK(strstr(err, usage));
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 1;
	program = argv[1];
	TEST(test_no_verb);
	TEST(test_help);
	TEST(test_leading_node);
	TEST(test_names);
	TEST(test_verbs);
	TEST(test_lab);
	return test_end();
}
