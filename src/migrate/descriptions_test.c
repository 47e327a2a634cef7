/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/descriptions.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/kind.h"

static struct description *add(struct descriptions *descriptions, uint32_t id)
{
	const struct image_description image = { .id = id, .kind = IMAGE_DESCRIPTION_FILE };

	return descriptions_add(descriptions, &image, kind_of(image.kind));
}

/* Descriptions are found by their ids, which have gaps. */
static void test_found(void)
{
	struct descriptions descriptions = { 0 };

	CHECK(!descriptions_find(&descriptions, 1));
	for (uint32_t id = 3; id < 300; id += 3) {
		struct description *description = add(&descriptions, id);

		CHECK_OR_RETURN(description);
		/* No descriptor of it is made yet, and its kind keeps none. */
		CHECK_EQ(description->number, -1);
		CHECK(description->own[0] == -1 && description->own[1] == -1);
		CHECK(!description->given[0] && !description->given[1]);
	}
	for (uint32_t id = 0; id < 303; id++) {
		struct description *description = descriptions_find(&descriptions, id);

		CHECK_EQ(description != NULL, id >= 3 && id < 300 && id % 3 == 0);
		CHECK(!description || description->image.id == id);
	}
	descriptions_free(&descriptions);
	CHECK(!descriptions.description);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The descriptors that a kind has kept are closed once; the descriptions stay. */
static void test_let_go(void)
{
	struct descriptions descriptions = { 0 };
	int ends[2];

	add(&descriptions, 1);
	add(&descriptions, 2);
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	descriptions.description[0].own[1] = ends[0];
	descriptions.description[1].own[0] = ends[1];
	descriptions_let_go(&descriptions);
	CHECK(!is_open(ends[0]) && !is_open(ends[1]));
	CHECK_EQ(descriptions.count, 2);
	CHECK_EQ(descriptions.description[0].own[1], -1);
	descriptions_free(&descriptions);
}

/* To be filled again: all that was in it is gone, and what it had kept is closed. */
static void test_clear(void)
{
	struct descriptions descriptions = { 0 };
	int kept = dup(STDIN_FILENO);

	add(&descriptions, 1)->own[0] = kept;
	CHECK_EQ(contents_append(&descriptions.description[0].contents, "x", 1), 0);
	descriptions_clear(&descriptions);
	CHECK(!is_open(kept));
	CHECK_EQ(descriptions.count, 0);
	CHECK(!descriptions_find(&descriptions, 1));
	CHECK(add(&descriptions, 1)); /* its id is free again */
	CHECK(!descriptions.description[0].contents.bytes);
	descriptions_free(&descriptions);
}

int main(void)
{
	TEST(test_found);
	TEST(test_let_go);
	TEST(test_clear);
	return test_end();
}
