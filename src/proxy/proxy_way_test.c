/* SPDX-License-Identifier: Apache-2.0 */
#include "os/tcp.h"
#include "proxy/proxy_table.h"

#include "base/test.h"

/* Each address has its turn, the order's first and once, and then it begins again. */
static void test_turns(void)
{
	static struct proxy proxy = { .place = { .address = 1, .port = 7700 } };
	struct peer peer = {
		.proxy = &proxy, .address = 10, .ways = { 20, 10, 30 }, .ways_count = 3
	};
	static const uint32_t turns[] = { 10, 20, 30, 10, 20 };

	for (unsigned i = 0; i < sizeof(turns) / sizeof(*turns); i++) {
		struct os_tcp_route route = peer_route(&peer);

		CHECK_EQ(route.to, turns[i]);
		CHECK_EQ(route.port, 7700);
		/* From our own address where it is of the same network, which only the order's is known to be. */
		CHECK_EQ(route.from, turns[i] == 10 ? 1 : 0);
		peer_next_way(&peer);
	}
}

static void test_one_address(void)
{
	static struct proxy proxy = { .place = { .address = 1, .port = 7700 } };
	struct peer peer = { .proxy = &proxy, .address = 10 };

	peer_next_way(&peer);
	CHECK_EQ(peer_route(&peer).to, 10);
}

int main(void)
{
	TEST(test_turns);
	TEST(test_one_address);
	return test_end();
}
