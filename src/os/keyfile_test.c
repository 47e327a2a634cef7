/* SPDX-License-Identifier: Apache-2.0 */
#include "os/keyfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static char folder[] = "/tmp/dvs-keyfile-XXXXXX", path[64];
static struct keyring ring;

static bool is_refused(const char *words)
{
	struct refusal refusal = REFUSAL_NONE;
	int r = os_keyfile_read(path, &ring, &refusal);

	if (r && strstr(refusal.reason, words) && strstr(refusal.reason, path))
		return true;
	printf("# %d: %s\n", r, refusal.reason);
	return false;
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	CHECK_OR_RETURN(file);
	fputs(text, file);
	fclose(file);
}

static void test_made(void)
{
	struct refusal refusal = REFUSAL_NONE;
	struct stat status;
	struct keyring other;

	CHECK_EQ(os_keyfile_make(path), 0);
	CHECK_EQ(os_keyfile_make(path), -EEXIST);
	CHECK_EQ(stat(path, &status), 0);
	CHECK_EQ(status.st_mode & 07777, 0600);
	CHECK_EQ(os_keyfile_read(path, &ring, &refusal), 0);
	CHECK_EQ(ring.count, 1);
	unlink(path);
	CHECK_EQ(os_keyfile_make(path), 0);
	CHECK_EQ(os_keyfile_read(path, &other, &refusal), 0);
	CHECK(memcmp(&ring, &other, sizeof(ring)) != 0);
}

static void test_turn(void)
{
	struct refusal refusal = REFUSAL_NONE;
	struct keyring first, now;
	struct stat status;

	CHECK_EQ(os_keyfile_read(path, &first, &refusal), 0);
	for (int step = 0; step < 3; step++) {
		CHECK_EQ(os_keyfile_turn(path, &refusal), 0);
		CHECK_EQ(stat(path, &status), 0);
		CHECK_EQ(status.st_mode & 07777, 0600);
		CHECK_EQ(os_keyfile_read(path, &now, &refusal), 0);
		CHECK((now.key[0].id == first.key[0].id) == (step == 0));
	}
	CHECK_EQ(now.count, 1);
	chmod(path, 0644);
	CHECK(os_keyfile_turn(path, &refusal) != 0);
	chmod(path, 0600);
}

static void test_owner_and_mode(void)
{
	chmod(path, 0640);
	CHECK(is_refused("mode 640"));
	chmod(path, 0602);
	CHECK(is_refused("mode 602"));
	chmod(path, 0600);
	if (geteuid()) {
		test_skip("only root gives files away");
		return;
	}
	CHECK_EQ(chown(path, 65534, 65534), 0);
	CHECK(is_refused("another user"));
	CHECK_EQ(chown(path, 0, 0), 0);
}

static void test_kinds(void)
{
	char target[80];

	unlink(path);
	CHECK(is_refused("No such file or directory: dvs key make"));
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK(is_refused("no plain file"));
	unlink(path);
	snprintf(target, sizeof(target), "%s.target", path);
	CHECK_EQ(os_keyfile_make(target), 0);
	CHECK_EQ(symlink(target, path), 0);
	CHECK(is_refused("it is a link; name the file itself"));
	unlink(target);
	unlink(path);
}

static void test_contents(void)
{
	static char long_text[KEYRING_TEXT_MAX + 2];

	write_text("");
	chmod(path, 0600);
	CHECK(is_refused("no primary key"));
	write_text("# ours\nprimary 1234 5678\n");
	CHECK(is_refused("line 2 of"));
	memset(long_text, '#', sizeof(long_text) - 1);
	write_text(long_text);
	CHECK(is_refused("longer than two keys"));
	unlink(path);
}

/* Two daemons without a file do not believe each other. */
static void test_alone(void)
{
	struct keyring one, other;

	os_keyfile_alone(&one);
	os_keyfile_alone(&other);
	CHECK_EQ(one.count, 1);
	CHECK(one.key[0].id != 0);
	CHECK(memcmp(one.key[0].secret, other.key[0].secret, sizeof(one.key[0].secret)) != 0);
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/key", folder);
	TEST(test_made);
	TEST(test_turn);
	TEST(test_owner_and_mode);
	TEST(test_kinds);
	TEST(test_contents);
	rmdir(folder);
	TEST(test_alone);
	return test_end();
}
