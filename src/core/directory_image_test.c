/* SPDX-License-Identifier: Apache-2.0 */

/* The table as bytes: whole, equal, and never trusted. */

#include <errno.h>

#include "base/test.h"
#include "core/directory_fixture.h"

static uint8_t bytes[1 << 20], again[1 << 20];
static struct directory copy;

static size_t begin_used(void)
{
	begin();
	CHECK_EQ(create(31, 6), 0);
	CHECK_EQ(bind_at(10, 0), 0);
	CHECK_EQ(bind_at(-35, 1), 0);
	CHECK_EQ(bind_at(220, 2), 0);
	CHECK_EQ(unbind(220, 0), 0);
	CHECK_EQ(start(10, 1, 0), 0);
	CHECK_EQ(leave(2), 0);
	CHECK_EQ(apply((struct command){
			 .kind = COMMAND_BIND, .p_nr = 12, .node = 1, .bind_kind = RMT_BIND }),
		 0);
	return directory_encode(&dir, bytes, sizeof(bytes));
}

static void test_round_trip(void)
{
	size_t len = begin_used();

	CHECK(len > 0 && len <= directory_encode_bound());
	CHECK_EQ(directory_decode(&copy, bytes, len), 0);
	CHECK(memcmp(&copy, &dir, sizeof(dir)) == 0);
	CHECK_EQ(directory_encode(&copy, again, sizeof(again)), len);
	CHECK(memcmp(bytes, again, len) == 0);
}

static void test_bound(void)
{
	struct command cmd = { .kind = COMMAND_BIND };

	for (int node = 0; node < NR_NODES; node++)
		CHECK_EQ(join(node), 0);
	for (cmd.dcid = 0; cmd.dcid < SHM_DCS; cmd.dcid++) {
		create(cmd.dcid, 0);
		for (cmd.p_nr = -NR_TASKS; cmd.p_nr < NR_PROCS; cmd.p_nr++)
			apply(cmd);
		for (uint8_t i = 0; i < DIRECTORY_SERVICES_MAX; i++)
			apply((struct command){ .kind = COMMAND_DC_ADDRESS,
						.dcid = cmd.dcid,
						.address = address_v4((const uint8_t[]){
							10, 0, (uint8_t)cmd.dcid, i }),
						.value = 24 });
	}
	CHECK(directory_encode_bound() <= sizeof(bytes));
	CHECK_EQ(directory_encode(&dir, bytes, sizeof(bytes)), directory_encode_bound());
	CHECK_EQ(directory_encode(&dir, bytes, directory_encode_bound() - 1), 0);
}

/* Every cut, and every changed byte: refused, or a table that encodes again. */
static void test_broken_bytes(void)
{
	size_t len = begin_used();
	unsigned refused = 0;

	for (size_t cut = 0; cut < len; cut++)
		CHECK_EQ(directory_decode(&copy, bytes, cut), -EBADMSG);
	CHECK_EQ(directory_decode(&copy, bytes, len + 1), -EBADMSG);
	CHECK_EQ(copy.next_move, 1);
	for (size_t at = 0; at < len; at++) {
		bytes[at] ^= 0xff;
		if (directory_decode(&copy, bytes, len))
			refused++;
		else
			CHECK(directory_encode(&copy, again, sizeof(again)) > 0);
		bytes[at] ^= 0xff;
	}
	CHECK(refused > 50);
	CHECK_EQ(directory_decode(&copy, bytes, len), 0);
}

/* A table in which endpoints of one move are apart is nobody's: a COMMIT of one would be no COMMIT of the other. */
static void test_moves_apart(void)
{
	begin();
	for (int p_nr = 10; p_nr < 12; p_nr++)
		CHECK_EQ(bind_at(p_nr, 0), 0);
	CHECK_EQ(apply((struct command){ .kind = COMMAND_MOVE_START,
					 .p_nr = 10,
					 .target = 2,
					 .fellows = 1,
					 .fellow = { 11 } }),
		 0);
	CHECK_EQ(directory_decode(&copy, bytes, directory_encode(&dir, bytes, sizeof(bytes))), 0);
	CHECK(!memcmp(&copy, &dir, sizeof(dir)));
	dir.dc[0].slot[shm_index(11)].target = 1;
	CHECK_EQ(directory_decode(&copy, bytes, directory_encode(&dir, bytes, sizeof(bytes))),
		 -EBADMSG);
	dir.dc[0].slot[shm_index(11)].target = 2;
	dir.dc[0].slot[shm_index(11)].node = 1;
	CHECK_EQ(directory_decode(&copy, bytes, directory_encode(&dir, bytes, sizeof(bytes))),
		 -EBADMSG);
}

int main(void)
{
	directory_init(&dir);
	TEST(test_bound);
	TEST(test_round_trip);
	TEST(test_broken_bytes);
	TEST(test_moves_apart);
	return test_end();
}
