/* SPDX-License-Identifier: Apache-2.0 */
/* The source's side, and targets that ask for files which they may not have. */
#include "migrate/carry.h"

#include "base/test.h"

#include "migrate/carry_rig_test.h"

/* A target that asks for a file that was not offered, for one that does not travel, and for one file twice. */
static int ask_for(uint32_t first, uint32_t second)
{
	struct image_wanted wanted[2] = { { .file = first }, { .file = second } };
	struct writer writer;
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	CHECK_EQ(writer_init(&writer, over(pair[1])), 0);
	writer_put(&writer, IMAGE_WANTED, &wanted[0], sizeof(wanted[0]));
	writer_put(&writer, IMAGE_WANTED, &wanted[1], sizeof(wanted[1]));
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	serve(over(pair[0]));
	close(pair[0]);
	close(pair[1]);
	return source_result;
}

static void test_target_lies(void)
{
	CHECK(is_refusal(ask_for(1, 4), &source_refusal, EDVSIO, "were not offered"));
	CHECK(is_refusal(ask_for(2, 2), &source_refusal, EDVSIO, "were not offered"));
	CHECK(is_refusal(ask_for(2, 1), &source_refusal, EDVSIO, "were not offered"));
	file[1].image.use |= IMAGE_FILE_WRITTEN;
	CHECK(is_refusal(ask_for(1, 2), &source_refusal, EDVSIO, "were not offered"));
	file[1].image.use &= ~(uint32_t)IMAGE_FILE_WRITTEN;
}

int main(void)
{
	begin_all();
	TEST(test_target_lies);
	end_all();
	return test_end();
}
