/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/image_description.h"

#include "base/test.h"
#include "wire/image.h"

static void test_descriptions(void)
{
	struct image_description description = { .id = 1, .kind = IMAGE_DESCRIPTION_FILE };

	CHECK(image_description_ok(&description));
	description.kind = IMAGE_DESCRIPTION_KINDS;
	CHECK(!image_description_ok(&description));
	description.kind = 0;
	CHECK(!image_description_ok(&description));
	description = (struct image_description){ .kind = IMAGE_DESCRIPTION_FILE };
	CHECK(!image_description_ok(&description)); /* no id */
}

static void test_descriptors(void)
{
	struct image_fd fd = { .description = 1 };

	CHECK(image_fd_ok(&fd));
	fd.number = -1;
	CHECK(!image_fd_ok(&fd));
	fd = (struct image_fd){ .number = 1 };
	CHECK(!image_fd_ok(&fd));
	fd = (struct image_fd){ .description = 1, .cloexec = 2 };
	CHECK(!image_fd_ok(&fd));
}

static void test_owners(void)
{
	struct image_owner owner = { .type = IMAGE_OWNER_GROUP, .vpid = 5, .signal = 64 };

	CHECK(image_owner_ok(&owner));
	owner.signal++;
	CHECK(!image_owner_ok(&owner));
	owner = (struct image_owner){ .type = IMAGE_OWNER_TYPES };
	CHECK(!image_owner_ok(&owner));
	owner = (struct image_owner){ .vpid = -1 };
	CHECK(!image_owner_ok(&owner));
}

static void test_locks(void)
{
	struct image_lock lock = { .number = 1, .owner = IMAGE_LOCK_PROCESS, .awaited = -1 };

	CHECK(image_lock_ok(&lock));
	lock.length = INT64_MAX;
	CHECK(image_lock_ok(&lock));
	lock.start = 1;
	CHECK(!image_lock_ok(&lock));
	lock = (struct image_lock){ .number = 1, .owner = IMAGE_LOCK_OWNERS };
	CHECK(!image_lock_ok(&lock));
}

static void test_contents(void)
{
	struct image_contents contents = { .description = 1, .length = 5 };
	uint32_t length = sizeof(contents) + 5;

	CHECK(image_contents_ok(&contents, length));
	CHECK(!image_contents_ok(&contents, length - 1));
	contents.length = 0;
	CHECK(!image_contents_ok(&contents, sizeof(contents)));
	contents.length = IMAGE_CONTENTS_BYTES_MAX + 1;
	CHECK(!image_contents_ok(&contents, sizeof(contents) + contents.length));
	CHECK(!image_length_ok(IMAGE_CONTENTS, sizeof(contents) + contents.length));
}

int main(void)
{
	TEST(test_descriptions);
	TEST(test_descriptors);
	TEST(test_owners);
	TEST(test_locks);
	TEST(test_contents);
	return test_end();
}
