/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The key file of a running node: its content is taken, and a fault in it leaves the keys as they
 * were.
 */

#include "node/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/ask/asker_test.h"
#include "node/calls.h"
#include "node/node.h"
#include "os/clock.h"
#include "os/keyfile.h"
#include "os/secure.h"
#include "os/socket.h"
#include "os/thread.h"

static struct node node;
static char folder[] = "/tmp/dvs-keys-XXXXXX";
static char path[64];

static struct ctl_keys done;
static struct refusal why;

static int read_again(void)
{
	why = REFUSAL_NONE;
	memset(&done, 0, sizeof(done));
	return keys_read_again(&node.keys, &done, &why);
}

static void turn(void)
{
	CHECK_EQ(os_keyfile_turn(path, &why), 0);
}

static void set_up(const char *key_path)
{
	struct node_options options = { .id = 3, .key_path = key_path };

	memset(&node, 0, sizeof(node));
	os_lock_init(&node.lock);
	node.keys.lock = &node.lock;
	node.requests.keys = &node.keys;
	node.requests.counters = &node.life.counters;
	unlink(path);
	CHECK_EQ(os_keyfile_make(path), 0);
	CHECK_EQ(keys_start(&node.keys, &options), 0);
}

static void tear_down(void)
{
	node.keys.secure = secure_keys_free(node.keys.secure);
}

/* Two ends of this node's keys, which greet each other. */
static void connect_ends(struct secure *end[2])
{
	const struct identity identity = { .purpose = 1, .from = 1, .to = 3 };
	int fd[2], r[2] = { 1, 1 };

	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	end[0] = secure_call(node.keys.secure, &identity, fd[0]);
	end[1] = secure_answer(node.keys.secure, 3, fd[1]);
	for (int i = 0; i < 8; i++)
		r[i % 2] = secure_greet(end[i % 2]);
	CHECK_EQ(r[0], 0);
	CHECK_EQ(r[1], 0);
}

static void test_rotation(void)
{
	struct secure *end[2];
	uint32_t first;
	char byte;

	set_up(path);
	connect_ends(end);
	CHECK_EQ(read_again(), 0);
	CHECK_EQ(done.nodeid, 3);
	CHECK_EQ(done.count, 1);
	CHECK_EQ(done.ended, 0);
	CHECK(!strcmp(done.path, path));
	first = done.key[0];
	turn();
	CHECK_EQ(read_again(), 0);
	CHECK_EQ(done.key[0], first);
	CHECK(done.next);
	CHECK(!secure_is_outdated(end[0]));
	turn();
	CHECK_EQ(read_again(), 0);
	CHECK_EQ(done.key[1], first);
	CHECK(!done.next);
	CHECK_EQ(done.ended, 0);
	CHECK(secure_is_outdated(end[0]));
	CHECK_EQ(secure_read(end[0], &byte, 1), -EAGAIN);
	turn();
	CHECK_EQ(read_again(), 0);
	CHECK_EQ(done.count, 1);
	CHECK(done.key[0] != first);
	CHECK_EQ(done.ended, 2);
	CHECK_EQ(secure_read(end[0], &byte, 1), -ECONNRESET);
	secure_free(end[0]);
	secure_free(end[1]);
	tear_down();
}

static void test_a_wrong_file_changes_nothing(void)
{
	struct secure *end[2];
	char byte;
	FILE *file;

	set_up(path);
	connect_ends(end);
	CHECK_EQ(chmod(path, 0644), 0);
	CHECK_EQ(read_again(), EDVSPERM);
	CHECK_EQ(chmod(path, 0600), 0);
	file = fopen(path, "w");
	CHECK_OR_RETURN(file);
	fputs("primary 12\n", file);
	fclose(file);
	CHECK_EQ(read_again(), EDVSINVAL);
	CHECK(strstr(why.reason, "line 1"));
	unlink(path);
	CHECK_EQ(read_again(), EDVSNOENT);
	CHECK_EQ(node.keys.taken, 0);
	CHECK(!secure_is_outdated(end[0]));
	CHECK_EQ(secure_read(end[0], &byte, 1), -EAGAIN);
	secure_free(end[0]);
	secure_free(end[1]);
	connect_ends(end); /* as before */
	secure_free(end[0]);
	secure_free(end[1]);
	tear_down();
}

static void test_without_a_file(void)
{
	set_up("");
	CHECK(!keys_have_file(&node.keys));
	CHECK_EQ(read_again(), EDVSINVAL);
	CHECK(strstr(why.reason, "without a key file"));
	tear_down();
	set_up(NULL);
	CHECK(!node.keys.secure);
	CHECK_EQ(read_again(), EDVSINVAL);
	CHECK(strstr(why.reason, "plain"));
	tear_down();
}

/* A slow reader does not bring back what a later one has found to be over. */
static void test_late(void)
{
	uint32_t first;

	set_up(path);
	CHECK_EQ(read_again(), 0);
	first = done.key[0];
	node.keys.taken = 9;
	turn();
	turn();
	CHECK_EQ(read_again(), 0);
	CHECK_EQ(node.keys.taken, 9);
	node.keys.taken = 0;
	CHECK_EQ(read_again(), 0);
	CHECK_EQ(node.keys.taken, 3);
	CHECK(done.key[0] != first);
	tear_down();
}

static void test_call(void)
{
	static struct answer answer;
	struct ctl_keys keys;

	set_up(path);
	node_lock(&node);
	handle_keys(asker_request(&node.requests, CTL_KEYS, &answer));
	node_unlock(&node);
	os_thread_sleep_ns(OS_MS_NS);
	node_lock(&node);
	for (int i = 0; i < 5000 && !answer.ends; i++) {
		node_unlock(&node);
		os_thread_sleep_ns(OS_MS_NS);
		node_lock(&node);
	}
	CHECK_EQ(answer.ends, 1);
	CHECK_EQ(answer.error, 0);
	CHECK_EQ(answer.bytes, sizeof(keys));
	memcpy(&keys, answer.payload, sizeof(keys));
	CHECK_EQ(keys.count, 1);
	node_unlock(&node);
	tear_down();
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
	TEST(test_rotation);
	TEST(test_a_wrong_file_changes_nothing);
	TEST(test_without_a_file);
	TEST(test_late);
	TEST(test_call);
	unlink(path);
	rmdir(folder);
	return test_end();
}
