/* SPDX-License-Identifier: Apache-2.0 */
#include "group/offers.h"

#include <string.h>

#include "base/test.h"

static struct offers offers;
static struct council council;
static uint8_t state[COUNCIL_PART_MAX + 100];

static void add(int joiner, uint64_t token)
{
	struct council_message ask = { .kind = COUNCIL_ASK, .node = joiner, .token = token };

	council.running = council.has_state = true;
	council.ring = council.epoch = 64;
	offers_add(&offers, &council, &ask);
}

static uint64_t asked(void)
{
	uint64_t token = 0;

	return offers_ask(&offers, &token) ? token : 0;
}

static void test_each_is_asked_for_once(void)
{
	add(1, 7);
	add(2, 7);
	CHECK_EQ(asked(), 1);
	CHECK_EQ(asked(), 2);
	CHECK_EQ(asked(), 0);
	offers_drop(&offers, OFFERS_ALL);
	add(1, 8);
	CHECK_EQ(asked(), 3); /* a late answer to the first is none to this */
	CHECK(!offers_fill(&offers, 64, 1, 5, state, 10));
	CHECK(offers_fill(&offers, 64, 3, 5, state, 10));
	CHECK(!offers_fill(&offers, 64, 3, 5, state, 10));
	offers_drop(&offers, OFFERS_ALL);
	CHECK(!offers.first);
}

/* A package is the council's part behind its length, the order, and the state; the parts are all of it. */
static void test_parts(void)
{
	uint8_t package[OFFERS_HEAD + COUNCIL_IMAGE_HEAD + sizeof(state)];
	struct council_message part;
	size_t got = 0;

	memset(state, 0x5a, sizeof(state));
	add(1, 7);
	add(2, 9);
	while (asked())
		continue;
	CHECK(!offers_next(&offers, 0, &part));
	CHECK(offers_fill(&offers, 64, offers.last_token, 5, state, sizeof(state)));
	while (offers_next(&offers, 3, &part)) {
		CHECK(part.kind == COUNCIL_STATE && part.node == 3 && part.ring == 64);
		CHECK(part.to == 2 && part.token == 9);
		CHECK_EQ(part.heard, sizeof(package));
		CHECK_EQ(part.offset, got);
		CHECK_OR_RETURN(got + part.bytes <= sizeof(package));
		memcpy(package + got, part.payload, part.bytes);
		got += part.bytes;
		offers_sent(&offers, &part);
	}
	CHECK_EQ(got, sizeof(package));
	CHECK_EQ(group_number_decode(package), COUNCIL_IMAGE_HEAD);
	CHECK_EQ(group_number_decode(package + 8), 5);
	CHECK(!memcmp(package + OFFERS_HEAD + COUNCIL_IMAGE_HEAD, state, sizeof(state)));
	CHECK(offers.first); /* the other joiner's */
	offers_drop(&offers, OFFERS_ALL);
}

static void test_dropped(void)
{
	struct council_message part;
	uint64_t first;

	add(1, 7);
	first = asked();
	add(31, 8);
	offers_drop(&offers, 1u << 1);
	CHECK(!offers_fill(&offers, 64, first, 5, state, 10));
	CHECK_EQ(asked(), first + 1);
	/* The ring has changed: the joiner asks anew. */
	CHECK(!offers_fill(&offers, 128, first + 1, 5, state, 10));
	CHECK(!offers_next(&offers, 0, &part));
	CHECK(!offers.first);
	/* More than any daemon has. */
	add(2, 9);
	CHECK(!offers_fill(&offers, 64, asked(), 5, state, GROUP_STATE_MAX + 1));
	offers_drop(&offers, 1u << 2);
	CHECK(!offers.first);
}

int main(void)
{
	TEST(test_each_is_asked_for_once);
	TEST(test_parts);
	TEST(test_dropped);
	return test_end();
}
