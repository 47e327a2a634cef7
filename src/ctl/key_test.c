/* SPDX-License-Identifier: Apache-2.0 */

/* dvs key: a new key in a new file, and never a key on the screen. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/rig_test.h"

static char folder[] = "/tmp/dvs-key-XXXXXX";
static char path[64], nowhere[64];

static void test_words(void)
{
	CHECK_EQ(rig_run(verb_key, NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_key, "fly", NULL), WRONG_USAGE);
	CHECK(rig_wrong("unknown verb fly"));
	CHECK_EQ(rig_run(verb_key, "--help", NULL), DONE);
	CHECK(rig_said("make "));
	CHECK_EQ(rig_run(verb_key, "make", NULL), WRONG_USAGE);
	CHECK(rig_wrong("FILE is missing"));
	CHECK_EQ(rig_run(verb_key, "show", path, path, NULL), WRONG_USAGE);
	CHECK(rig_wrong("there is one FILE"));
	CHECK_EQ(rig_run(verb_key_show, "--what", NULL), WRONG_USAGE);
}

static void test_make_and_show(void)
{
	struct stat status;
	char made[RIG_TEXT];

	CHECK_EQ(rig_run(verb_key, "make", path, NULL), DONE);
	CHECK_EQ(stat(path, &status), 0);
	CHECK_EQ(status.st_mode & 0777, status.st_mode & 0700); /* nobody else's */
	CHECK(!strncmp(rig->out, "primary ", 8));
	CHECK_EQ(strlen(rig->out), 8 + 8 + 1); /* its number, and nothing of the key */
	snprintf(made, sizeof(made), "%s", rig->out);
	CHECK_EQ(rig_run(verb_key, "show", path, NULL), DONE);
	CHECK(!strcmp(rig->out, made));
	CHECK_EQ(rig_run(verb_key, "show", path, "--json", NULL), DONE);
	CHECK_EQ(rig_elements(), 1);
	CHECK(rig_has_number("primary", 1));
	/* One that is there stays. */
	CHECK_EQ(rig_run(verb_key, "make", path, NULL), REFUSED);
	CHECK(rig_wrong("is there already: a key that is in use is not replaced"));
	CHECK(rig_wrong("EDVSEXIST"));
	CHECK_EQ(rig_run(verb_key, "show", path, NULL), DONE);
	CHECK(!strcmp(rig->out, made));
}

static void test_refused(void)
{
	CHECK_EQ(rig_run(verb_key, "make", nowhere, "--json", NULL), REFUSED);
	CHECK(rig_has_text("error", "EDVSNOENT"));
	CHECK_EQ(rig_run(verb_key, "show", nowhere, NULL), REFUSED);
	CHECK_EQ(chmod(path, 0644), 0);
	CHECK_EQ(rig_run(verb_key, "show", path, NULL), REFUSED); /* everybody could have read it */
	CHECK_EQ(rig->out[0], 0);
}

static struct ctl_keys daemon_keys;
static int daemon_error;

static void serve(const struct ctl_request *request)
{
	CHECK_EQ(request->call, CTL_KEYS);
	if (daemon_error)
		rig_refuse(daemon_error, "line 1 of the key file: no");
	else
		rig_end_with(&daemon_keys, sizeof(daemon_keys));
}

static void test_reload(void)
{
	rig_daemon = serve;
	daemon_error = 0;
	daemon_keys =
		(struct ctl_keys){ .nodeid = 2, .count = 2, .key = { 0xab, 0xcd }, .path = "/k" };
	CHECK_EQ(rig_run(verb_key, "reload", "file", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_key, "reload", NULL), DONE);
	CHECK(rig_said("node 2 has read /k: primary 000000ab, old 000000cd; 0 connections"));
	CHECK_EQ(rig_run(verb_key, "reload", "--json", NULL), DONE);
	CHECK(rig_has_number("primary", 0xab));
	daemon_error = EDVSINVAL;
	CHECK_EQ(rig_run(verb_key, "reload", NULL), REFUSED);
	CHECK(rig_wrong("EDVSINVAL"));
}

/* No answer of the daemon keeps the file from its step; the administrator sees the answer. */
static void test_rotate(void)
{
	char number[16];

	rig_daemon = serve;
	daemon_error = 0;
	daemon_keys = (struct ctl_keys){ .nodeid = 2, .count = 2, .path = "/elsewhere" };
	CHECK_EQ(rig_run(verb_key, "rotate", path, NULL), DONE);
	CHECK(rig_said("next "));
	CHECK(rig_wrong("node 2 reads another file, /elsewhere"));
	CHECK_EQ(rig_run(verb_key, "rotate", path, NULL), DONE);
	CHECK(rig_said("old "));
	snprintf(number, sizeof(number), "%.8s", rig->out + strlen("primary "));
	daemon_keys.key[0] = (uint32_t)strtoul(number, NULL, 16);
	daemon_keys.count = 1;
	CHECK_EQ(rig_run(verb_key, "rotate", path, NULL), DONE);
	CHECK_EQ(strlen(rig->out), 8 + 8 + 1);
	CHECK_EQ(rig->err[0], 0);
	daemon_error = EDVSINVAL;
	CHECK_EQ(rig_run(verb_key, "rotate", path, NULL), REFUSED);
	CHECK(rig_said("next "));
	daemon_error = 0;
}

int main(void)
{
	if (geteuid()) {
		test_skip("a key file is root's");
		return test_end();
	}
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/key", folder);
	snprintf(nowhere, sizeof(nowhere), "%s/no/key", folder);
	TEST(test_words);
	TEST(test_make_and_show);
	TEST(test_refused);
	CHECK_EQ(chmod(path, 0600), 0);
	TEST(test_reload);
	TEST(test_rotate);
	unlink(path);
	rmdir(folder);
	return test_end();
}
