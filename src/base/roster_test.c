/* SPDX-License-Identifier: Apache-2.0 */
#include "base/roster.h"

#include <stdbool.h>
#include <string.h>

#include "base/test.h"

static struct roster roster;
static int line;

static const char *parse(const char *text)
{
	return roster_parse(&roster, text, strlen(text), &line);
}

static bool refused(const char *text, int where, const char *why)
{
	const char *said = parse(text);

	return said && strstr(said, why) && line == where;
}

static void test_read(void)
{
	CHECK(!parse("# machines\n\nchange 7\nnode 0 alpha 192.0.2.10\n"
		     " node 31\tbeta-2.x_Y 2001:DB8:0::11  192.0.2.11\r\n"));
	CHECK_EQ(roster.change, 7);
	CHECK_EQ(roster_count(&roster), 2);
	CHECK(!strcmp(roster.node[31].name, "beta-2.x_Y"));
	CHECK_EQ(roster.node[31].count, 2);
	CHECK(!memcmp(&roster.node[31].address[0], "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x11", 16));
	CHECK(!memcmp(&roster.node[31].address[1].byte[12], "\xc0\0\2\x0b", 4));
	CHECK_EQ(roster_find(&roster, "alpha"), 0);
	CHECK_EQ(roster_find(&roster, "alph"), -1);
	CHECK_EQ(roster_free(&roster), 1);
	CHECK(!parse("node 3 a 1.2.3.4")); /* neither a change nor a newline */
	CHECK_EQ(roster.change, 0);
}

static void test_refused(void)
{
	char longer[ROSTER_TEXT_MAX + 1];

	CHECK(refused("", 0, "it has no node"));
	CHECK(refused("node 0 a 1.2.3.4\nnod 1 b 1.2.3.5", 2, "a line begins with"));
	CHECK(refused("node 32 a 1.2.3.4", 1, "from 0 to 31"));
	CHECK(refused("node -1 a 1.2.3.4", 1, "from 0 to 31"));
	CHECK(refused("node 00 a 1.2.3.4", 1, "from 0 to 31"));
	CHECK(refused("node 4294967296 a 1.2.3.4", 1, "from 0 to 31"));
	CHECK(refused("node", 1, "from 0 to 31"));
	CHECK(refused("node 0 a 1.2.3.4\nnode 0 b 1.2.3.5", 2, "of that number already"));
	CHECK(refused("node 0 a 1.2.3.4\nnode 1 a 1.2.3.5", 2, "of that name already"));
	CHECK(refused("node 0 a 1.2.3.4\nnode 1 b 1.2.3.5 1.2.3.4", 2, "another node has that"));
	CHECK(refused("node 0 a 1.2.3.4 1.2.3.4", 1, "an address twice"));
	CHECK(refused("node 0 a", 1, "has no address"));
	CHECK(refused("node 0 a 1.2.3.4 1.2.3.5 1.2.3.6 1.2.3.7 1.2.3.8", 1,
		      "four addresses at most"));
	CHECK(refused("node 0 a 1.2.3.4 ::ffff:1.2.3.4", 1, "an address twice"));
	CHECK(refused("node 0 a 1.2.3.256", 1, "an address is one of a machine"));
	CHECK(refused("node 0 a fe80::1", 1, "an address of one link"));
	CHECK(refused("node 0", 1, "a name has"));
	CHECK(refused("node 0 7a 1.2.3.4", 1, "a name has"));
	CHECK(refused("node 0 a;b 1.2.3.4", 1, "a name has"));
	CHECK(refused("node 0 abcdefghijklmnop 1.2.3.4", 1, "a name has"));
	CHECK(refused("change 1\nchange 2\nnode 0 a 1.2.3.4", 2, "one line \"change\""));
	CHECK(refused("change 4294967296\nnode 0 a 1.2.3.4", 1, "one line \"change\""));
	CHECK(refused("change 1 2", 1, "one line \"change\""));
	memset(longer, '\n', sizeof(longer));
	CHECK(roster_parse(&roster, longer, sizeof(longer), &line));
	CHECK_EQ(line, 0);
}

static bool network_is(unsigned nth, int id, const char *text)
{
	struct roster_network network[ROSTER_ADDRESSES];
	unsigned count = roster_networks(&roster, network);
	char have[ADDRESS_TEXT];

	return nth < count &&
	       !strcmp(text,
		       address_print(*roster_address_in(&roster.node[id], &network[nth]), have));
}

static unsigned networks(void)
{
	struct roster_network network[ROSTER_ADDRESSES];

	return roster_networks(&roster, network);
}

/* Addresses of one family meet, the first with the first, wherever they stand among the others. */
static void test_networks(void)
{
	CHECK(!parse("node 2 a 192.0.2.1 fd00::1 192.0.3.1\nnode 5 b fd00::2 fd01::2 192.0.2.2\n"));
	CHECK_EQ(networks(), 2);
	CHECK(network_is(0, 2, "192.0.2.1"));
	CHECK(network_is(0, 5, "192.0.2.2"));
	CHECK(network_is(1, 2, "fd00::1"));
	CHECK(network_is(1, 5, "fd00::2"));
	CHECK(!parse("node 0 a 192.0.2.1 192.0.3.1\nnode 1 b 192.0.2.2\n"));
	CHECK_EQ(networks(), 1);
	CHECK(!parse("node 0 a fd00::1"));
	CHECK_EQ(networks(), 1);
	CHECK(refused("node 0 a 192.0.2.1\nnode 1 b fd00::1", 0,
		      "no family of addresses in common"));
}

/* The longest list there can be is printed, and read as the same. */
static void test_full(void)
{
	char text[ROSTER_TEXT_MAX];
	struct roster full = { .change = UINT32_MAX };
	size_t len;

	for (uint8_t id = 0; id < NR_NODES; id++) {
		full.node[id].count = ROSTER_ADDRESSES;
		memcpy(full.node[id].name, "abcdefghijklm--", MAXNODENAME);
		full.node[id].name[13] = (char)('a' + id / 10);
		full.node[id].name[14] = (char)('0' + id % 10);
		for (uint8_t i = 0; i < ROSTER_ADDRESSES; i++) {
			struct address *address = &full.node[id].address[i];

			memset(address, 0xdd, sizeof(*address));
			address->byte[14] = (uint8_t)(0x10 + i);
			address->byte[15] = (uint8_t)(0x10 + id);
		}
	}
	CHECK_EQ(roster_free(&full), -1);
	len = roster_print(&full, text);
	CHECK_EQ(len, strlen(text));
	CHECK(!roster_parse(&roster, text, len, &line));
	CHECK(!memcmp(&roster, &full, sizeof(full)));
}

int main(void)
{
	TEST(test_read);
	TEST(test_refused);
	TEST(test_networks);
	TEST(test_full);
	return test_end();
}
