/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/image_survey.h"

#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/image_pack.h"
#include "migrate/over_test.h"
#include "migrate/stream.h"
#include "os/socket.h"

static struct image_parts parts;
static char seen[200];

static void on_file(void *ctx, const char *path)
{
	(void)ctx;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s;", path);
}

static void put_file(struct writer *writer, const char *path, uint32_t use)
{
	const struct image_file file = {
		.id = 1, .use = use, .mode = 0100644, .path_length = (uint32_t)strlen(path)
	};

	writer_put_two(writer, IMAGE_FILE, &file, sizeof(file), path, strlen(path));
}

/* An offer that is only an end, and a state with this thread. */
static void make(const struct image_credentials *credentials)
{
	struct image_thread thread = { .tid = 5, .credentials = *credentials };
	struct image_process process = { .vpid = 5 };
	struct image_fd fd = { .number = 1, .description = 1 };
	struct writer writer;

	CHECK_EQ(image_parts_new(&parts), 0);
	CHECK_EQ(writer_init(&writer, over(parts.fd[0])), 0);
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	CHECK_EQ(writer_init(&writer, over(parts.fd[2])), 0);
	put_file(&writer, "/bin/program", IMAGE_FILE_MAPPED);
	put_file(&writer, "/memfd:x", IMAGE_FILE_MEMORY);
	writer_put(&writer, IMAGE_PROCESS, &process, sizeof(process));
	writer_put(&writer, IMAGE_FD, &fd, sizeof(fd));
	writer_put(&writer, IMAGE_THREAD, &thread, sizeof(thread));
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	image_parts_rewind(&parts);
}

static struct image_survey look(const struct right_user *user)
{
	struct image_survey survey = { .on_file = on_file, .user = user };
	struct refusal refusal = REFUSAL_NONE;

	seen[0] = 0;
	CHECK_EQ(image_survey(&parts, &survey, &refusal), 0);
	return survey;
}

static void test_counts(void)
{
	const struct image_credentials root = { .permitted = 1 };

	make(&root);
	struct image_survey survey = look(NULL);

	CHECK_EQ(survey.processes, 1);
	CHECK_EQ(survey.threads, 1);
	CHECK_EQ(survey.descriptors, 1);
	CHECK_EQ(survey.files, 2);
	CHECK_EQ(survey.uid, 0);
	CHECK(!survey.is_of_other);
	CHECK(!strcmp(seen, "/bin/program;"));
	image_parts_free(&parts);
}

static bool is_of_other(struct image_credentials credentials)
{
	const struct right_user user = { .uid = 7, .gid = 8, .group = { 9 }, .group_count = 1 };

	make(&credentials);
	struct image_survey survey = look(&user);

	image_parts_free(&parts);
	return survey.is_of_other;
}

static void test_rights(void)
{
	struct image_credentials own = {
		.uid = { 7, 7, 7, 7 }, .gid = { 8, 8, 9, 8 }, .group_count = 1, .group = { 9 }
	};

	CHECK(!is_of_other(own));
	for (int i = 0; i < 4; i++) {
		struct image_credentials other = own;

		other.uid[i] = 0;
		CHECK(is_of_other(other));
		other = own;
		other.gid[i] = 0;
		CHECK(is_of_other(other));
	}
	struct image_credentials other = own;

	other.group[0] = 10;
	CHECK(is_of_other(other));
	other = own;
	other.permitted = 1;
	CHECK(is_of_other(other));
}

static void test_damage(void)
{
	const struct image_credentials root = { .permitted = 1 };
	struct image_survey survey = { .user = NULL };
	struct refusal refusal = REFUSAL_NONE;

	make(&root);
	CHECK_EQ(ftruncate(parts.fd[2], 100), 0);
	CHECK_EQ(image_survey(&parts, &survey, &refusal), EDVSIO);
	image_parts_free(&parts);
}

int main(void)
{
	TEST(test_counts);
	TEST(test_rights);
	TEST(test_damage);
	return test_end();
}
