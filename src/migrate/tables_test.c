/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/tables.h"

#include "base/test.h"
#include "migrate/kind.h"

static void fill(struct tables *tables)
{
	const struct image_member member = { .vpid = 7, .session = 7, .group = 7 };
	const struct image_memory memory = { 3, IMAGE_PAGE };
	const struct image_description description = { .id = 1, .kind = IMAGE_DESCRIPTION_FILE };
	const struct {
		struct image_file file;
		char path[8];
	} record = { { .id = 1, .path_length = 4 }, "/abc" };

	CHECK_EQ(members_append(&tables->members, &member), 0);
	CHECK_EQ(memories_append(&tables->memories, &memory), 0);
	CHECK_EQ(files_add_record(&tables->files, &record.file), 0);
	CHECK(descriptions_add(&tables->descriptions, &description, kind_of(description.kind)));
}

/* Cleared tables can be filled with the same again. */
static void test_clear(void)
{
	struct tables tables = { 0 };

	for (int round = 0; round < 2; round++) {
		fill(&tables);
		tables_clear(&tables);
		CHECK(!tables.members.count && !tables.memories.count);
		CHECK(!files_find(&tables.files, 1) && !descriptions_find(&tables.descriptions, 1));
	}
	fill(&tables);
	tables_free(&tables);
	CHECK(!tables.members.member && !tables.memories.memory && !tables.files.file);
	CHECK(!tables.descriptions.description);
}

int main(void)
{
	TEST(test_clear);
	return test_end();
}
