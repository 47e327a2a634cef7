/* SPDX-License-Identifier: Apache-2.0 */

/* Service addresses: given to a DC, held by one endpoint after the other, and gone with the DC. */

#include "base/test.h"
#include "core/directory_fixture.h"
#include "dvk.h"

static struct address at(uint8_t last)
{
	return address_v4((const uint8_t[]){ 10, 0, 0, last });
}

static int give(int dcid, uint8_t last, uint32_t length)
{
	return apply((struct command){
		.kind = COMMAND_DC_ADDRESS, .dcid = dcid, .address = at(last), .value = length });
}

/* The node that has the addresses of DC 0, or -1. */
static int server(void)
{
	int found = -1;

	for (int node = 0; node < NR_NODES; node++) {
		if (!directory_serves(&dir, 0, node))
			continue;
		CHECK_EQ(found, -1);
		found = node;
	}
	return found;
}

static void test_given(void)
{
	begin();
	CHECK_EQ(create(1, 0), 0);
	CHECK_EQ(give(0, 5, 24), 0);
	CHECK_EQ(dir.dc[0].services, 1);
	CHECK_EQ(directory_service_dc(&dir, at(5)), 0);
	CHECK_EQ(give(0, 5, 24), 0); /* again */
	CHECK_EQ(dir.dc[0].services, 1);
	for (uint8_t i = 1; i < DIRECTORY_SERVICES_MAX; i++)
		CHECK_EQ(give(0, (uint8_t)(5 + i), 24), 0);
	CHECK_EQ(give(0, 77, 24), EDVSNOSPC);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_REMOVE }), 0);
	CHECK_EQ(directory_service_dc(&dir, at(5)), -1);
	CHECK_EQ(give(1, 5, 24), 0); /* free again */
}

static void test_refused(void)
{
	begin();
	CHECK_EQ(create(1, 0), 0);
	CHECK_EQ(give(0, 5, 24), 0);
	CHECK_EQ(give(1, 5, 24), EDVSADDRINUSE);
	CHECK_EQ(give(2, 6, 24), EDVSDCNOTRUN);
	CHECK_EQ(give(32, 6, 24), EDVSBADDCID);
	CHECK_EQ(give(0, 6, 0), EDVSBADVALUE);
	CHECK_EQ(give(0, 6, 33), EDVSBADVALUE);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_NODE_JOIN, .node = 3, .address = at(9) }),
		 0);
	CHECK_EQ(give(0, 9, 24), EDVSADDRINUSE);
	CHECK_EQ(directory_address_node(&dir, at(9)), 3);
	CHECK_EQ(leave(3), 0);
	CHECK_EQ(give(0, 9, 24), 0);
	/* Root alone. */
	CHECK_EQ(apply((struct command){ .kind = COMMAND_DC_ADDRESS,
					 .address = at(7),
					 .value = 24,
					 .by_uid = 1000 }),
		 EDVSPRIVILEGES);
}

static void test_follow(void)
{
	begin();
	CHECK(!directory_services_follow(&dir, 0, 10)); /* there are none */
	CHECK_EQ(give(0, 5, 24), 0);
	CHECK(directory_services_follow(&dir, 0, 10)); /* it would be the first one */
	CHECK_EQ(bind_at(11, 1), 0);
	CHECK(!directory_services_follow(&dir, 0, 10));
	CHECK(directory_services_follow(&dir, 0, 11));
}

static void test_holder(void)
{
	begin();
	CHECK_EQ(server(), -1);
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(server(), 1);
	CHECK_EQ(bind_at(4, 0), 0); /* a later one, of a lower number */
	CHECK_EQ(bind_at(12, 1), 0);
	CHECK_EQ(server(), 1);
	CHECK_EQ(dir.dc[0].holder, 10);
	CHECK_EQ(unbind(10, ANY_GENERATION), 0); /* one of the same node */
	CHECK_EQ(dir.dc[0].holder, 12);
	CHECK_EQ(unbind(12, ANY_GENERATION), 0); /* one elsewhere */
	CHECK_EQ(server(), 0);
	CHECK_EQ(unbind(4, ANY_GENERATION), 0);
	CHECK_EQ(server(), -1);
}

static void test_moves(void)
{
	begin();
	CHECK_EQ(bind_at(10, 1), 0);
	CHECK_EQ(bind_at(11, 1), 0);
	CHECK_EQ(start(10, 2, 0), 0);
	CHECK_EQ(server(), 1);
	CHECK_EQ(commit(10, 2, result.move, 0, 5), 0);
	CHECK_EQ(server(), 2);
	CHECK_EQ(start(11, 2, 0), 0); /* not the holder */
	CHECK_EQ(commit(11, 2, result.move, 0, 5), 0);
	CHECK_EQ(server(), 2);
	CHECK_EQ(start(10, 0, 0), 0);
	CHECK_EQ(roll_back(10, result.move), 0);
	CHECK_EQ(server(), 2);
	CHECK_EQ(leave(2), 0);
	CHECK_EQ(server(), -1);
}

/* Survives being told to a node that joins; one that makes no sense is no table. */
static void test_told(void)
{
	static uint8_t bytes[1 << 16];
	static struct directory copy;
	size_t length;

	begin();
	CHECK_EQ(create(1, 0), 0);
	CHECK_EQ(give(0, 5, 24), 0);
	CHECK_EQ(give(1, 6, 24), 0);
	CHECK_EQ(bind_at(10, 1), 0);
	length = directory_encode(&dir, bytes, sizeof(bytes));
	CHECK(length && !directory_decode(&copy, bytes, length));
	CHECK(!memcmp(&copy, &dir, sizeof(dir)));
	dir.dc[1].service[0] = dir.dc[0].service[0]; /* twice */
	length = directory_encode(&dir, bytes, sizeof(bytes));
	CHECK(length && directory_decode(&copy, bytes, length));
	dir.dc[1].service[0].address = at(6);
	dir.dc[0].service[0].prefix = 33;
	length = directory_encode(&dir, bytes, sizeof(bytes));
	CHECK(length && directory_decode(&copy, bytes, length));
	dir.dc[0].service[0].prefix = 24;
	dir.dc[0].holder = 11; /* is not bound */
	length = directory_encode(&dir, bytes, sizeof(bytes));
	CHECK(length && directory_decode(&copy, bytes, length));
	dir.dc[0].held = 0;
	length = directory_encode(&dir, bytes, sizeof(bytes));
	CHECK(length && directory_decode(&copy, bytes, length));
}

int main(void)
{
	TEST(test_given);
	TEST(test_refused);
	TEST(test_follow);
	TEST(test_holder);
	TEST(test_moves);
	TEST(test_told);
	return test_end();
}
