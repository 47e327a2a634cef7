/* SPDX-License-Identifier: Apache-2.0 */
#include "os/tcp.h"
#include "proxy/proxy_table.h"

#include "base/test.h"

static struct address numbered(uint8_t number)
{
	const uint8_t byte[] = { 192, 0, 2, number };

	return address_v4(byte);
}

/* Each address has its turn, the order's first and once, and then it begins again. */
static void test_turns(void)
{
	static struct proxy proxy = { .place = { .port = 7700 } };
	struct peer peer = { .proxy = &proxy,
			     .address = numbered(10),
			     .ways = { numbered(20), numbered(10), numbered(30) },
			     .ways_count = 3 };
	static const uint8_t turns[] = { 10, 20, 30, 10, 20 };

	proxy.place.address = numbered(1);
	for (unsigned i = 0; i < sizeof(turns) / sizeof(*turns); i++) {
		struct os_tcp_route route = peer_route(&peer);

		CHECK(address_same(route.to, numbered(turns[i])));
		CHECK_EQ(route.port, 7700);
		/* From our own address where it is of the same network, which only the order's is known to be. */
		CHECK(address_same(route.from, turns[i] == 10 ? numbered(1) : ADDRESS_NONE));
		peer_next_way(&peer);
	}
}

/* An address of the other family cannot be called from ours: the kernel finds one, if there is any. */
static void test_other_family(void)
{
	static struct proxy proxy = { .place = { .port = 7700 } };
	struct peer peer = { .proxy = &proxy };

	proxy.place.address = numbered(1);
	CHECK(!address_parse(&peer.address, "2001:db8::1", 11));
	CHECK(!address_is_set(peer_route(&peer).from));
	CHECK(!address_parse(&proxy.place.address, "2001:db8::2", 11));
	CHECK(address_same(peer_route(&peer).from, proxy.place.address));
}

static void test_one_address(void)
{
	static struct proxy proxy = { .place = { .port = 7700 } };
	struct peer peer = { .proxy = &proxy, .address = numbered(10) };

	peer_next_way(&peer);
	CHECK(address_same(peer_route(&peer).to, numbered(10)));
}

int main(void)
{
	TEST(test_turns);
	TEST(test_other_family);
	TEST(test_one_address);
	return test_end();
}
