/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a connection of this very process, read as those of another one, and made anew. */
#include "migrate/kind.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "migrate/restore_test.h"

#define OTHER_AT 36 /* in a body */
#define FLAGS_AT 44

static struct descriptions *all;
static struct refusal why;

static int find(int fd, struct image_description *image)
{
	const struct kind_seen seen = {
		.pid = getpid(), .number = fd, .link = "socket:[1]", .socket = fd, .info = ""
	};

	why = REFUSAL_NONE;
	*image = (struct image_description){ .kind = IMAGE_DESCRIPTION_INET_CONNECTION,
					     .flags = O_RDWR };
	return kind_inet_connection.find(&seen, image, &why);
}

static void add(int fd)
{
	struct image_description image;

	CHECK_EQ(find(fd, &image), 1);
	image.id = all->count + 1;
	descriptions_add(all, &image, kind_of(image.kind))->number = fd;
}

static struct description *at(uint32_t id)
{
	return &all->description[id - 1];
}

static int write_one(uint32_t id)
{
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = all };

	return kind_inet_connection.write(&frozen, at(id), &why);
}

static bool is_whole(uint32_t id)
{
	return kind_inet_connection.read(&at(id)->image, NULL, all, true) &&
	       kind_inet_connection.whole(at(id), all, NULL);
}

static void make(int pair[2])
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(bind(listener, (struct sockaddr *)&name, bytes), 0);
	CHECK_EQ(listen(listener, 1), 0);
	CHECK_EQ(getsockname(listener, (struct sockaddr *)&name, &bytes), 0);
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(pair[0], (struct sockaddr *)&name, bytes), 0);
	pair[1] = accept(listener, NULL, NULL);
	close(listener);
}

static bool has(int fd, const char *text)
{
	char got[64] = "";

	return recv(fd, got, strlen(text), MSG_WAITALL) == (ssize_t)strlen(text) &&
	       strcmp(got, text) == 0;
}

/* From outside: the other end is another one, is none, or has got what was never sent. */
static void check_bad(void)
{
	struct image_description good = at(1)->image;

	memcpy(at(1)->image.body + OTHER_AT, &(uint32_t){ 1 }, 4);
	CHECK(!is_whole(1) && !is_whole(2));
	memcpy(at(1)->image.body + OTHER_AT, &(uint32_t){ 9 }, 4);
	CHECK(!is_whole(1));
	at(1)->image = good;
	at(1)->image.body[FLAGS_AT] |= 16; /* a flag that there is not */
	CHECK(!is_whole(1));
	at(1)->image = good;
	at(1)->image.body[0] ^= 1; /* an address of IPv6 */
	CHECK(!is_whole(1));
	at(1)->image = good;
	at(1)->contents.bytes[8] ^= 1; /* a piece that says another length of itself */
	CHECK(!is_whole(1));
	at(1)->contents.bytes[8] ^= 1;
	CHECK(is_whole(1) && is_whole(2));
}

static void test_carried(void)
{
	int pair[2];

	restore_begin();
	all = &restore->picture.tables->descriptions;
	make(pair);
	CHECK(send(pair[0], "there", 5, 0) == 5 && send(pair[1], "and back", 8, 0) == 8);
	CHECK_EQ(poll(&(struct pollfd){ .fd = pair[0], .events = POLLIN }, 1, 5000), 1);
	add(pair[0]);
	add(pair[1]);
	CHECK_EQ(kind_inet_connection.meet(all, at(1)->image.kind, &why), 0);
	for (uint32_t id = 1; id <= 2; id++)
		CHECK(kind_inet_connection.check(getpid(), all, at(id), &why) == 0 &&
		      write_one(id) == 0);
	CHECK_OR_RETURN(is_whole(1) && is_whole(2));
	check_bad();
	for (uint32_t id = 1; id <= 2; id++) {
		kind_inet_connection.abandon(getpid(), at(id));
		close(at(id)->number);
		CHECK_EQ(kind_inet_connection.fits(&at(id)->image, &why), 0);
	}
	restore->pid = getpid();
	for (uint32_t id = 1; id <= 2; id++)
		at(id)->pid = getpid(),
		at(id)->number = pair[id - 1] = kind_inet_connection.open(restore, at(id), &why);
	CHECK_OR_RETURN(pair[0] >= 0 && pair[1] >= 0);
	for (uint32_t id = 1; id <= 2; id++)
		kind_inet_connection.resume(all, at(id));
	CHECK(has(pair[0], "and back") && has(pair[1], "there"));
	CHECK(send(pair[1], "more", 4, 0) == 4 && has(pair[0], "more"));
	close(pair[0]);
	close(pair[1]);
	restore_end();
}

static uint32_t other_of(uint32_t id)
{
	uint32_t other;

	memcpy(&other, at(id)->image.body + OTHER_AT, sizeof(other));
	return other;
}

/* The ends of many connections are found. One whose other end is not here has none, and neither has one with itself. */
static void test_meet(void)
{
	enum {
		PAIRS = 20
	};
	static struct descriptions many;
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(name);
	int pair[PAIRS][2], alone[2], itself = socket(AF_INET, SOCK_STREAM, 0);

	all = &many;
	for (int i = 0; i < PAIRS; i++) {
		make(pair[i]);
		add(pair[i][0]);
	}
	make(alone);
	add(alone[0]);
	for (int i = PAIRS - 1; i >= 0; i--)
		add(pair[i][1]);
	CHECK_EQ(bind(itself, (struct sockaddr *)&name, bytes), 0);
	CHECK_EQ(getsockname(itself, (struct sockaddr *)&name, &bytes), 0);
	CHECK_EQ(connect(itself, (struct sockaddr *)&name, bytes), 0);
	add(itself);
	for (int again = 0; again < 2; again++) {
		CHECK_EQ(kind_inet_connection.meet(all, at(1)->image.kind, &why), 0);
		for (uint32_t i = 1; i <= PAIRS; i++) {
			CHECK_EQ(other_of(i), 2 * PAIRS + 2 - i);
			CHECK_EQ(other_of(2 * PAIRS + 2 - i), i);
		}
		CHECK_EQ(other_of(PAIRS + 1), 0);
		CHECK_EQ(other_of(2 * PAIRS + 2), 0);
	}
	descriptions_free(&many);
	for (int i = 0; i < PAIRS; i++)
		close(pair[i][0]), close(pair[i][1]);
	close(alone[0]);
	close(alone[1]);
	close(itself);
}

static void test_refused(void)
{
	static struct descriptions one;
	struct image_description image;
	int pair[2], udp = socket(AF_INET, SOCK_DGRAM, 0), fresh = socket(AF_INET, SOCK_STREAM, 0);

	all = &one;
	CHECK_EQ(find(udp, &image), 0);
	CHECK_EQ(find(fresh, &image), 0);
	make(pair);
	add(pair[0]);
	CHECK(is_refusal(kind_inet_connection.check(getpid(), all, at(1), &why), &why, EDVSPROCSTS,
			 "whose own address 127.0.0.1 does not move with it"));
	descriptions_free(&one);
	close(pair[0]);
	close(pair[1]);
	close(udp);
	close(fresh);
}

int main(void)
{
	if (geteuid()) {
		puts("ok - # skip only root may set these options");
		return 77;
	}
	TEST(test_carried);
	TEST(test_meet);
	TEST(test_refused);
	return test_end();
}
