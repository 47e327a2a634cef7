/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of this very process, read as those of another one. */
#include "migrate/kind.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/found_test.h"
#include "migrate/restore_test.h"
#include "os/unix_pair.h"

static char folder[] = "/tmp/dvs-kind-unix-XXXXXX";
static struct sockaddr_un name = { .sun_family = AF_UNIX };
static struct descriptions all;
static const struct files no_files;
static struct refusal why;

static int find(int fd)
{
	const struct found found = { .all = &all, .refusal = &why };

	why = REFUSAL_NONE;
	return found_add(&found, IMAGE_DESCRIPTION_UNIX_SOCKET, fd, "socket:[1]");
}

static struct description *add(int fd)
{
	descriptions_free(&all);
	CHECK_EQ(find(fd), 1);
	return &all.description[0];
}

static int write_one(struct description *description)
{
	const struct kind_frozen frozen = { .pid = getpid(),
					    .descriptions = &all,
					    .files = &no_files };

	return kind_unix_socket.write(&frozen, description, &why);
}

static bool is_read(const struct description *one)
{
	return kind_unix_socket.read(&one->image, NULL, &all, true) &&
	       kind_unix_socket.whole(one, &all, NULL);
}

static int make(int type)
{
	int fd = socket(AF_UNIX, type, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s/name", folder);
	unlink(name.sun_path);
	CHECK_EQ(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void test_listener(void)
{
	int fd = make(SOCK_STREAM), client = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK_EQ(listen(fd, 5), 0);
	struct description *one = add(fd);

	CHECK(kind_unix_socket.check(getpid(), &all, one, &why) == 0 && write_one(one) == 0);
	CHECK(is_read(one));
	CHECK_EQ(one->contents.length, 4 + strlen(name.sun_path) + 4 + strlen(folder));
	CHECK_EQ(connect(client, (const struct sockaddr *)&name, sizeof(name)), 0);
	CHECK(is_refusal(write_one(one), &why, EDVSPROCSTS, "a connection waits"));
	close(client);
	close(fd);
}

static int meet(void)
{
	return kind_unix_socket.meet(&all, IMAGE_DESCRIPTION_UNIX_SOCKET, &why);
}

/* A datagram socket with something in it, and one that another process's is connected to. */
static void test_datagrams(void)
{
	int fd = make(SOCK_DGRAM), client = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct description *one = add(fd);

	CHECK_EQ(meet(), 0);
	CHECK_EQ(kind_unix_socket.check(getpid(), &all, one, &why), 0);
	CHECK_EQ(connect(client, (const struct sockaddr *)&name, sizeof(name)), 0);
	CHECK(is_refusal(meet(), &why, EDVSPROCSTS, "is connected to that"));
	CHECK_EQ(send(client, "x", 1, 0), 1);
	why = REFUSAL_NONE;
	uint32_t empty = one->contents.length;

	CHECK_EQ(write_one(one), 0);
	CHECK(one->contents.length > empty);
	CHECK(kind_unix_socket.whole(one, &all, NULL));
	one->contents.bytes[one->contents.length - 5] ^= 0x40; /* another length of a name */
	CHECK(!kind_unix_socket.whole(one, &all, NULL));
	close(client);
	close(fd);
}

static void test_refused(void)
{
	int fd = make(SOCK_STREAM), on = 1, pair[2];

	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &on, sizeof(on)), 0);
	CHECK(is_refusal(find(fd), &why, EDVSPROCSTS, "socket option number"));
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/../name", folder);
	CHECK_EQ(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	CHECK(is_refusal(find(fd), &why, EDVSPROCSTS, "with . or .."));
	unlink(name.sun_path);
	close(fd);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CHECK_EQ(find(pair[0]), 0); /* another kind */
	close(pair[0]);
	close(pair[1]);
}

/* From outside: names and folders that are none. */
static void test_read(void)
{
	int fd = make(SOCK_STREAM);
	struct description *one = add(fd);

	CHECK(write_one(one) == 0 && is_read(one));
	const struct image_description good = one->image;

	for (int field = 0; field < 3; field++) { /* type, flags, length of the name */
		memset(one->image.body + 4 * field, 0xff, 4);
		CHECK(!kind_unix_socket.read(&one->image, NULL, &all, true));
		one->image = good;
	}
	one->contents.bytes[4] = '\0'; /* no path, and a file */
	CHECK(!is_read(one));
	one->contents.bytes[4] = '/';
	CHECK(is_read(one));
	one->contents.bytes[4 + strlen(name.sun_path) + 4] = 'x';
	CHECK(!is_read(one));
	one->contents.bytes[4 + strlen(name.sun_path) + 4] = '/';
	CHECK_EQ(contents_append(&one->contents, "more", 4), 0);
	CHECK(!is_read(one));
	contents_free(&one->contents);
	CHECK(!is_read(one));
	close(fd);
}

/* The shell makes the socket: it tells of the process. */
static void test_made(void)
{
	struct {
		uint32_t type, rest[11];
	} body = { .type = OS_UNIX_DATAGRAM };
	struct image_description image = { .id = 1, .kind = IMAGE_DESCRIPTION_UNIX_SOCKET };

	restore_begin();
	memcpy(image.body, &body, sizeof(body));
	struct description *description = descriptions_add(&restore->picture.tables->descriptions,
							   &image, kind_of(image.kind));

	CHECK(is_read(description));
	CHECK(restore_listed(kind_unix_socket.open(restore, description, &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_socket)->arg[1], SOCK_DGRAM | SOCK_CLOEXEC);
	kind_unix_socket.decided(restore, description, false); /* which has no stage */
	restore_end();
}

int main(void)
{
	CHECK(mkdtemp(folder) != NULL);
	TEST(test_listener);
	TEST(test_datagrams);
	TEST(test_refused);
	TEST(test_read);
	TEST(test_made);
	descriptions_free(&all);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/name", folder);
	unlink(name.sun_path);
	rmdir(folder);
	return test_end();
}
