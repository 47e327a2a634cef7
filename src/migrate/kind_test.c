/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kinds: the order in which they are asked, the node's own, and all that cannot be carried. */
#include "migrate/kind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "migrate/restore.h"
#include "os/inode.h"

#define OURS 77 /* the inode of the node's page */

static bool identify(void *ctx, uint64_t device, uint64_t inode, struct foreign_name *name)
{
	CHECK(ctx == NULL && device == 5);
	if (inode != OURS)
		return false;
	memset(name->bytes, 0xab, sizeof(name->bytes));
	return true;
}

static int find(const struct migrate_host *host, const char *link, uint64_t inode, int number,
		struct image_description *image, struct refusal *refusal)
{
	struct files files = { 0 };
	const struct os_status status = { .device = 5, .inode = inode };
	const struct kind_seen seen = { .pid = getpid(),
					.dir = -1,
					.number = number,
					.entry = "fd/x",
					.link = link,
					.status = &status,
					.socket = strncmp(link, "socket:[", 8) == 0 ? number : -1,
					.info = "",
					.files = &files,
					.host = host };

	*image = (struct image_description){ 0 };
	*refusal = REFUSAL_NONE;
	const struct kind *row = NULL;
	int r = kind_find(&seen, image, &row, refusal);

	files_free(&files);
	return r;
}

/* The node's own objects come first, whatever their links look like; the name that the host gave is the body. */
static void test_foreign(void)
{
	const struct migrate_host knows = { .identify = identify }, nothing = { 0 };
	struct image_description image;
	struct refusal refusal;

	CHECK_EQ(find(&knows, "anon_inode:[fanotify]", OURS, 3, &image, &refusal), 0);
	CHECK_EQ(image.kind, IMAGE_DESCRIPTION_FOREIGN);
	for (size_t i = 0; i < IMAGE_BODY_BYTES; i++)
		CHECK_EQ(image.body[i], i < sizeof(struct foreign_name) ? 0xab : 0);
	CHECK_EQ(kind_foreign.shared, KIND_SHARE_FREE);
	CHECK(kind_foreign.read(&image, NULL, NULL, true));
	CHECK_EQ(find(&knows, "anon_inode:[fanotify]", OURS + 1, 3, &image, &refusal), EDVSPROCSTS);
	CHECK_EQ(find(&nothing, "anon_inode:[fanotify]", OURS, 3, &image, &refusal), EDVSPROCSTS);
}

static int opened;

static int open_one(void *ctx, const struct foreign_name *name)
{
	CHECK(ctx == &opened);
	CHECK(name->bytes[0] == 0xab && name->bytes[31] == 0xcd);
	return opened;
}

/* The target's host opens the object of that name. */
static void test_foreign_opened(void)
{
	const struct migrate_host host = { .open = open_one, .ctx = &opened };
	struct restore *restore = calloc(1, sizeof(*restore));
	struct description description = { .image.body = { 0xab, [31] = 0xcd } };
	struct refusal refusal = REFUSAL_NONE;

	CHECK_OR_RETURN(restore);
	restore->host = &host;
	opened = 12;
	CHECK_EQ(kind_foreign.open(restore, &description, &refusal), 12);
	CHECK_EQ(refusal.error, 0);
	opened = -ENOENT;
	CHECK(is_refusal(kind_foreign.open(restore, &description, &refusal), &refusal, EDVSPROCSTS,
			 "the target has no page or pipe"));
	free(restore);
}

/* Links that are no paths, by the name people know. */
static void test_refused(void)
{
	static const struct {
		const char *link, *name;
	} known[] = {
		{ "anon_inode:[fanotify]", "has a fanotify group open (descriptor 9)" },
		{ "anon_inode:[io_uring]", "an io_uring" },
		{ "anon_inode:[perf_event]", "a perf event" },
		{ "anon_inode:[userfaultfd]", "a userfaultfd" },
		{ "anon_inode:bpf-map", "a BPF object" },
		{ "anon_inode:[landlock-ruleset]", "a Landlock ruleset" },
		{ "anon_inode:seccomp notify", "a seccomp listener" },
		{ "anon_inode:[of-tomorrow]", "a kernel object" },
		{ "(unreachable)/some/file", "a file that lies outside its root directory" },
		{ "/SYSV00000000 (deleted)", "a System V shared memory segment" },
		{ "socket:[9]", "a socket (TCP, UDP or another kind)" }, /* closed by now */
		{ "something:[9]", "a kernel object" },
	};
	const struct migrate_host nothing = { 0 };
	struct image_description image;
	struct refusal refusal;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		int r = find(&nothing, known[i].link, 1, known[i].link[0] == 's' ? 9999 : 9, &image,
			     &refusal);

		CHECK(is_refusal(r, &refusal, EDVSPROCSTS, known[i].name));
		CHECK(strstr(refusal.reason, "cannot move to another node"));
		CHECK_EQ(image.kind, 0);
	}
}

/* A socket that is open says which kind it is. */
static void test_socket(void)
{
	const struct migrate_host nothing = { 0 };
	struct image_description image;
	struct refusal refusal;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 16); /* NETLINK_GENERIC */

	CHECK(fd >= 0);
	CHECK(is_refusal(find(&nothing, "socket:[1]", 1, fd, &image, &refusal), &refusal,
			 EDVSPROCSTS, "netlink"));
	close(fd);
}

/* An image can have the carried kinds only; a record of another one finds no row. */
static void test_rows(void)
{
	CHECK(kind_of(IMAGE_DESCRIPTION_FILE) == &kind_file);
	CHECK(kind_of(IMAGE_DESCRIPTION_FOREIGN) == &kind_foreign);
	CHECK(kind_of(IMAGE_DESCRIPTION_EVENTFD) == &kind_eventfd);
	CHECK(kind_of(IMAGE_DESCRIPTION_PIPE) == &kind_pipe);
	CHECK(kind_of(IMAGE_DESCRIPTION_TIMERFD) == &kind_timerfd);
	CHECK(kind_of(IMAGE_DESCRIPTION_EPOLL) == &kind_epoll);
	CHECK(kind_of(IMAGE_DESCRIPTION_UNIX_STREAM) == &kind_unix_stream);
	CHECK(kind_of(IMAGE_DESCRIPTION_INET_SOCKET) == &kind_inet_socket);
	CHECK(kind_of(IMAGE_DESCRIPTION_INET_CONNECTION) == &kind_inet_connection);
	CHECK(kind_of(IMAGE_DESCRIPTION_UNIX_MESSAGES) == &kind_unix_messages);
	CHECK(kind_of(IMAGE_DESCRIPTION_SIGNALFD) == &kind_signalfd);
	CHECK(kind_of(IMAGE_DESCRIPTION_UNIX_SOCKET) == &kind_unix_socket);
	CHECK(kind_of(IMAGE_DESCRIPTION_UNIX_CONNECTION) == &kind_unix_connection);
	CHECK(kind_of(IMAGE_DESCRIPTION_FIFO) == &kind_fifo);
	CHECK(!kind_of(IMAGE_DESCRIPTION_KINDS));
	for (uint32_t kind = 1; kind < IMAGE_DESCRIPTION_KINDS; kind++)
		CHECK(kind_of(kind) && kind_of(kind)->read && kind_of(kind)->open &&
		      !kind_of(kind)->share != !kind_of(kind)->shared && kind_of(kind)->name[0]);
}

int main(void)
{
	TEST(test_foreign);
	TEST(test_foreign_opened);
	TEST(test_refused);
	TEST(test_socket);
	TEST(test_rows);
	return test_end();
}
