/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/socket.h"

static char folder[64];

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void test_write_and_read(void)
{
	char text[8];

	CHECK_EQ(os_file_write(in_folder("a"), "hello"), 0);
	CHECK_EQ(os_file_read(in_folder("a"), text, sizeof(text)), 5);
	CHECK(!strcmp(text, "hello"));
	CHECK_EQ(os_file_write(in_folder("a"), "by"), 0);
	CHECK_EQ(os_file_read(in_folder("a"), text, sizeof(text)), 2);
	CHECK_EQ(access(in_folder("a.next"), F_OK), -1);
	CHECK_EQ(os_file_write(in_folder("a"), "12345678"), 0);
	CHECK_EQ(os_file_read(in_folder("a"), text, sizeof(text)), -EFBIG);
	CHECK_EQ(os_file_read(in_folder("none"), text, sizeof(text)), -ENOENT);
	CHECK_EQ(os_file_write(in_folder("none/a"), "x"), -ENOENT);
	/* One that cannot take its place is not left beside it. */
	CHECK_EQ(os_folder_make(in_folder("taken")), 0);
	CHECK_EQ(os_file_write(in_folder("taken"), "x"), -EISDIR);
	CHECK_EQ(access(in_folder("taken.next"), F_OK), -1);
	CHECK_EQ(os_folder_remove(in_folder("taken")), 0);
}

/* ---- what the disk is told, in its order ---- */

static char told[16];

static void tell(char what)
{
	size_t len = strlen(told);

	if (len < sizeof(told) - 1)
		told[len] = what;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	tell(S_ISDIR(st.st_mode) ? 'd' : st.st_size ? 'f' : '0');
	return __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	tell('r');
	return __real_rename(from, to);
}

static void check_told(const char *order)
{
	CHECK(!strcmp(told, order));
	memset(told, 0, sizeof(told));
}

/* First what the file has, then its name, then the folder that has the name. */
static void test_the_disk_has_it(void)
{
	char by[128];

	check_told("");
	CHECK_EQ(os_file_write(in_folder("a"), "hello"), 0);
	check_told("frd");
	CHECK_EQ(os_file_make(in_folder("b"), 0600, "key", 3), 0);
	check_told("fd");
	snprintf(by, sizeof(by), "%s", in_folder("b"));
	CHECK_EQ(os_file_replace(in_folder("a"), by), 0);
	check_told("rd");
	CHECK_EQ(access(by, F_OK), -1);
	CHECK_EQ(os_folder_make(by), 0);
	snprintf(by, sizeof(by), "%s", in_folder("a"));
	CHECK_EQ(os_file_replace(in_folder("b"), by), -EISDIR);
	check_told("r");
	CHECK_EQ(access(by, F_OK), -1);
	CHECK_EQ(os_folder_remove(in_folder("b")), 0);
	/* A name without a folder is one of the folder at hand. */
	CHECK_EQ(chdir(folder), 0);
	CHECK_EQ(os_file_write("a", "here"), 0);
	check_told("frd");
	CHECK_EQ(access(in_folder("a"), F_OK), 0);
	CHECK_EQ(chdir("/"), 0);
}

static void test_folder(void)
{
	char inner[128];

	snprintf(inner, sizeof(inner), "%s", in_folder("inner"));
	CHECK_EQ(os_folder_make(inner), 0);
	CHECK_EQ(os_folder_make(inner), -EEXIST);
	CHECK(os_folder_exists(inner));
	CHECK_EQ(os_file_write(in_folder("inner/a"), "x"), 0);
	os_folder_remove_empty(inner);
	CHECK(os_folder_exists(inner));
	CHECK_EQ(os_folder_remove(inner), 0);
	CHECK(!os_folder_exists(inner));
	CHECK_EQ(os_folder_remove(inner), 0);
}

/* A second taker waits for the first, and then sees that the folder has gone meanwhile. */
static void test_lock(void)
{
	char inner[128];
	int fd, status = 0;
	pid_t child;

	snprintf(inner, sizeof(inner), "%s", in_folder("lock"));
	CHECK_EQ(os_folder_lock(inner), -ENOENT);
	CHECK_EQ(os_folder_make(inner), 0);
	fd = os_folder_lock(inner);
	CHECK_OR_RETURN(fd >= 0);
	child = fork();
	if (child == 0) {
		close(fd);
		_exit(os_folder_lock(inner) == -ENOENT ? 7 : 8);
	}
	CHECK_EQ(poll(NULL, 0, 20), 0);
	CHECK_EQ(waitpid(child, &status, WNOHANG), 0);
	CHECK_EQ(os_folder_remove(inner), 0);
	os_close(fd);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* Files and folders of files by a pattern. An obstacle to the removal of one is no reason to leave the others. */
static void test_by_pattern(void)
{
	char inner[128], deep[160], pattern[96];

	snprintf(pattern, sizeof(pattern), "%s/x-7-*", folder);
	CHECK_EQ(os_files_remove(pattern), 0);
	CHECK_EQ(os_file_write(in_folder("x-7-a"), "1"), 0);
	CHECK_EQ(os_file_write(in_folder("x-77-a"), "1"), 0);
	snprintf(inner, sizeof(inner), "%s", in_folder("x-7-b"));
	CHECK_EQ(os_folder_make(inner), 0);
	snprintf(deep, sizeof(deep), "%s/c", inner);
	CHECK_EQ(os_file_write(deep, "1"), 0);
	CHECK_EQ(os_files_remove(pattern), 0);
	CHECK(access(in_folder("x-7-a"), F_OK) && !os_folder_exists(inner));
	CHECK_EQ(access(in_folder("x-77-a"), F_OK), 0);
	CHECK_EQ(os_folder_make(inner), 0);
	CHECK_EQ(os_folder_make(deep), 0); /* a folder in a folder is nobody's that we know */
	CHECK_EQ(os_file_write(in_folder("x-7-z"), "1"), 0);
	CHECK(os_files_remove(pattern) < 0);
	CHECK(access(in_folder("x-7-z"), F_OK) && os_folder_exists(deep));
	CHECK_EQ(os_folder_remove(deep), 0);
	snprintf(pattern, sizeof(pattern), "%s/x-*", folder);
	CHECK_EQ(os_files_remove(pattern), 0);
}

int main(void)
{
	snprintf(folder, sizeof(folder), "/tmp/dvs-file-test.XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	TEST(test_the_disk_has_it);
	TEST(test_write_and_read);
	TEST(test_folder);
	TEST(test_lock);
	TEST(test_by_pattern);
	CHECK_EQ(os_folder_remove(folder), 0);
	return test_end();
}
