/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"

static struct description *add(struct descriptors *descriptors, uint32_t id)
{
	const struct image_description image = { .id = id, .kind = IMAGE_DESCRIPTION_FILE };

	return descriptors_describe(descriptors, &image);
}

/* Descriptions are found by their ids, which have gaps; their descriptors follow. */
static void test_found(void)
{
	struct descriptors descriptors = { 0 };

	CHECK(!descriptors_find(&descriptors, 1));
	for (uint32_t id = 3; id < 300; id += 3) {
		struct description *description = add(&descriptors, id);

		CHECK_OR_RETURN(description);
		/* No descriptor of it is made yet, and its kind keeps none. */
		CHECK_EQ(description->number, -1);
		CHECK(description->own[0] == -1 && description->own[1] == -1);
		CHECK(!description->given[0] && !description->given[1]);
	}
	for (uint32_t id = 0; id < 303; id++) {
		struct description *description = descriptors_find(&descriptors, id);

		CHECK_EQ(description != NULL, id >= 3 && id < 300 && id % 3 == 0);
		CHECK(!description || description->image.id == id);
	}
	for (int number = 0; number < 40; number++) {
		const struct image_fd fd = { .number = number, .description = 3 };

		CHECK_EQ(descriptors_append(&descriptors, &fd), 0);
	}
	CHECK_EQ(descriptors.count, 40);
	CHECK_EQ(descriptors.fd[39].number, 39);
	descriptors_free(&descriptors);
	CHECK(!descriptors.fd && !descriptors.description);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The descriptors that a kind has kept are closed once; the descriptions stay. */
static void test_let_go(void)
{
	struct descriptors descriptors = { 0 };
	int ends[2];

	add(&descriptors, 1);
	add(&descriptors, 2);
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	descriptors.description[0].own[1] = ends[0];
	descriptors.description[1].own[0] = ends[1];
	descriptors_let_go(&descriptors);
	CHECK(!is_open(ends[0]) && !is_open(ends[1]));
	CHECK_EQ(descriptors.description_count, 2);
	CHECK_EQ(descriptors.description[0].own[1], -1);
	descriptors_free(&descriptors);
}

/* To be filled again: all that was in it is gone, and what it had kept is closed. */
static void test_clear(void)
{
	struct descriptors descriptors = { 0 };
	const struct image_fd fd = { .number = 5, .description = 1 };
	int kept = dup(STDIN_FILENO);

	add(&descriptors, 1)->own[0] = kept;
	CHECK_EQ(descriptors_append(&descriptors, &fd), 0);
	CHECK_EQ(contents_append(&descriptors.description[0].contents, "x", 1), 0);
	descriptors_clear(&descriptors);
	CHECK(!is_open(kept));
	CHECK(descriptors.count == 0 && descriptors.description_count == 0);
	CHECK(!descriptors_find(&descriptors, 1));
	CHECK(add(&descriptors, 1)); /* its id is free again */
	CHECK(!descriptors.description[0].contents.bytes);
	descriptors_free(&descriptors);
}

int main(void)
{
	TEST(test_found);
	TEST(test_let_go);
	TEST(test_clear);
	return test_end();
}
