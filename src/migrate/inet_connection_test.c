/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inet_connection.h"

#include <string.h>

#include "base/test.h"
#include "migrate/kind.h"

static struct descriptions all;

/* An end of the connection between two ports that has sent 100 bytes, 10 of which are not acknowledged. */
static struct description *add(uint16_t own, uint16_t peer, uint32_t other, uint32_t received)
{
	const struct connection_body body = {
		.own_port = own, .peer_port = peer, .other = other, .flags = CONNECTION_MOVES
	};
	const struct connection_rest rest = {
		.stream = { .sent = 100, .received = received, .unsent = 4, .mss = 1000 }
	};
	struct image_description image = { .id = all.count + 1,
					   .kind = IMAGE_DESCRIPTION_INET_CONNECTION };

	memcpy(image.body, &body, sizeof(body));
	struct description *end = descriptions_add(&all, &image, kind_of(image.kind));

	CHECK_EQ(inet_append_piece(&end->contents, INET_REST, &rest, sizeof(rest)), 0);
	CHECK_EQ(inet_append_piece(&end->contents, INET_SENT, "0123456", 7), 0);
	CHECK_EQ(inet_append_piece(&end->contents, INET_RECEIVED, "x", 1), 0);
	CHECK_EQ(inet_append_piece(&end->contents, INET_SENT, "789", 3), 0);
	return end;
}

static bool is_whole(uint32_t id)
{
	return inet_connection_is_whole(descriptions_find(&all, id), &all);
}

/* Of the end that stays, all that has left the kernel once counts as sent. */
static void test_elsewhere(void)
{
	const struct description *end = add(1, 2, 0, 50);

	CHECK(is_whole(1) && !inet_connection_other(&all, end));
	CHECK_EQ(inet_connection_bytes(&end->contents, INET_SENT), 10);
	CHECK_EQ(inet_connection_bytes(&end->contents, INET_RECEIVED), 1);
	CHECK_EQ(inet_connection_sent(&all, end), 6);
	CHECK_EQ(inet_connection_rest(end).stream.mss, 1000);
	descriptions_free(&all);
}

/* Of a pair, the other end tells how much it has got. */
static void test_pair(void)
{
	add(1, 2, 2, 97), add(2, 1, 1, 90);
	const struct description *one = descriptions_find(&all, 1);
	const struct description *other = descriptions_find(&all, 2);

	CHECK(is_whole(1) && is_whole(2) && inet_connection_other(&all, one) == other);
	CHECK_EQ(inet_connection_sent(&all, one), 0);
	CHECK_EQ(inet_connection_sent(&all, other), 7);
	descriptions_free(&all);
}

static void test_damaged(void)
{
	add(1, 2, 2, 89), add(2, 1, 1, 101), add(1, 2, 2, 95), add(1, 2, 9, 95);
	CHECK(!is_whole(1));		     /* the other one has got more than was sent */
	CHECK(!is_whole(2));		     /* less than was acknowledged */
	CHECK(!is_whole(3) && !is_whole(4)); /* an end that does not know it, or is not there */
	descriptions_free(&all);
}

static void test_flags(void)
{
	CHECK(inet_connection_are_flags(0) && inet_connection_are_flags(CONNECTION_STARTS));
	CHECK(inet_connection_are_flags(CONNECTION_V6 | CONNECTION_MOVES | CONNECTION_OVER));
	CHECK(inet_connection_are_flags(CONNECTION_OVER | CONNECTION_RESET));
	CHECK(!inet_connection_are_flags(CONNECTION_RESET));
	CHECK(!inet_connection_are_flags(CONNECTION_OVER | CONNECTION_RESET | CONNECTION_BROKEN));
	CHECK(!inet_connection_are_flags(CONNECTION_OVER | CONNECTION_STARTS));
	CHECK(!inet_connection_are_flags(CONNECTION_FLAGS + 1));
}

int main(void)
{
	TEST(test_flags);
	TEST(test_elsewhere);
	TEST(test_pair);
	TEST(test_damaged);
	return test_end();
}
