/* SPDX-License-Identifier: Apache-2.0 */
/* Another name of a file in the folder where it lost the one that it was opened by. */
#include "migrate/linked.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/made_proc_test.h"

static const struct files nothing;

static struct made_proc made;
static char first[64], second[64], apart[80], other[IMAGE_PATH_MAX];

/* The process has the file `second` open as "fd/9". */
static struct files_object begin(void)
{
	struct stat status = { 0 };

	made_proc_open(&made);
	made_proc_link(&made, "root", "/");
	made_proc_text(&made, "second", "2");
	snprintf(first, sizeof(first), "%s/first", made.folder);
	snprintf(second, sizeof(second), "%s/second", made.folder);
	snprintf(apart, sizeof(apart), "%s/apart", made.folder);
	made_proc_link(&made, "fd/9", second);
	CHECK_EQ(stat(second, &status), 0);
	return (struct files_object){ "fd/9", 0, status.st_ino };
}

static void test_found(void)
{
	const struct files_object object = begin();

	CHECK(linked_name(&nothing, made.dir, first, &object, other));
	CHECK(strcmp(other, second) == 0);
	/* As the kernel shows the name that is gone. */
	snprintf(first, sizeof(first), "%s/first (deleted)", made.folder);
	CHECK(linked_name(&nothing, made.dir, first, &object, other) && strcmp(other, second) == 0);
	made_proc_close(&made);
}

static void test_not_found(void)
{
	struct files_object object = begin();

	CHECK(!linked_name(&nothing, made.dir, "first", &object, other));
	CHECK(!linked_name(&nothing, made.dir, "/no/such/folder", &object, other));
	CHECK(!linked_name(&nothing, made.dir, "/proc/first", &object, other));
	object.inode++; /* the link leads elsewhere by now */
	CHECK(!linked_name(&nothing, made.dir, first, &object, other));
	object.inode--;
	object.link = "fd/8";
	CHECK(!linked_name(&nothing, made.dir, first, &object, other));
	made_proc_link(&made, "fd/7", made.folder);
	object.link = "fd/7"; /* a folder */
	CHECK(!linked_name(&nothing, made.dir, first, &object, other));
	made_proc_close(&made);
}

int main(void)
{
	TEST(test_found);
	TEST(test_not_found);
	return test_end();
}
