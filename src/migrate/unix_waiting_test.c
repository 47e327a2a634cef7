/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of this very process that wait, read as those of another one, and the calls that connect one. */
#include "migrate/unix_waiting.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/found_test.h"
#include "migrate/kind.h"
#include "migrate/made_proc_test.h"
#include "migrate/restore_test.h"
#include "migrate/unix_end.h"
#include "migrate/unix_place.h"

#define LINK "socket:[1]"

static struct descriptions all;
static struct refusal why;
static const struct found found = { .all = &all, .refusal = &why };
static int server, client[3];

static void begin(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t bytes = sizeof(name);

	why = REFUSAL_NONE;
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(server, (const struct sockaddr *)&name, sizeof(sa_family_t)) == 0 &&
	      listen(server, 5) == 0 && getsockname(server, (struct sockaddr *)&name, &bytes) == 0);
	for (int i = 0; i < 3; i++) {
		client[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_EQ(connect(client[i], (const struct sockaddr *)&name, bytes), 0);
	}
	/* In another order than that in which they wait. */
	for (int i = 2; i >= 0; i--)
		CHECK_EQ(found_add(&found, IMAGE_DESCRIPTION_UNIX_CONNECTION, client[i], LINK), 1);
}

static void end(void)
{
	for (int i = 0; i < 3; i++)
		close(client[i]);
	close(server);
	descriptions_free(&all);
}

static void test_found(void)
{
	begin();
	CHECK_EQ(found_add(&found, IMAGE_DESCRIPTION_UNIX_SOCKET, server, LINK), 1);
	CHECK_EQ(unix_waiting_meet(&all), 0);
	for (uint32_t i = 0; i < 3; i++) {
		const struct unix_end_body body = unix_end_body(&all.description[i].image);

		CHECK(body.flags & UNIX_END_WAITS && body.other == 4 && body.place == 3 - i);
		CHECK_EQ(unix_waiting_check(client[2 - i], &all.description[i], &why), 0);
	}
	CHECK_EQ(unix_waiting_count(&all, 4), 3);
	CHECK_EQ(unix_waiting_count(&all, 1), 0);
	CHECK_EQ(send(client[0], "x", 1, 0), 1);
	CHECK(is_refusal(unix_waiting_check(client[0], &all.description[2], &why), &why,
			 EDVSPROCSTS, "has sent something"));
	end();
}

/* One whose listening socket is not among them, before it is accepted and after the other end has ended. */
static void test_left(void)
{
	begin();
	CHECK_EQ(unix_waiting_meet(&all), 0);
	CHECK(!(unix_end_body(&all.description[0].image).flags & UNIX_END_WAITS));
	CHECK(is_refusal(unix_waiting_check(client[2], &all.description[0], &why), &why,
			 EDVSPROCSTS, "has not accepted it yet"));
	close(accept(server, NULL, NULL));
	CHECK_EQ(unix_waiting_check(client[0], &all.description[2], &why), 0);
	end();
}

static void test_whole(void)
{
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = &all };
	struct unix_place place;

	begin();
	CHECK_EQ(found_add(&found, IMAGE_DESCRIPTION_UNIX_SOCKET, server, LINK), 1);
	CHECK_EQ(unix_waiting_meet(&all), 0);
	struct description *listener = &all.description[3], *one = &all.description[0];

	CHECK_EQ(kind_unix_socket.write(&frozen, listener, &why), 0);
	CHECK(unix_place_read(listener, &place, NULL));
	CHECK(unix_waiting_is_whole(one, &all, place.name));
	CHECK(!unix_waiting_is_whole(one, &all, NULL));
	place.name[1] ^= 1;
	CHECK(!unix_waiting_is_whole(one, &all, place.name));
	place.name[1] ^= 1;
	/* From outside: it waits in another one that waits, or in one that is not there. */
	memcpy(one->image.body + 4, &(uint32_t){ 2 }, 4);
	CHECK(!unix_waiting_is_whole(one, &all, place.name));
	memcpy(one->image.body + 4, &(uint32_t){ 9 }, 4);
	CHECK(!unix_waiting_is_whole(one, &all, place.name));
	/* One more connection that waits than is known. */
	descriptions_free(&all);
	CHECK_EQ(found_add(&found, IMAGE_DESCRIPTION_UNIX_SOCKET, server, LINK), 1);
	CHECK(is_refusal(kind_unix_socket.write(&frozen, &all.description[0], &why), &why,
			 EDVSPROCSTS, "a connection waits"));
	end();
}

static void test_connected(void)
{
	const struct unix_socket_body body = { .type = OS_UNIX_STREAM,
					       .flags = SOCKET_LISTENS,
					       .name_bytes = 5 };
	const struct unix_end_body ends = { .place = 1,
					    .other = 1,
					    .flags = UNIX_END_WAITS,
					    .type = OS_UNIX_STREAM,
					    .name_bytes = 5 };
	struct image_description image = { .id = 1, .kind = IMAGE_DESCRIPTION_UNIX_SOCKET };

	restore_begin();
	struct descriptions *made = &restore->picture.tables->descriptions;

	memcpy(image.body, &body, sizeof(body));
	CHECK(descriptions_add(made, &image, kind_of(image.kind)));
	CHECK_EQ(contents_append(&made->description[0].contents, "\0name", 5), 0);
	CHECK_EQ(unix_waiting_connect(restore, &made->description[0], &restore_refusal), 0);
	image = (struct image_description){ .id = 2, .kind = IMAGE_DESCRIPTION_UNIX_CONNECTION };
	memcpy(image.body, &ends, sizeof(ends));
	CHECK(descriptions_add(made, &image, kind_of(image.kind)));
	CHECK(restore_listed(unix_waiting_open(restore, &made->description[1], &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_socket)->arg[1], SOCK_STREAM | SOCK_CLOEXEC);
	/* No process has got it. */
	restore_refusal = REFUSAL_NONE;
	CHECK(is_refusal(unix_waiting_connect(restore, &made->description[0], &restore_refusal),
			 &restore_refusal, EDVSPROCSTS, "waits to be accepted"));
	restore_end();
}

int main(void)
{
	TEST(test_found);
	TEST(test_left);
	TEST(test_whole);
	TEST(test_connected);
	return test_end();
}
