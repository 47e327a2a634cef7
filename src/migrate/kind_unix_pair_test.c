/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of sockets of this very process, read as those of another one, and the calls that make one. */
#include "migrate/kind.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/found_test.h"
#include "migrate/made_proc_test.h"
#include "migrate/restore_test.h"
#include "os/unix_pair.h"

#define NOBODY 65534
#define LINK   "socket:[1]"

static struct descriptions all;
static struct refusal why;
static const struct found found = { .all = &all, .refusal = &why };

static int find(pid_t pid, int fd, struct image_description *image)
{
	const struct kind_seen seen = {
		.pid = pid, .number = fd, .link = LINK, .socket = fd, .info = ""
	};

	why = REFUSAL_NONE;
	*image = (struct image_description){ .kind = IMAGE_DESCRIPTION_UNIX_STREAM };
	return kind_unix_stream.find(&seen, image, &why);
}

/* A description of the table, by its id. */
static void add(int fd)
{
	CHECK_EQ(found_add(&found, IMAGE_DESCRIPTION_UNIX_STREAM, fd, LINK), 1);
}

static int check_one(uint32_t id)
{
	return kind_unix_stream.check(getpid(), &all, &all.description[id - 1], &why);
}

static int write_one(uint32_t id)
{
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = &all };

	return kind_unix_stream.write(&frozen, &all.description[id - 1], &why);
}

static bool is_read(uint32_t id)
{
	const struct description *one = &all.description[id - 1];

	return kind_unix_stream.read(&one->image, NULL, &all, true) &&
	       kind_unix_stream.whole(one, &all, NULL);
}

static void test_pair(void)
{
	int pair[2], alone[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, alone), 0);
	add(pair[1]);
	add(alone[0]);
	add(pair[0]);
	CHECK_EQ(send(pair[0], "hello", 5, 0), 5);
	CHECK(is_refusal((check_one(1), check_one(2)), &why, EDVSPROCSTS, "to another process"));
	close(alone[1]);
	descriptions_free(&all);
	add(pair[1]);
	add(alone[0]);
	add(pair[0]);
	for (uint32_t id = 1; id <= 3; id++)
		CHECK(check_one(id) == 0 && write_one(id) == 0 && is_read(id));
	CHECK_EQ(all.description[0].contents.length, sizeof(uint32_t) + 5);
	CHECK_EQ(all.description[2].contents.length, 0);
	/* From outside: an end whose other one is not its other one, or is of another pair. */
	const struct image_description good = all.description[2].image;

	memcpy(all.description[2].image.body + 4, &(uint32_t){ 2 }, 4);
	CHECK(!is_read(1) && !is_read(3));
	memcpy(all.description[2].image.body + 4, &(uint32_t){ 9 }, 4);
	CHECK(!is_read(3));
	all.description[2].image = good;
	memset(all.description[2].image.body + 8, 0xff, 4); /* ends that there are not */
	CHECK(!is_read(3));
	all.description[2].image = good;
	memset(all.description[2].image.body + 12, 0xff, 4); /* room without a limit */
	CHECK(!is_read(3));
	descriptions_free(&all);
	close(pair[0]);
	close(pair[1]);
	close(alone[0]);
}

static void test_refused(void)
{
	struct image_description image;
	int pair[2], on = 1;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	CHECK_EQ(find(getpid(), pair[0], &image), 0); /* another row */
	close(pair[0]);
	CHECK_EQ(find(getpid(), pair[0], &image), 0);
	close(pair[1]);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CHECK_EQ(setsockopt(pair[0], SOL_SOCKET, SO_PRIORITY, &on, sizeof(on)), 0);
	CHECK(is_refusal(find(getpid(), pair[0], &image), &why, EDVSPROCSTS,
			 "socket option number"));
	CHECK_EQ(send(pair[0], "x", 1, 0), 1);
	close(pair[1]);
	on = 0;
	CHECK_EQ(setsockopt(pair[0], SOL_SOCKET, SO_PRIORITY, &on, sizeof(on)), 0);
	CHECK(is_refusal(find(getpid(), pair[0], &image), &why, EDVSPROCSTS, "has an error"));
	close(pair[0]);
}

static void test_messages(void)
{
	const struct kind *kind = &kind_unix_messages;
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = &all };
	int pair[2], other[2];

	why = REFUSAL_NONE;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other), 0);
	const int ends[] = { pair[0], other[0], pair[1], other[1] };

	for (int i = 0; i < 4; i++)
		CHECK_EQ(found_add(&found, IMAGE_DESCRIPTION_UNIX_MESSAGES, ends[i], LINK), 1);
	CHECK(send(pair[0], "ab", 2, 0) == 2 && send(pair[0], "", 0, 0) == 0);
	for (uint32_t id = 1; id <= 4; id++)
		CHECK_EQ(kind->check(getpid(), &all, &all.description[id - 1], &why), 0);
	for (uint32_t id = 1; id <= 4; id++) {
		struct description *one = &all.description[id - 1];

		CHECK_EQ(kind->write(&frozen, one, &why), 0);
		CHECK(kind->read(&one->image, NULL, &all, true) && kind->whole(one, &all, NULL));
	}
	CHECK_EQ(all.description[2].contents.length, 4 + 4 + 2 + 4 + 4);
	/* The empty one is seen only once. */
	CHECK(is_refusal(kind->write(&frozen, &all.description[2], &why), &why, EDVSPROCSTS,
			 "are empty"));
	/* From outside: no such type, one that differs from its peer's, no whole message. */
	struct description *one = &all.description[0];
	uint8_t *type = one->image.body + 32;

	*type = OS_UNIX_STREAM;
	CHECK(!kind->read(&one->image, NULL, &all, true));
	*type = OS_UNIX_SEQPACKET;
	CHECK(kind->read(&one->image, NULL, &all, true) && !kind->whole(one, &all, NULL));
	*type = OS_UNIX_DATAGRAM;
	CHECK(kind->whole(one, &all, NULL));
	CHECK_EQ(contents_append(&one->contents, "\x09\0\0\0ab", 6), 0);
	CHECK(!kind->whole(one, &all, NULL) && !kind->whole(&all.description[2], &all, NULL));
	descriptions_free(&all);
	for (int end = 0; end < 2; end++) {
		close(pair[end]);
		close(other[end]);
	}
}

/* Ends of a connection by name: both have one name, which comes before the messages. */
static void test_connection(void)
{
	const struct kind *kind = &kind_unix_connection;
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = &all };
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/dvs-kind-pair-XXXXXX";
	int end[2] = { -1, socket(AF_UNIX, SOCK_SEQPACKET, 0) };
	int server = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	why = REFUSAL_NONE;
	CHECK(mkdtemp(folder));
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/name", folder);
	CHECK(bind(server, (const struct sockaddr *)&name, sizeof(name)) == 0 &&
	      listen(server, 5) == 0 &&
	      connect(end[1], (const struct sockaddr *)&name, sizeof(name)) == 0);
	end[0] = accept(server, NULL, NULL);
	close(server);
	unlink(name.sun_path);
	rmdir(folder);
	CHECK_EQ(send(end[1], "ab", 2, 0), 2);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(found_add(&found, IMAGE_DESCRIPTION_UNIX_CONNECTION, end[i], LINK), 1);
	for (int i = 0; i < 2; i++)
		CHECK(kind->check(getpid(), &all, &all.description[i], &why) == 0 &&
		      kind->write(&frozen, &all.description[i], &why) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(kind->read(&all.description[i].image, NULL, &all, true) &&
		      kind->whole(&all.description[i], &all, NULL));
	CHECK_EQ(all.description[0].contents.length, 4 + strlen(name.sun_path) + 4 + 4 + 2);
	/* From outside: another name, or none. */
	all.description[1].contents.bytes[4] = 'x';
	CHECK(!kind->whole(&all.description[0], &all, NULL));
	contents_free(&all.description[1].contents);
	CHECK(!kind->whole(&all.description[0], &all, NULL) &&
	      !kind->whole(&all.description[1], &all, NULL));
	descriptions_free(&all);
	close(end[0]);
	close(end[1]);
}

/* The shell makes the pair with the ids that the maker had, and then takes its own again. */
static void test_made(void)
{
	struct {
		uint32_t owner, other, flags, send_bytes, receive_bytes, uid, gid;
	} body = { .owner = 1, .send_bytes = 100, .receive_bytes = 100, .uid = NOBODY, .gid = 7 };
	struct image_description image = { .id = 1, .kind = IMAGE_DESCRIPTION_UNIX_STREAM };

	restore_begin();
	memcpy(image.body, &body, sizeof(body));
	CHECK(kind_unix_stream.read(&image, NULL, NULL, true));
	struct description *description = descriptions_add(&restore->picture.tables->descriptions,
							   &image, kind_of(image.kind));

	restore->picture.process.opener.group_count = 3;
	CHECK(restore_listed(kind_unix_stream.open(restore, description, &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_setgroups)->arg[0], 3);
	CHECK_EQ(restore_call(1, SYS_setresgid)->arg[1], 7);
	CHECK_EQ(restore_call(2, SYS_setresuid)->arg[1], NOBODY);
	CHECK_EQ(restore_call(3, SYS_socketpair)->arg[0], AF_UNIX);
	CHECK_EQ(restore_call(4, SYS_setresuid)->arg[1], 0);
	CHECK_EQ(restore_call(5, SYS_setresgid)->arg[1], 0);
	CHECK_EQ(restore->calls.count, 6);
	restore_end();
}

int main(void)
{
	TEST(test_pair);
	TEST(test_refused);
	TEST(test_messages);
	TEST(test_connection);
	TEST(test_made);
	return test_end();
}
