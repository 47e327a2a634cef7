/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/image_file.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "wire/image.h"
#include "wire/move.h"

static void test_head(void)
{
	static const uint8_t salt[32] = { 1, 2, 3 };
	struct image_file_head head, other;
	unsigned version;

	image_file_head_fill(&head, 7, salt);
	CHECK_EQ(image_file_head_check(&head, &version), 0);
	CHECK_EQ(version, IMAGE_FILE_VERSION);
	other = head;
	other.magic++;
	CHECK_EQ(image_file_head_check(&other, &version), -ENOEXEC);
	other = head;
	other.version++;
	CHECK_EQ(image_file_head_check(&other, &version), -EPROTO);
	CHECK_EQ(version, IMAGE_FILE_VERSION + 1);
	other = head;
	other.salt[31] ^= 1;
	CHECK_EQ(image_file_head_check(&other, &version), -EBADMSG);
	other = head;
	other.key++;
	CHECK_EQ(image_file_head_check(&other, &version), -EBADMSG);
}

static bool may_follow(uint32_t kind, uint32_t before)
{
	const struct image_file_record record = {
		.kind = kind,
		.bytes = kind == IMAGE_FILE_ABOUT ? sizeof(struct image_file_about)
			 : kind == IMAGE_FILE_END ? sizeof(struct image_file_end)
						  : 10,
	};

	return image_file_record_ok(&record, before);
}

static void test_order(void)
{
	CHECK(may_follow(IMAGE_FILE_ABOUT, 0));
	CHECK(!may_follow(IMAGE_FILE_STATE, 0));
	CHECK(!may_follow(IMAGE_FILE_ABOUT, IMAGE_FILE_ABOUT));
	CHECK(may_follow(IMAGE_FILE_OFFER, IMAGE_FILE_ABOUT));
	CHECK(may_follow(IMAGE_FILE_STATE, IMAGE_FILE_STATE));
	CHECK(!may_follow(IMAGE_FILE_OFFER, IMAGE_FILE_STATE));
	CHECK(may_follow(IMAGE_FILE_END, IMAGE_FILE_STATE));
	CHECK(!may_follow(IMAGE_FILE_STATE, IMAGE_FILE_END));
	CHECK(!may_follow(IMAGE_FILE_KINDS, IMAGE_FILE_STATE));
	CHECK(!may_follow(0, IMAGE_FILE_STATE));
}

static void test_lengths(void)
{
	struct image_file_record record = { IMAGE_FILE_STATE, IMAGE_FILE_RECORD_BYTES };

	CHECK(image_file_record_ok(&record, IMAGE_FILE_STATE));
	record.bytes++;
	CHECK(!image_file_record_ok(&record, IMAGE_FILE_STATE));
	record.bytes = 0;
	CHECK(!image_file_record_ok(&record, IMAGE_FILE_STATE));
	record = (struct image_file_record){ IMAGE_FILE_END, sizeof(struct image_file_end) + 1 };
	CHECK(!image_file_record_ok(&record, IMAGE_FILE_STATE));
}

static void test_about(void)
{
	const struct image_file_about about = { .image_version = IMAGE_VERSION,
						.move_version = MOVE_VERSION,
						.vpid = 5,
						.bytes = { 1, sizeof(struct move_state), 1 } };
	struct image_file_about other = about;

	CHECK_EQ(image_file_about_check(&about), 0);
	other.image_version++;
	CHECK_EQ(image_file_about_check(&other), -EPROTO);
	other = about;
	other.dcid = SHM_DCS;
	CHECK_EQ(image_file_about_check(&other), -EBADMSG);
	other = about;
	other.p_nr = SHM_SLOTS;
	CHECK_EQ(image_file_about_check(&other), -EBADMSG);
	other = about;
	memset(other.name, 'x', sizeof(other.name));
	CHECK_EQ(image_file_about_check(&other), -EBADMSG);
	other = about;
	other.bytes[2] = 0;
	CHECK_EQ(image_file_about_check(&other), -EBADMSG);
}

static void test_nonce(void)
{
	uint8_t nonce[IMAGE_FILE_NONCE_BYTES], next[IMAGE_FILE_NONCE_BYTES];

	image_file_nonce(0x0102, nonce);
	CHECK_EQ(nonce[3], 0);
	CHECK_EQ(nonce[4], 2);
	CHECK_EQ(nonce[5], 1);
	image_file_nonce(0x0103, next);
	CHECK(memcmp(nonce, next, sizeof(nonce)));
}

int main(void)
{
	TEST(test_head);
	TEST(test_order);
	TEST(test_lengths);
	TEST(test_about);
	TEST(test_nonce);
	return test_end();
}
