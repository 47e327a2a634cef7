/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "migrate/kind.h"
#include "migrate/restore_test.h"

#define NUMBER 5

static void begin(bool async)
{
	const struct image_description image = { .id = 1,
						 .kind = IMAGE_DESCRIPTION_EVENTFD,
						 .flags = O_RDWR | O_NONBLOCK };
	const struct image_fd fd = { .number = NUMBER, .description = 1 };
	const struct image_owner owner = {
		.number = NUMBER, .type = IMAGE_OWNER_GROUP, .vpid = 9, .signal = 40, .async = async
	};

	restore_begin();
	CHECK(descriptions_add(&restore->picture.tables->descriptions, &image,
			       kind_of(image.kind)));
	CHECK_EQ(descriptors_append(&restore->picture.descriptors, &fd), 0);
	CHECK_EQ(owners_append(&restore->picture.descriptors.owners, &owner), 0);
}

static void test_calls(void)
{
	begin(true);
	CHECK(restore_listed(restore_owners(restore, &restore_refusal)));
	const struct call *call = restore_call(0, SYS_fcntl);

	CHECK(call->arg[0] == NUMBER && call->arg[1] == F_SETSIG && call->arg[2] == 40);
	call = restore_call(1, SYS_fcntl);
	const struct f_owner_ex *owner = restore_data(call->arg[2]);

	CHECK(call->arg[1] == F_SETOWN_EX && owner->type == F_OWNER_PGRP && owner->pid == 9);
	call = restore_call(2, SYS_fcntl);
	CHECK(call->arg[1] == F_SETFL && call->arg[2] == (O_RDWR | O_NONBLOCK | O_ASYNC));
	restore_end();
	begin(false);
	CHECK(restore_listed(restore_owners(restore, &restore_refusal)));
	CHECK_EQ(restore->calls.count, 2);
	restore_end();
}

static pid_t asked;

static pid_t task(const void *ctx, int32_t vtid)
{
	CHECK(ctx == &asked);
	asked = vtid;
	return getpid();
}

/* A description that was taken over is the source's until the move is decided. */
static void test_taken_over(void)
{
	begin(true);
	struct description *description = &restore->picture.tables->descriptions.description[0];
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	description->is_taken_over = true;
	CHECK_EQ(restore_owners(restore, &restore_refusal), 0);
	CHECK_EQ(restore->calls.count, 0);
	restore->pid = getpid();
	restore->picture.descriptors.fd[0].number = fd;
	restore->picture.descriptors.owners.owner[0].number = fd;
	restore->picture.descriptors.owners.owner[0].type = IMAGE_OWNER_PROCESS;
	restore_owners_late(restore, task, &asked);
	CHECK_EQ(asked, 9);
	CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
	close(fd);
	restore_end();
}

int main(void)
{
	TEST(test_calls);
	TEST(test_taken_over);
	return test_end();
}
