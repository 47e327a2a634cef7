/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/queue.h"

#include <stdbool.h>
#include <string.h>

#include "base/test.h"

#define FIRST_SIZE 4096u
#define KEPT	   (1024u * 1024u)

static struct queue queue;

/* Bytes that say which they are. */
static bool put(size_t from, size_t len)
{
	uint8_t *room = queue_reserve(&queue, len);

	if (!room)
		return false;
	for (size_t i = 0; i < len; i++)
		room[i] = (uint8_t)((from + i) % 251);
	queue_commit(&queue, len);
	return true;
}

static bool has(size_t from, size_t len)
{
	if (queue_count(&queue) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (queue_front(&queue)[i] != (from + i) % 251)
			return false;
	return true;
}

/* In order, whether what waits is moved to the front, or the room grows. */
static void test_order(void)
{
	size_t in = 0, out = 0;

	for (unsigned i = 0; i < 2000; i++) {
		size_t more = 1 + i * 7 % 1500, less;

		CHECK_OR_RETURN(put(in, more));
		in += more;
		less = i % 3 == 2 ? in - out : (in - out) / 3;
		queue_consume(&queue, less);
		out += less;
		CHECK_OR_RETURN(has(out, in - out));
	}
	CHECK(queue.size <=
	      4 * FIRST_SIZE); /* by the frames that wait at a time, not by all that came */
	queue_reset(&queue);
	CHECK(!queue.bytes && !queue.size && !queue_count(&queue));
}

/* Only so much as is filled waits. */
static void test_reserved(void)
{
	uint8_t *room = queue_reserve(&queue, 100);

	CHECK_OR_RETURN(room);
	memset(room, 0, 100);
	CHECK_EQ(queue_count(&queue), 0);
	CHECK(put(0, 10));
	CHECK(has(0, 10));
	CHECK_EQ(queue.size, FIRST_SIZE);
	queue_reset(&queue);
}

/* Freed room at the front is used before the queue grows. */
static void test_moved(void)
{
	CHECK(put(0, FIRST_SIZE));
	queue_consume(&queue, 1000);
	CHECK(put(FIRST_SIZE, 1000));
	CHECK_EQ(queue.size, FIRST_SIZE);
	CHECK(has(1000, FIRST_SIZE));
	CHECK(put(FIRST_SIZE + 1000, 1));
	CHECK_EQ(queue.size, 2 * FIRST_SIZE);
	CHECK(has(1000, FIRST_SIZE + 1));
	queue_reset(&queue);
}

/* A frame above the limit is refused, and those that wait are unharmed. */
static void test_limit(void)
{
	CHECK(!queue_reserve(&queue, QUEUE_BYTES_MAX + 1u));
	CHECK(put(0, 100));
	CHECK(!queue_reserve(&queue, QUEUE_BYTES_MAX - 99));
	CHECK(!queue_reserve(&queue, SIZE_MAX));
	CHECK(has(0, 100));
	CHECK(queue_reserve(&queue, QUEUE_BYTES_MAX - 100));
	CHECK(has(0, 100));
	queue_reset(&queue);
}

/* A queue that was long gives its memory back when it is empty, and not before. */
static void test_memory(void)
{
	CHECK(put(0, KEPT));
	queue_consume(&queue, KEPT);
	CHECK_EQ(queue.size, KEPT);
	CHECK(put(0, KEPT + 1));
	queue_consume(&queue, KEPT);
	CHECK(has(KEPT, 1));
	CHECK_EQ(queue.size, 2 * KEPT);
	queue_consume(&queue, 1);
	CHECK(!queue.bytes && !queue.size);
	queue_reset(&queue);
}

int main(void)
{
	TEST(test_order);
	TEST(test_reserved);
	TEST(test_moved);
	TEST(test_limit);
	TEST(test_memory);
	return test_end();
}
