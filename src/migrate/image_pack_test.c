/* SPDX-License-Identifier: Apache-2.0 */
/* Files are written, damaged at every place, and read back. */
#include "migrate/image_pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/keyring.h"
#include "base/test.h"
#include "dvk/errors.h"
#include "os/memfd.h"
#include "os/open.h"
#include "os/secure.h"
#include "os/socket.h"
#include "wire/image.h"
#include "wire/move.h"

#define STATE_BYTES (3u * IMAGE_FILE_PIECE_BYTES + 77u)

static struct keyring keyring = { .key = { { .id = 7, .secret = { 1 } } }, .count = 1 };
static struct secure_keys *keys;

static struct image_file_about about_of(void)
{
	return (struct image_file_about){ .image_version = IMAGE_VERSION,
					  .move_version = MOVE_VERSION,
					  .dcid = 1,
					  .p_nr = 10,
					  .endpoint = 10,
					  .vpid = 5,
					  .name = "name" };
}

static void fill(int fd, size_t bytes, unsigned seed)
{
	uint8_t *data = malloc(bytes);

	CHECK_OR_RETURN(data);
	for (size_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)(i % 251 * seed);
	CHECK_EQ(os_write_full(fd, data, bytes, -1), 0);
	free(data);
}

static int new_file(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

/* A file with this much in its parts. */
static int made(size_t state_bytes, uint64_t *bytes)
{
	struct image_file_about about = about_of();
	struct refusal refusal = REFUSAL_NONE;
	struct image_parts parts;
	int fd = new_file();

	CHECK_EQ(image_parts_new(&parts), 0);
	fill(parts.fd[0], 300, 1);
	fill(parts.fd[1], sizeof(struct move_state), 2);
	fill(parts.fd[2], state_bytes, 3);
	CHECK_EQ(image_pack_write(fd, keys, &about, &parts, bytes, &refusal), 0);
	CHECK_EQ(os_memfd_size(fd), (ssize_t)*bytes);
	image_parts_free(&parts);
	return fd;
}

/* The refusal's number, or 0; the parts are compared when it is 0. */
static int read_back(int fd, size_t state_bytes, struct refusal *refusal)
{
	struct image_file_about about;
	struct image_parts parts;
	uint64_t bytes;
	uint32_t key;

	refusal_clear(refusal);
	CHECK_EQ(image_parts_new(&parts), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	if (image_pack_read(fd, keys, &about, &parts, &key, &bytes, refusal) == 0) {
		CHECK_EQ(key, 7);
		CHECK_EQ((ssize_t)bytes, os_memfd_size(fd));
		CHECK_EQ(about.p_nr, 10);
		CHECK(!strcmp(about.name, "name"));
		CHECK_EQ(os_memfd_size(parts.fd[0]), 300);
		CHECK_EQ(os_memfd_size(parts.fd[2]), (ssize_t)state_bytes);
		for (size_t at = 0; at < state_bytes; at += 4096) {
			uint8_t byte = 0;

			CHECK_EQ(os_read_at(parts.fd[2], &byte, 1, at), 1);
			CHECK_EQ(byte, (uint8_t)(at % 251 * 3));
		}
	}
	image_parts_free(&parts);
	return refusal->error;
}

static void test_comes_back(void)
{
	struct refusal refusal;
	uint64_t bytes;
	int fd = made(STATE_BYTES, &bytes);

	CHECK_EQ(read_back(fd, STATE_BYTES, &refusal), 0);
	CHECK(bytes < STATE_BYTES / 10); /* it was packed */
	close(fd);
}

/* No byte of a file may differ, whichever it is. */
static void test_each_byte(void)
{
	struct refusal refusal;
	uint64_t bytes;
	int fd = made(5000, &bytes);

	for (uint64_t at = 0; at < bytes; at++) {
		uint8_t byte = 0;

		CHECK_EQ(os_read_at(fd, &byte, 1, at), 1);
		byte ^= 0x10;
		CHECK_EQ(os_write_at(fd, &byte, 1, at), 1);
		CHECK(read_back(fd, 5000, &refusal) < 0 && refusal.reason[0]);
		byte ^= 0x10;
		CHECK_EQ(os_write_at(fd, &byte, 1, at), 1);
	}
	CHECK_EQ(read_back(fd, 5000, &refusal), 0);
	close(fd);
}

static void test_each_length(void)
{
	struct refusal refusal;
	uint64_t bytes;
	int fd = made(5000, &bytes), longer;

	while (bytes) {
		CHECK_EQ(ftruncate(fd, (off_t)--bytes), 0);
		CHECK(read_back(fd, 5000, &refusal) < 0);
		CHECK_EQ(refusal.error,
			 bytes < sizeof(struct image_file_head) ? EDVSINVAL : EDVSIO);
	}
	close(fd);
	longer = made(5000, &bytes);
	CHECK_EQ(os_write_at(longer, "", 1, bytes), 1);
	CHECK_EQ(read_back(longer, 5000, &refusal), EDVSIO);
	close(longer);
}

/* Two records of the same length change their places. */
static void test_order(void)
{
	enum {
		LENGTH = 3 * IMAGE_FILE_PIECE_BYTES,
		SMALL = sizeof(struct image_file_record)
	};
	struct image_file_record first, second;
	struct refusal refusal;
	uint64_t bytes, at = sizeof(struct image_file_head);
	uint8_t *one, *two;
	int fd = made(LENGTH, &bytes);

	for (;;) {
		CHECK_EQ(os_read_at(fd, &first, SMALL, at), SMALL);
		if (first.kind == IMAGE_FILE_STATE)
			break;
		at += SMALL + first.bytes + IMAGE_FILE_TAG_BYTES;
	}
	size_t whole = SMALL + first.bytes + IMAGE_FILE_TAG_BYTES;

	CHECK_EQ(os_read_at(fd, &second, SMALL, at + whole), SMALL);
	one = malloc(whole);
	two = malloc(whole);
	CHECK_OR_RETURN(one && two && second.kind == IMAGE_FILE_STATE);
	if (second.bytes == first.bytes) {
		CHECK_EQ(os_read_at(fd, one, whole, at), (ssize_t)whole);
		CHECK_EQ(os_read_at(fd, two, whole, at + whole), (ssize_t)whole);
		CHECK_EQ(os_write_at(fd, two, whole, at), (ssize_t)whole);
		CHECK_EQ(os_write_at(fd, one, whole, at + whole), (ssize_t)whole);
		CHECK_EQ(read_back(fd, LENGTH, &refusal), EDVSIO);
	}
	free(one);
	free(two);
	close(fd);
}

static void test_keys(void)
{
	static const struct keyring turned = {
		.key = { { .id = 8, .secret = { 2 } }, { .id = 7, .secret = { 1 } } }, .count = 2
	};
	static const struct keyring gone = { .key = { { .id = 8, .secret = { 2 } } }, .count = 1 };
	static const struct keyring same = { .key = { { .id = 7, .secret = { 3 } } }, .count = 1 };
	struct refusal refusal;
	uint64_t bytes;
	int fd = made(5000, &bytes);

	secure_keys_change(keys, &turned);
	CHECK_EQ(read_back(fd, 5000, &refusal), 0);
	secure_keys_change(keys, &gone);
	CHECK_EQ(read_back(fd, 5000, &refusal), EDVSPRIVILEGES);
	CHECK(strstr(refusal.reason, "00000007"));
	secure_keys_change(keys, &same);
	CHECK_EQ(read_back(fd, 5000, &refusal), EDVSIO);
	secure_keys_change(keys, &keyring);
	CHECK_EQ(read_back(fd, 5000, &refusal), 0);
	close(fd);
}

static void test_other_files(void)
{
	struct image_file_head head;
	struct refusal refusal;
	uint64_t bytes;
	int fd = made(5000, &bytes), text = new_file();

	CHECK_EQ(os_read_at(fd, &head, sizeof(head), 0), sizeof(head));
	head.version++;
	CHECK_EQ(os_write_at(fd, &head, sizeof(head), 0), sizeof(head));
	CHECK_EQ(read_back(fd, 5000, &refusal), EDVSVERSION);
	fill(text, 4000, 1);
	CHECK_EQ(read_back(text, 5000, &refusal), EDVSINVAL);
	close(text);
	close(fd);
}

/* A disk that is full says so. */
static void test_no_room(void)
{
	struct image_file_about about = about_of();
	struct refusal refusal = REFUSAL_NONE;
	struct image_parts parts;
	uint64_t bytes;
	int fd = os_open_at(OS_FOLDER_CURRENT, "/dev/full", OS_OPEN_WRITE);

	CHECK_OR_RETURN(fd >= 0);
	CHECK_EQ(image_parts_new(&parts), 0);
	fill(parts.fd[0], 300, 1);
	fill(parts.fd[1], sizeof(struct move_state), 2);
	fill(parts.fd[2], 300, 3);
	CHECK(image_pack_write(fd, keys, &about, &parts, &bytes, &refusal) < 0);
	CHECK(strstr(refusal.reason, "space"));
	image_parts_free(&parts);
	close(fd);
}

int main(void)
{
	CHECK_EQ(secure_keys_new(&keys, &keyring, "test"), 0);
	TEST(test_comes_back);
	TEST(test_each_byte);
	TEST(test_each_length);
	TEST(test_order);
	TEST(test_keys);
	TEST(test_other_files);
	TEST(test_no_room);
	secure_keys_free(keys);
	return test_end();
}
