/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal of this very process, read as that of another and made anew with another number. */
#include "migrate/kind.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/found_test.h"
#include "migrate/restore_terminal.h"
#include "os/socket.h"

enum {
	MASTER,
	SLAVE,
	ENDS
};

static struct tables tables;
static struct restore_terminals terminals;
static struct refusal refusal;
static int end[ENDS];

static struct description *description_of(int which)
{
	return &tables.descriptions.description[which];
}

static const struct kind *row_of(int which)
{
	return which == MASTER ? &kind_terminal_master : &kind_terminal;
}

static int add(int which, int fd)
{
	const struct found found = { .all = &tables.descriptions, .refusal = &refusal };

	return which == MASTER
		       ? found_add(&found, IMAGE_DESCRIPTION_TERMINAL_MASTER, fd, "/dev/ptmx")
		       : found_add(&found, IMAGE_DESCRIPTION_TERMINAL, fd, "/dev/pts/N");
}

static void begin(void)
{
	refusal = REFUSAL_NONE;
	end[MASTER] = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(end[MASTER] >= 0 && unlockpt(end[MASTER]) == 0);
	end[SLAVE] = open(ptsname(end[MASTER]), O_RDWR | O_NOCTTY | O_NONBLOCK);
	CHECK(end[SLAVE] >= 0);
}

static void finish(void)
{
	restore_terminals_close(&terminals);
	tables_free(&tables);
	os_close(end[MASTER]);
	os_close(end[SLAVE]);
}

static int check(int which)
{
	return row_of(which)->check(getpid(), &tables.descriptions, description_of(which),
				    &refusal);
}

static int complete(void)
{
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = &tables.descriptions };

	contents_free(&description_of(MASTER)->contents);
	return kind_terminal_master.write(&frozen, description_of(MASTER), &refusal);
}

static void test_both(void)
{
	struct restore *restore = calloc(1, sizeof(*restore));
	char got[32];

	begin();
	CHECK(add(MASTER, end[MASTER]) == 1 && add(SLAVE, end[SLAVE]) == 1);
	CHECK(check(MASTER) == 0 && check(SLAVE) == 0);
	CHECK_EQ(write(end[MASTER], "line\n", 5), 5);
	CHECK_EQ(complete(), 0);
	for (int i = 0; i < ENDS; i++) {
		const struct descriptions none = { 0 };

		CHECK(row_of(i)->read(&description_of(i)->image, NULL, &none, true));
		CHECK(row_of(i)->whole(description_of(i), &tables.descriptions, NULL));
	}
	struct terminal_master body = terminals_read_master(&description_of(MASTER)->image);
	struct terminal_slave slave = terminals_read_slave(&description_of(SLAVE)->image);

	/* The number is taken as long as the source has it. */
	restore->picture.tables = &tables;
	restore->terminals = &terminals;
	restore->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(kind_terminal_master.open(restore, description_of(MASTER), &refusal) < 0);
	CHECK(strstr(refusal.reason, "is taken on the target"));
	restore_terminals_close(&terminals);
	refusal_clear(&refusal);
	slave.number = ++body.number;
	memcpy(description_of(MASTER)->image.body, &body, sizeof(body));
	memcpy(description_of(SLAVE)->image.body, &slave, sizeof(slave));
	int reader = kind_terminal.open(restore, description_of(SLAVE), &refusal);
	int writer = kind_terminal_master.open(restore, description_of(MASTER), &refusal);

	CHECK(reader >= 0 && writer >= 0);
	CHECK(read(reader, got, sizeof(got)) == 5 && memcmp(got, "line\n", 5) == 0);
	CHECK(read(writer, got, sizeof(got)) == 6 && memcmp(got, "line\r\n", 6) == 0);
	CHECK(read(end[SLAVE], got, sizeof(got)) == 5); /* the source has it still */
	os_close(reader);
	os_close(writer);
	os_close(restore->root);
	free(restore);
	finish();
}

/* An end that no process has which moves. */
static void test_alone(void)
{
	begin();
	CHECK(add(MASTER, end[MASTER]) == 1 && check(MASTER) < 0);
	CHECK(strstr(refusal.reason, "no process that moves"));
	refusal_clear(&refusal);
	tables_free(&tables);
	CHECK(add(SLAVE, end[SLAVE]) == 1);
	CHECK(kind_terminal.check(getpid(), &tables.descriptions, description_of(0), &refusal) < 0);
	CHECK(strstr(refusal.reason, "other end does not move"));
	refusal_clear(&refusal);
	tables_free(&tables);
	close(end[SLAVE]);
	end[SLAVE] = -1;
	CHECK(add(MASTER, end[MASTER]) == 1 && check(MASTER) == 0);
	finish();
}

static void test_hung_up(void)
{
	begin();
	close(end[MASTER]);
	end[MASTER] = -1;
	CHECK_EQ(add(SLAVE, end[SLAVE]), 1);
	CHECK_EQ(terminals_read_slave(&description_of(0)->image).kind, TERMINAL_SLAVE_HUNG_UP);
	CHECK_EQ(kind_terminal.check(getpid(), &tables.descriptions, description_of(0), &refusal),
		 0);
	CHECK(kind_terminal.whole(description_of(0), &tables.descriptions, NULL));
	finish();
}

static void test_damaged(void)
{
	const struct descriptions none = { 0 };

	begin();
	CHECK(add(MASTER, end[MASTER]) == 1 && add(SLAVE, end[SLAVE]) == 1);
	CHECK_EQ(complete(), 0);
	struct image_description image = description_of(MASTER)->image;
	struct terminal_master body = terminals_read_master(&image);

	CHECK(!kind_terminal_master.read(&image, NULL, &tables.descriptions, true)); /* twice */
	body.flags = TERMINAL_FLAGS + 1;
	memcpy(image.body, &body, sizeof(body));
	CHECK(!kind_terminal_master.read(&image, NULL, &none, true));
	description_of(MASTER)->contents.length -= 4;
	contents_free(&description_of(MASTER)->contents);
	CHECK(!kind_terminal_master.whole(description_of(MASTER), &tables.descriptions, NULL));
	CHECK(!kind_terminal.whole(description_of(SLAVE), &none, NULL)); /* without its master */
	finish();
}

int main(void)
{
	int some = posix_openpt(O_RDWR | O_NOCTTY);

	if (some < 0 || close(some) || geteuid()) {
		test_skip("needs pseudo-terminals and root");
		return test_end();
	}
	TEST(test_both);
	TEST(test_alone);
	TEST(test_hung_up);
	TEST(test_damaged);
	return test_end();
}
