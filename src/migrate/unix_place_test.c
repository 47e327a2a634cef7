/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_place.h"

#include <string.h>

#include "base/test.h"

static struct description one;
static struct unix_place place;

static void begin(uint32_t name_bytes, uint32_t flags)
{
	const struct unix_socket_body body = { .type = OS_UNIX_DATAGRAM,
					       .flags = flags,
					       .name_bytes = (uint16_t)name_bytes };

	contents_free(&one.contents);
	memcpy(one.image.body, &body, sizeof(body));
}

static void add(const char *bytes, uint32_t length)
{
	CHECK_EQ(contents_append(&one.contents, bytes, length), 0);
}

static void test_read(void)
{
	uint32_t queue;

	begin(0, 0);
	CHECK(unix_place_read(&one, &place, &queue) && queue == 0);
	begin(6, SOCKET_FILE);
	add("/run/a", 6);
	add("/run", 4);
	add("message", 7);
	CHECK(unix_place_read(&one, &place, &queue) && queue == 4 + 6 + 4 + 4);
	CHECK(strcmp(place.path, "/run/a") == 0 && strcmp(place.folder, "/run") == 0);
	begin(3, 0);
	add("\0ab", 3);
	CHECK(unix_place_read(&one, &place, NULL) && memcmp(place.name, "\0ab", 3) == 0);
	CHECK_EQ(unix_socket_body(&one.image).name_bytes, 3);
}

static void test_damaged(void)
{
	begin(6, 0);
	CHECK(!unix_place_read(&one, &place, NULL)); /* no name */
	add("/run", 4);
	CHECK(!unix_place_read(&one, &place, NULL)); /* another length */
	begin(6, SOCKET_FILE);
	add("/run/a", 6);
	CHECK(!unix_place_read(&one, &place, NULL)); /* no folder */
	add("run", 3);
	CHECK(!unix_place_read(&one, &place, NULL)); /* one without a beginning */
	begin(3, SOCKET_FILE);
	add("\0ab", 3);
	CHECK(!unix_place_read(&one, &place, NULL)); /* an abstract one has no file */
	begin(8, 0);
	add("/../run/", 8);
	CHECK(!unix_place_read(&one, &place, NULL)); /* upwards */
}

int main(void)
{
	TEST(test_read);
	TEST(test_damaged);
	contents_free(&one.contents);
	return test_end();
}
