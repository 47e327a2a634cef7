/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of a context, what is taken from it, and the calls that make one anew. */
#include "migrate/aio.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "migrate/listed_test.h"

#define PAGE 4096u
#define MARK 77u

static union {
	struct aio_ring ring;
	uint8_t bytes[PAGE];
} page;

static void make_ring(uint32_t head, uint32_t tail)
{
	memset(&page, 0, sizeof(page));
	page.ring.magic = 0xa10a10a1;
	page.ring.entries = PAGE / AIO_EVENT_BYTES - 1;
	page.ring.head = head;
	page.ring.tail = tail;
}

static void test_whole(void)
{
	make_ring(0, 126);
	CHECK(aio_ring_ok(&page.ring, PAGE));
	CHECK(!aio_ring_ok(&page.ring, 2 * PAGE));
	page.ring.tail = 127;
	CHECK(!aio_ring_ok(&page.ring, PAGE));
	make_ring(127, 0);
	CHECK(!aio_ring_ok(&page.ring, PAGE));
	make_ring(0, 0);
	page.ring.magic++;
	CHECK(!aio_ring_ok(&page.ring, PAGE));
}

/* The numbers that the kernel computes for one page, by the number of its CPUs. */
static void test_requests(void)
{
	CHECK_EQ(aio_requests(127, 2), 120);
	CHECK_EQ(aio_requests(127, 1), 124);
	CHECK_EQ(aio_requests(127, 32), 126);
	CHECK_EQ(aio_requests(127, 1000), 126);
	CHECK_EQ(aio_requests(2, 1), 1);
}

/* The others keep their order and end where the tail is, also across the end of the ring. */
static void test_leave(void)
{
	make_ring(120, 10);
	CHECK_EQ(aio_ring_count(&page.ring), 17);
	for (uint32_t i = 0; i < 17; i++)
		page.ring.event[(120 + i) % 127].data = i % 3 ? MARK : i;
	aio_ring_leave(&page.ring, MARK);
	CHECK_EQ(page.ring.tail, 10);
	CHECK_EQ(page.ring.head, 4);
	for (uint32_t i = 0; i < 6; i++)
		CHECK_EQ(page.ring.event[4 + i].data, 3 * i);
	make_ring(5, 5);
	aio_ring_leave(&page.ring, MARK);
	CHECK_EQ(page.ring.head, 5);
	make_ring(125, 2);
	for (uint32_t i = 0; i < 4; i++)
		page.ring.event[(125 + i) % 127].data = i;
	aio_ring_leave(&page.ring, MARK);
	CHECK(page.ring.head == 125 && page.ring.event[125].data == 0 &&
	      page.ring.event[1].data == 3);
}

/* In a ring with another tail, also across its end. */
static void test_put(void)
{
	static union {
		struct aio_ring ring;
		uint8_t bytes[PAGE];
	} other;

	make_ring(120, 3);
	for (uint32_t i = 0; i < 10; i++)
		page.ring.event[(120 + i) % 127].data = i + 1;
	memcpy(&other, &page, sizeof(page));
	make_ring(50, 125);
	aio_ring_put(&page.ring, &other.ring);
	CHECK(page.ring.head == 115 && page.ring.tail == 125);
	CHECK(page.ring.event[115].data == 1 && page.ring.event[124].data == 10);
	make_ring(7, 4);
	aio_ring_put(&page.ring, &other.ring);
	CHECK(page.ring.head == 121 && page.ring.tail == 4);
	CHECK(page.ring.event[121].data == 1 && page.ring.event[3].data == 10);
	make_ring(7, 7);
	aio_ring_put(&other.ring, &page.ring);
	CHECK(other.ring.head == 3 && other.ring.tail == 3);
}

/* Its place is kept free before the kernel chooses one. */
static void test_make(void)
{
	const struct image_map map = {
		.start = 0x7000, .end = 0x8000, .kind = IMAGE_MAP_AIO, .object = 3 | 5ull << 32
	};
	struct tracee nobody = { .tid = LISTED_NOBODY, .borrowed = true };
	struct calls calls;

	CHECK_EQ(calls_init(&calls), 0);
	calls_begin(&calls, &listed_foothold, &nobody);
	CHECK_EQ(aio_make(&calls, &map), TRACEE_E_GONE);
	CHECK_EQ(calls.count, 2);
	CHECK_EQ(listed_find(&calls, SYS_mmap, 0), 0);
	CHECK_EQ(listed_at(&calls, 0)->expect, 0x7000);
	CHECK_EQ(listed_find(&calls, SYS_io_setup, 0), 1);
	/* Of which the kernel makes 127 places, which are a page. */
	CHECK_EQ(listed_at(&calls, 1)->arg[0], 62);
	calls_deinit(&calls);
}

int main(void)
{
	TEST(test_whole);
	TEST(test_requests);
	TEST(test_leave);
	TEST(test_put);
	TEST(test_make);
	return test_end();
}
