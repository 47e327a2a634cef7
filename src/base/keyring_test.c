/* SPDX-License-Identifier: Apache-2.0 */
#include "base/keyring.h"

#include <string.h>

#include "base/test.h"

#define SECRET_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define SECRET_B "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef"

static struct keyring ring;
static int line;

static const char *parse(const char *text)
{
	return keyring_parse(&ring, text, strlen(text), &line);
}

static void test_one(void)
{
	CHECK(!parse("# the key of a cluster\n\nprimary 7f3a91c2 " SECRET_A "\n"));
	CHECK_EQ(ring.count, 1);
	CHECK_EQ(ring.key[0].id, 0x7f3a91c2);
	CHECK_EQ(ring.key[0].secret[0], 0);
	CHECK_EQ(ring.key[0].secret[31], 0x1f);
	CHECK(keyring_find(&ring, 0x7f3a91c2) == &ring.key[0]);
	CHECK(!keyring_find(&ring, 1));
}

static void test_two(void)
{
	char text[KEYRING_TEXT_MAX];
	const char *want = "primary 00000002 " SECRET_B "\nold 00000001 " SECRET_A "\n";

	CHECK(!parse("old 00000001 " SECRET_A "\nprimary 00000002 " SECRET_B));
	CHECK_EQ(ring.count, 2);
	CHECK_EQ(ring.key[0].id, 2);
	CHECK(keyring_find(&ring, 1) == &ring.key[1]);
	CHECK_EQ(keyring_print(&ring, text), strlen(want));
	CHECK(!strcmp(text, want));
	CHECK(!parse(text));
	CHECK_EQ(ring.count, 2);
}

/* Two nodes, of which one is a step behind, have the primary key of the other. */
static void test_turn(void)
{
	const struct keyring_key fresh = { .id = 9, .secret = { 1, 2, 3 } };
	const char *const words[] = { "next", "old" };
	char text[KEYRING_TEXT_MAX];

	CHECK(!parse("primary 00000001 " SECRET_A "\n"));
	for (int step = 0; step < 3; step++) {
		struct keyring behind = ring;

		keyring_turn(&ring, &fresh);
		CHECK(keyring_find(&behind, ring.key[0].id) &&
		      keyring_find(&ring, behind.key[0].id));
		CHECK_EQ(ring.count, step < 2 ? 2 : 1);
		CHECK(step == 2 || !strcmp(keyring_word(&ring, 1), words[step]));
		keyring_print(&ring, text);
		CHECK(!parse(text) && ring.next == (step == 0));
	}
	CHECK_EQ(ring.key[0].id, 9);
	CHECK_EQ(ring.key[0].secret[2], 3);
	CHECK(!keyring_find(&ring, 1));
	CHECK(!strcmp(keyring_word(&ring, 0), "primary"));
}

static bool is_wrong(const char *text, int where)
{
	return parse(text) && line == where && !ring.count;
}

static void test_wrong(void)
{
	CHECK(is_wrong("", 0));
	CHECK(is_wrong("# nothing\n", 0));
	CHECK(is_wrong("old 00000001 " SECRET_A "\n", 0));
	CHECK(is_wrong("primary 00000000 " SECRET_A "\n", 1));
	CHECK(is_wrong("primary 0000001 " SECRET_A "\n", 1));
	CHECK(is_wrong("primary 00000001 " SECRET_A "0\n", 1));
	CHECK(is_wrong("primary 00000001 " SECRET_A " \n", 1));
	CHECK(is_wrong("primary 00000001  " SECRET_A "\n", 1));
	CHECK(is_wrong("primary 0000000G " SECRET_A "\n", 1));
	CHECK(is_wrong("primary", 1));
	CHECK(is_wrong("\nfirst 00000001 " SECRET_A "\n", 2));
	CHECK(is_wrong("primary 00000001 " SECRET_A "\nprimary 00000002 " SECRET_B "\n", 2));
	CHECK(is_wrong("primary 00000001 " SECRET_A "\nold 00000002 " SECRET_B
		       "\nold 00000003 " SECRET_B "\n",
		       3));
	CHECK(is_wrong("primary 00000001 " SECRET_A "\nold 00000001 " SECRET_B "\n", 0));
	CHECK(is_wrong("primary 00000001 " SECRET_A "\nold 00000002 " SECRET_B
		       "\nnext 00000003 " SECRET_B "\n",
		       3));
}

static void test_long(void)
{
	static char text[KEYRING_TEXT_MAX + 1];

	memset(text, '\n', sizeof(text));
	CHECK(keyring_parse(&ring, text, sizeof(text), &line));
	CHECK_EQ(line, 0);
}

int main(void)
{
	TEST(test_one);
	TEST(test_two);
	TEST(test_turn);
	TEST(test_wrong);
	TEST(test_long);
	return test_end();
}
