/* SPDX-License-Identifier: Apache-2.0 */
/* The target's side, with the source's own over a pair of sockets; and with a source that lies. */
#include "migrate/carry.h"

#include "base/test.h"

#include <pthread.h>

#include "migrate/carry_rig_test.h"
#include "migrate/reopen.h"

static struct migrate_host host = { .store = store, .store_bytes = 1 << 20, .carry_files = true };
static struct carried carried;

static void forget_copies(void)
{
	CHECK_EQ(os_folder_remove(store), 0);
}

/* The target has none of the files. */
static int compare(struct refusal *refusal)
{
	*refusal = REFUSAL_NONE;
	carried_init(&carried, &host);
	return files_compare(&files, empty_root, false, &carried, refusal);
}

/* Compared; the source does what `side` does meanwhile. */
static int fetch(void *(*side)(void *), struct refusal *refusal)
{
	struct secure *ends[2];
	pthread_t thread;
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	ends[0] = secure_plain(pair[0]);
	ends[1] = secure_plain(pair[1]);
	CHECK_EQ(pthread_create(&thread, NULL, side, ends[0]), 0);
	int r = carried_fetch(&carried, ends[1], refusal);

	pthread_join(thread, NULL);
	secure_free(ends[0]);
	secure_free(ends[1]);
	return r;
}

static bool has(uint32_t i, const char *begin)
{
	struct refusal refusal = REFUSAL_NONE;
	char text[16] = "";
	int fd = carried_open(&carried, &file[i], O_RDONLY, &refusal);
	bool same = fd >= 0 && read(fd, text, strlen(begin)) == (ssize_t)strlen(begin) &&
		    strcmp(text, begin) == 0;

	close(fd);
	return same;
}

static void test_carried(void)
{
	struct refusal refusal;
	struct file other = file[0];

	CHECK_EQ(compare(&refusal), 0);
	CHECK(carried_lacks(&carried) && carried.count == 3);
	CHECK_EQ(fetch(serve, &refusal), 0);
	CHECK_EQ(source_result, 0);
	CHECK(!carried_lacks(&carried));
	carried_settle(&carried);
	CHECK(has(0, "program") && has(1, "program") && has(2, "xxxxxxxx"));
	other.image.mtime_ns++; /* it was changed after the offer */
	CHECK_EQ(carried_open(&carried, &other, O_RDONLY, &refusal), CARRIED_NOT);
	carried_free(&carried);
	CHECK_EQ(carried_open(NULL, &other, O_RDONLY, &refusal), CARRIED_NOT);
}

/* Answers as a source that would have to send no contents. */
static void *serve_digests(void *end)
{
	struct refusal ignored = REFUSAL_NONE;
	struct writer writer;
	struct reader reader;
	const void *payload;
	int wanted = 0;

	CHECK_EQ(reader_init(&reader, end), 0);
	reader_drain(&reader);
	reader_deinit(&reader);
	CHECK_EQ(writer_init(&writer, end), 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct image_digest digest = { .file = i + 1 };
		int fd = open(path[i], O_RDONLY | O_CLOEXEC);

		CHECK_EQ(os_digest(fd, digest.digest), 0);
		close(fd);
		writer_put(&writer, IMAGE_DIGEST, &digest, sizeof(digest));
	}
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	CHECK_EQ(reader_init(&reader, end), 0);
	while (reader_next(&reader, &payload, &ignored) == 0 && reader.type == IMAGE_WANTED)
		wanted++;
	reader_deinit(&reader);
	CHECK_EQ(writer_init(&writer, end), 0);
	if (wanted) { /* other contents than those of the digest */
		static const struct {
			struct image_file_bytes head;
			char bytes[8];
		} wrong = { { 1, 7 }, "mischief" };

		writer_put(&writer, IMAGE_FILE_BYTES, &wrong, sizeof(wrong.head) + 7);
	}
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	source_result = wanted;
	return NULL;
}

/* A kept file is not sent again; and a copy is known by its own name as well. */
static void test_only_once(void)
{
	struct refusal refusal = REFUSAL_NONE;
	struct file copy = file[0];
	char name[OS_STORE_NAME_BYTES], copy_path[192];

	CHECK_EQ(compare(&refusal), 0);
	CHECK_EQ(fetch(serve_digests, &refusal), 0);
	CHECK_EQ(source_result, 0);
	carried_settle(&carried);
	CHECK(has(0, "program") && has(2, "xxxxxxxx"));
	os_store_name(carried.file[0].digest, name);
	carried_free(&carried);

	host.carry_files = false;
	carried_init(&carried, &host);
	snprintf(copy_path, sizeof(copy_path), "%s/%s", store, name);
	copy.path = copy_path;
	CHECK(carried_keeps(&carried, &copy) && !carried_lacks(&carried));
	copy_path[strlen(copy_path) - 1] ^= 1;
	CHECK(!carried_keeps(&carried, &copy) && !carried_keeps(&carried, &file[0]));
	carried_free(&carried);
	host.carry_files = true;
}

static void test_not_allowed(void)
{
	struct refusal refusal;

	host.carry_files = false;
	CHECK(is_refusal(compare(&refusal), &refusal, EDVSNOENT, "--carry-files"));
	carried_free(&carried);
	host.carry_files = true;
	file[1].image.use |= IMAGE_FILE_WRITTEN;
	CHECK(is_refusal(compare(&refusal), &refusal, EDVSNOENT, "the target cannot open"));
	CHECK(!strstr(refusal.reason, "--carry-files"));
	carried_free(&carried);
	file[1].image.use &= ~(uint32_t)IMAGE_FILE_WRITTEN;
}

static void test_no_room(void)
{
	struct refusal refusal;

	forget_copies();
	host.store_bytes = LARGE_BYTES;
	CHECK_EQ(compare(&refusal), 0);
	CHECK(is_refusal(fetch(serve, &refusal), &refusal, EDVSNOSPC, "carried-mbytes"));
	CHECK_EQ(source_result, 0); /* the dialogue was brought to its end */
	carried_free(&carried);
	host.store_bytes = 1 << 20;
}

/* The room that another one has claimed is not there, and nobody's claim outlives its move. */
static void test_others_claim(void)
{
	struct refusal refusal;
	int folder = os_store_open(store, true);

	forget_copies();
	host.store_bytes = LARGE_BYTES + 14;
	CHECK_EQ(os_store_claim(folder, 1, host.store_bytes), 0);
	CHECK_EQ(compare(&refusal), 0);
	CHECK(is_refusal(fetch(serve, &refusal), &refusal, EDVSNOSPC, "carried-mbytes"));
	carried_free(&carried);
	os_store_give_back(1);
	CHECK_EQ(compare(&refusal), 0);
	CHECK_EQ(fetch(serve, &refusal), 0);
	CHECK_EQ(carried.claimed, 0);
	carried_free(&carried);
	close(folder);
	host.store_bytes = 1 << 20;
}

static void test_source_lies(void)
{
	struct refusal refusal;

	forget_copies();
	CHECK_EQ(compare(&refusal), 0);
	CHECK(is_refusal(fetch(serve_digests, &refusal), &refusal, EDVSBUSY, "was changed while"));
	CHECK_EQ(source_result, 3);
	carried_free(&carried);
}

static void test_changed(void)
{
	struct refusal refusal;

	forget_copies();
	CHECK_EQ(compare(&refusal), 0);
	CHECK_EQ(truncate(path[2], 5), 0);
	CHECK_EQ(fetch(serve, &refusal), EDVSIO);
	CHECK(is_refusal(source_result, &source_refusal, EDVSBUSY, "changed or replaced just now"));
	carried_free(&carried);
	make_files();
}

int main(void)
{
	begin_all();
	TEST(test_carried);
	TEST(test_only_once);
	TEST(test_not_allowed);
	TEST(test_no_room);
	TEST(test_others_claim);
	TEST(test_source_lies);
	TEST(test_changed);
	end_all();
	return test_end();
}
