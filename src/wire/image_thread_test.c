/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/image_thread.h"

#include <string.h>

#include "base/test.h"
#include "wire/image_description.h"

static void test_threads(void)
{
	struct image_thread thread = { .tid = 2 };

	CHECK(image_thread_ok(&thread));
	thread.credentials.group_count = 65;
	CHECK(!image_thread_ok(&thread));
	thread = (struct image_thread){ .tid = 0 };
	CHECK(!image_thread_ok(&thread));
	thread = (struct image_thread){ .tid = 2, .affinity_bytes = 129 };
	CHECK(!image_thread_ok(&thread));
	thread = (struct image_thread){ .tid = 2 };
	memset(thread.comm, 'x', sizeof(thread.comm));
	CHECK(!image_thread_ok(&thread)); /* no end of its name */
}

/* One policy for pages that have failed, or none. */
static void test_settings(void)
{
	struct image_thread thread = { .tid = 2, .settings = IMAGE_THREAD_MCE_EARLY };

	CHECK(image_thread_ok(&thread));
	thread.settings = IMAGE_THREAD_MCE_LATE | IMAGE_THREAD_IO_FLUSHER | IMAGE_THREAD_NO_CPUID |
			  IMAGE_THREAD_NO_TSC;
	CHECK(image_thread_ok(&thread));
	thread.settings = IMAGE_THREAD_SETTINGS_ALL;
	CHECK(!image_thread_ok(&thread));
	thread.settings = IMAGE_THREAD_SETTINGS_ALL + 1;
	CHECK(!image_thread_ok(&thread));
}

/* One that has no directory of its own has no mask and no root directory of its own either. */
static void test_directory(void)
{
	struct image_thread thread = {
		.tid = 2, .place = 2, .cwd_file = 3, .root_file = 4, .umask = 0777
	};

	CHECK(image_thread_ok(&thread));
	thread.place = 3; /* it has them from another one */
	CHECK(!image_thread_ok(&thread));
	thread.place = 2;
	thread.umask = 01000;
	CHECK(!image_thread_ok(&thread));
	thread.umask = 0;
	thread.cwd_file = 0;
	CHECK(!image_thread_ok(&thread));
	thread = (struct image_thread){ .tid = 2, .umask = 022 };
	CHECK(!image_thread_ok(&thread));
	thread = (struct image_thread){ .tid = 2, .ended = 1, .place = 2, .cwd_file = 3 };
	CHECK(!image_thread_ok(&thread));
	thread = (struct image_thread){ .tid = 2, .place = 3 };
	CHECK(image_thread_ok(&thread));
}

static void test_table(void)
{
	struct image_thread thread = { .tid = 2, .table = 2 };
	struct image_table table = { .tid = 2, .fd_count = IMAGE_FDS_MAX };

	CHECK(image_thread_ok(&thread) && image_table_ok(&table));
	thread.table = -1;
	CHECK(!image_thread_ok(&thread));
	thread = (struct image_thread){ .tid = 2, .table = 2, .ended = 1 };
	CHECK(!image_thread_ok(&thread));
	table.fd_count++;
	CHECK(!image_table_ok(&table));
	table = (struct image_table){ .tid = 0 };
	CHECK(!image_table_ok(&table));
}

/* Of one that has ended nothing but its rights, its name and how it ended is known. */
static void test_ended(void)
{
	struct image_thread thread = { .tid = 2, .exit_code = 1 };

	CHECK(!image_thread_ok(&thread)); /* it lives */
	thread.ended = 1;
	CHECK(image_thread_ok(&thread));
	thread.exit_code = 256;
	CHECK(!image_thread_ok(&thread));
	thread.exit_code = 255;
	thread.seccomp_mode = 1;
	CHECK(!image_thread_ok(&thread));
	thread.seccomp_mode = 0;
	thread.ended = 2;
	CHECK(!image_thread_ok(&thread));
}

/* A thread has filters if its mode is that of filters, and those of the leader are some of them. */
static void test_filters(void)
{
	struct image_thread thread = { .tid = 2, .seccomp_mode = 2 };
	struct image_seccomp filter = { .count = 2 };

	CHECK(!image_thread_ok(&thread));
	thread.seccomp_count = thread.seccomp_common = 1;
	CHECK(image_thread_ok(&thread));
	thread.seccomp_common = 2;
	CHECK(!image_thread_ok(&thread));
	CHECK(image_seccomp_ok(&filter, sizeof(filter) + 16));
	CHECK(!image_seccomp_ok(&filter, sizeof(filter) + 8));
	filter.count = 0;
	CHECK(!image_seccomp_ok(&filter, sizeof(filter)));
	filter.count = IMAGE_SECCOMP_CODE_MAX + 1;
	CHECK(!image_seccomp_ok(&filter, sizeof(filter) + filter.count * 8));
}

int main(void)
{
	TEST(test_threads);
	TEST(test_settings);
	TEST(test_directory);
	TEST(test_table);
	TEST(test_ended);
	TEST(test_filters);
	return test_end();
}
