/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_ALONE_TEST_H
#define DVS_PROXY_ALONE_TEST_H

/* The links of a node that knows no other: messages go nowhere. For tests of the parts above. Lock held. */

#include "base/test.h"
#include "pages/exchange.h"
#include "proxy/proxy.h"

#define ALONE_PORT 7793

static struct exchange *alone_exchange;

TEST_LOOKS_UNUSED static int alone_locate(void *ctx, int dcid, int endpoint)
{
	(void)ctx;
	(void)dcid;
	(void)endpoint;
	return PROXY_GONE;
}

TEST_LOOKS_UNUSED static void alone_message(void *ctx, int from, uint16_t kind,
					    const uint8_t *bytes, uint32_t len)
{
	(void)ctx;
	(void)from;
	(void)kind;
	(void)bytes;
	(void)len;
}

TEST_LOOKS_UNUSED static void alone_link(void *ctx, int node, int up)
{
	(void)ctx;
	(void)node;
	(void)up;
}

TEST_LOOKS_UNUSED static struct proxy *alone_new(struct os_loop *loop, int nodeid)
{
	const struct proxy_callbacks callbacks = { .locate = alone_locate,
						   .message = alone_message,
						   .link_changed = alone_link };
	const struct gate_place place = {
		.node = nodeid, .address = test_address(0), .port = ALONE_PORT, .listen_fd = -1
	};
	struct proxy *proxy = NULL;

	CHECK_EQ(exchange_new(&alone_exchange, nodeid), 0);
	CHECK_EQ(proxy_new(&proxy, loop, alone_exchange, &place, &callbacks), 0);
	return proxy;
}

TEST_LOOKS_UNUSED static struct proxy *alone_free(struct proxy *proxy)
{
	proxy = proxy_free(proxy);
	alone_exchange = exchange_free(alone_exchange);
	return proxy;
}

#endif
