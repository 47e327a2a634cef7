/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/move.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "dvk.h"

static struct move_offer offer = { .dcid = 3,
				   .p_nr = 10,
				   .endpoint = 10,
				   .vpid = 1000,
				   .generation = 7,
				   .source = 1,
				   .target = 2,
				   .order = 99,
				   .name = "mover" };

static int check(const struct move_head *head, const void *payload)
{
	int r = move_head_check(head, MOVE_OFFER);

	return r ? r : move_payload_check(head, payload);
}

static void test_whole(void)
{
	struct move_head head;

	move_head_fill(&head, MOVE_OFFER, &offer, sizeof(offer));
	CHECK_EQ(check(&head, &offer), 0);
	CHECK_EQ(head.bytes, sizeof(offer));
	CHECK_EQ(move_head_check(&head, MOVE_STATE), -EBADMSG);
	move_head_fill(&head, MOVE_OFFER, NULL, 0);
	CHECK_EQ(check(&head, &offer), 0);
}

/* No single bit of a record, head or payload, may change on its way. */
static void test_each_bit(void)
{
	struct move_head head;
	uint8_t *parts[] = { (uint8_t *)&head, (uint8_t *)&offer };
	const size_t bytes[] = { sizeof(head), sizeof(offer) };

	move_head_fill(&head, MOVE_OFFER, &offer, sizeof(offer));
	for (int part = 0; part < 2; part++) {
		for (size_t bit = 0; bit < 8 * bytes[part]; bit++) {
			uint8_t *at = parts[part] + bit / 8;

			*at ^= (uint8_t)(1u << bit % 8);
			CHECK(check(&head, &offer) != 0);
			*at ^= (uint8_t)(1u << bit % 8);
		}
	}
	CHECK_EQ(check(&head, &offer), 0);
}

/* A length is found out before anybody waits for so many bytes. */
static void test_long_ones(void)
{
	struct move_head head;
	static uint8_t payload[MOVE_STATE_MAX + 1];

	move_head_fill(&head, MOVE_STATE, payload, sizeof(payload));
	CHECK_EQ(move_head_check(&head, MOVE_STATE), -EBADMSG);
	move_head_fill(&head, MOVE_STATE, payload, MOVE_STATE_MAX);
	CHECK_EQ(move_head_check(&head, MOVE_STATE), 0);
	CHECK_EQ(move_payload_check(&head, payload), 0);
}

/* The other side is of another version: that is said, and not that it was damaged. */
static void test_versions(void)
{
	struct move_head head;

	move_head_fill(&head, MOVE_OFFER, &offer, sizeof(offer));
	head.version = MOVE_VERSION - 1;
	CHECK_EQ(move_head_check(&head, MOVE_OFFER), -EPROTO);
}

static void test_what_an_offer_may_say(void)
{
	struct move_offer good = offer, bad;

	good.fellows = COMMAND_FELLOWS_MAX;
	for (int i = 0; i < COMMAND_FELLOWS_MAX; i++)
		good.fellow[i] =
			(struct move_fellow){ .endpoint = i - SHM_TASKS, .name = "fellow" };
	CHECK_EQ(move_offer_check(&offer), 0);
	CHECK_EQ(move_offer_check(&good), 0);
	bad = good;
	bad.fellows++;
	CHECK_EQ(move_offer_check(&bad), -EBADMSG);
	bad = good;
	bad.dcid = SHM_DCS;
	CHECK_EQ(move_offer_check(&bad), -EBADMSG);
	bad = good;
	bad.p_nr = -SHM_TASKS - 1;
	CHECK_EQ(move_offer_check(&bad), -EBADMSG);
	bad = good;
	bad.fellow[COMMAND_FELLOWS_MAX - 1].endpoint = _ENDPOINT(3, SHM_SLOTS - SHM_TASKS);
	CHECK_EQ(move_offer_check(&bad), -EBADMSG);
	bad = good;
	bad.fellow[3].endpoint = _ENDPOINT(3, bad.p_nr); /* another life of the same slot */
	CHECK_EQ(move_offer_check(&bad), -EBADMSG);
	bad = good;
	bad.fellow[3].endpoint = bad.fellow[4].endpoint;
	CHECK_EQ(move_offer_check(&bad), -EBADMSG);
	bad = good;
	memset(bad.name, 'x', sizeof(bad.name));
	CHECK_EQ(move_offer_check(&bad), -EBADMSG);
	bad = good;
	memset(bad.fellow[3].name, 'x', sizeof(bad.fellow[3].name));
	CHECK_EQ(move_offer_check(&bad), -EBADMSG);
}

int main(void)
{
	TEST(test_whole);
	TEST(test_each_bit);
	TEST(test_long_ones);
	TEST(test_versions);
	TEST(test_what_an_offer_may_say);
	return test_end();
}
