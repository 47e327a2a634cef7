/* SPDX-License-Identifier: Apache-2.0 */
#include "node/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "os/keyfile.h"

static struct node_settings values;
static char path[] = "/tmp/dvs.conf.XXXXXX";

static void put(const char *text)
{
	FILE *file = fopen(path, "w");

	CHECK_OR_RETURN(file);
	fputs(text, file);
	fclose(file);
}

static int count(char *const *words)
{
	int n = 0;

	while (words[n])
		n++;
	return n;
}

static int read_words(char *const *words)
{
	char *copy[64];
	int n = count(words);

	memcpy(copy, words, ((size_t)n + 1) * sizeof(*words));
	return node_settings_read(&values, n, copy);
}

#define READ(...) read_words((char *[]){ "dvsd", __VA_ARGS__, NULL })

static void test_line(void)
{
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x", "--key=k"), -1);
	CHECK_EQ(values.id, 3);
	CHECK_EQ(values.port, 7700);
	CHECK_EQ(values.adopt_fd, -1);
	CHECK(!strcmp(values.name, "node3") && !strcmp(values.group, "local:x") &&
	      !values.socket[0]);
	CHECK_EQ(READ("--id", "3"), 2);
	CHECK_EQ(READ("--id", "32", "--address", "10.0.0.3", "--group=local:x", "--key=k"), 2);
}

static void test_key(void)
{
	/* Without a key: secure, with nobody. */
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x"), -1);
	CHECK(!values.links && !values.key[0]);
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x", "--links=clear"), 2);
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x", "--links=plain",
		      "--key=k"),
		 2);
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x", "--links=plain"),
		 -1);
	CHECK(values.links && !values.key[0]);
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x", "--key=/k"), -1);
	CHECK(!values.links && !strcmp(values.key, "/k"));
}

static void test_file(void)
{
	put("id = 1\naddress = 10.0.0.1\ngroup = local:x\nkey = k\nname = alpha\nport = 7701\n");
	CHECK_EQ(READ("--config", path, "--port", "7702"), -1);
	CHECK_EQ(values.port, 7702);
	CHECK(!strcmp(values.name, "alpha"));
	put("id = 1\naddress = 10.0.0.1\n");
	CHECK_EQ(READ("--config", path), 2);
	CHECK_EQ(READ("--config", path, "--group", "local:x", "--key", "k"), -1);
	put("id = 1\nidd = 1\n");
	CHECK_EQ(READ("--config", path), 2);
}

/* A group by its name, which a successor is told by its number. */
static void test_users(void)
{
	char *const *words;
	bool told = false;

	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x"), -1);
	CHECK_EQ(values.users, RIGHT_NO_GROUP);
	for (words = node_settings_words(&values); *words; words++)
		CHECK(strcmp(*words, "--users"));
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x", "--users=root"), -1);
	CHECK_EQ(values.users, 0);
	for (words = node_settings_words(&values); *words; words++)
		if (!strcmp(*words, "--users"))
			told = words[1] && !strcmp(words[1], "0");
	CHECK(told);
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x", "--users=nobody's"),
		 2);
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x",
		      "--users=4294967295"),
		 2);
}

/* Its settings are those of its predecessor, whatever has become of the file; and so are those of its successor. */
static void test_successor(void)
{
	char *words[64], *const *next;
	int n;

	put("id = 1\naddress = 10.0.0.1\ngroup = local:x\nkey = k\nname = alpha\nlog-level = warn\n");
	CHECK_EQ(READ("--config", path, "--port", "7702", "--ready-fd", "9"), -1);
	for (int life = 0; life < 3; life++) {
		put(life == 1 ? "nonsense" : "id = 2\nname = beta\nlog-level = debug\n");
		next = node_settings_words(&values);
		n = count(next);
		for (int i = 0; i < n; i++) {
			words[i] = strdup(next[i]);
			CHECK(strcmp(words[i], "--ready-fd") && strcmp(words[i], "--adopt"));
		}
		words[n] = "--adopt";
		words[n + 1] = "7";
		words[n + 2] = NULL;
		CHECK_EQ(read_words(words), -1);
		CHECK_EQ(values.id, 1);
		CHECK_EQ(values.port, 7702);
		CHECK_EQ(values.adopt_fd, 7);
		CHECK_EQ(values.log_level, life == 1 ? 2 : 3);
		CHECK(!strcmp(values.name, "alpha") && !strcmp(values.group, "local:x"));
		for (int i = 0; i < n; i++)
			free(words[i]);
	}
}

static void test_again(void)
{
	char why[512];

	put("id = 1\naddress = 10.0.0.1\ngroup = local:x\nkey = k\n");
	CHECK_EQ(READ("--config", path, "--log-bytes", "8192"), -1);
	put("id = 1\naddress = 10.0.0.1\ngroup = local:x\nkey = k\nlog-level = debug\nlog-bytes = 4096\n");
	CHECK(node_settings_again(&values, why, sizeof(why)) && !why[0]);
	CHECK_EQ(values.log_level, 3);
	CHECK_EQ(values.log_bytes, 8192); /* the command line goes before */
	put("id = 1\naddress = 10.0.0.2\ngroup = local:x\nkey = k\nlog-level = warn\n");
	CHECK(node_settings_again(&values, why, sizeof(why)) &&
	      strstr(why, ":2: address is other"));
	CHECK(!memcmp(&values.address.byte[12], "\12\0\0\1", 4));
	CHECK_EQ(values.log_level, 1);
	put("log-level = loud\n");
	CHECK(!node_settings_again(&values, why, sizeof(why)) &&
	      strstr(why, ":1: log-level is \"loud\""));
	CHECK_EQ(values.log_level, 1);
}

static char key[] = "/tmp/dvs.key.XXXXXX";

/* The daemon reads it the same way: a key file that the daemon would refuse is no success. */
static void test_check_of_the_key_file(void)
{
	unlink(key);
	CHECK_EQ(READ("--id", "3", "--address", "10.0.0.3", "--group=local:x", "--key", key,
		      "--check"),
		 -1);
	CHECK(values.check);
	CHECK_EQ(node_settings_check(&values), 1);
	CHECK_EQ(os_keyfile_make(key), 0);
	CHECK_EQ(node_settings_check(&values), 0);
	CHECK_EQ(chmod(key, 0644), 0);
	CHECK_EQ(node_settings_check(&values), 1);
	CHECK_EQ(chmod(key, 0600), 0);
	CHECK_EQ(truncate(key, 20), 0);
	CHECK_EQ(node_settings_check(&values), 1);
	unlink(key);
	values.key[0] = '\0'; /* a node without a key is one */
	CHECK_EQ(node_settings_check(&values), 0);
}

int main(void)
{
	int fd = mkstemp(path), key_fd = mkstemp(key);

	if (fd < 0 || key_fd < 0)
		return 1;
	TEST(test_line);
	TEST(test_key);
	TEST(test_file);
	TEST(test_users);
	TEST(test_successor);
	TEST(test_again);
	TEST(test_check_of_the_key_file);
	unlink(path);
	close(fd);
	close(key_fd);
	return test_end();
}
