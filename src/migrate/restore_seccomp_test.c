/* SPDX-License-Identifier: Apache-2.0 */
/* The list of calls that give the threads of a process its seccomp filters. */
#include "base/test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "migrate/restore_test.h"

static struct picture_thread threads[3];

static void add(struct picture_thread *thread, uint32_t flags, uint64_t code)
{
	struct picture *picture = &restore->picture;
	struct image_seccomp *filter = malloc(sizeof(*filter) + 8);

	picture->filter = realloc(picture->filter, (picture->filter_count + 1) * sizeof(filter));
	*filter = (struct image_seccomp){ flags, 1 };
	memcpy(filter + 1, &code, 8);
	picture->filter[picture->filter_count++] = filter;
	thread->filter_count++;
	thread->image.seccomp_count++;
	thread->image.seccomp_mode = SECCOMP_MODE_FILTER;
}

/* The leader has three; the others have so many of those. */
static void begin(uint32_t second, uint32_t third)
{
	restore_begin();
	memset(threads, 0, sizeof(threads));
	restore->picture.thread = threads;
	restore->picture.thread_count = 3;
	for (uint64_t code = 1; code <= 3; code++)
		add(&threads[0], code == 2 ? SECCOMP_FILTER_FLAG_LOG : 0, code);
	for (unsigned i = 1; i < 3; i++) {
		threads[i].filter_first = 3;
		threads[i].image.seccomp_count = threads[i].image.seccomp_common =
			i == 1 ? second : third;
	}
}

static void end(void)
{
	restore->picture.thread = NULL;
	restore->picture.thread_count = 0;
	restore_end();
}

static void is_install(uint32_t index, uint64_t flags, uint64_t code)
{
	const struct call *call = restore_call(index, SYS_seccomp);
	const struct sock_fprog *program = restore_data(call->arg[2]);
	uint64_t found;

	CHECK_EQ(call->arg[0], SECCOMP_SET_MODE_FILTER);
	CHECK_EQ(call->arg[1], flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	CHECK_EQ(program->len, 1);
	memcpy(&found, restore_data((uint64_t)program->filter), 8);
	CHECK_EQ(found, code);
}

/* Without a thread that can be suspended nothing is installed. */
static void test_cannot(void)
{
	begin(3, 3);
	CHECK(is_refusal(restore_seccomp(restore, &restore_refusal), &restore_refusal, EDVSPROCSTS,
			 "the target cannot suspend that"));
	CHECK_EQ(restore->calls.count, 0);
	end();
	restore_begin();
	memset(threads, 0, sizeof(threads));
	restore->picture.thread = threads;
	restore->picture.thread_count = 1;
	CHECK_EQ(restore_seccomp(restore, &restore_refusal), 0);
	end();
}

static void test_common(void)
{
	begin(3, 2);
	restore->threads.count = 0; /* none to be suspended */
	CHECK(restore_listed(restore_seccomp(restore, &restore_refusal)));
	CHECK_EQ(restore->calls.count, 2);
	is_install(0, SECCOMP_FILTER_FLAG_TSYNC, 1);
	is_install(1, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG, 2);
	restore->threads.count = 1;
	end();
	begin(3, 0);
	restore->threads.count = 0;
	CHECK_EQ(restore_seccomp(restore, &restore_refusal), 0);
	restore->threads.count = 1;
	end();
}

/* A filter that not all have is installed by each one that has it. */
static void test_own(void)
{
	begin(3, 2);
	add(&threads[2], 0, 4);
	restore_add_seccomp(restore, &threads[0]);
	restore_add_seccomp(restore, &threads[1]);
	restore_add_seccomp(restore, &threads[2]);
	CHECK_EQ(restore->calls.count, 3);
	is_install(0, 0, 3);
	is_install(1, 0, 3);
	is_install(2, 0, 4);
	end();
	begin(0, 0);
	threads[1].image.seccomp_mode = SECCOMP_MODE_STRICT;
	restore_add_seccomp(restore, &threads[1]);
	CHECK_EQ(restore->calls.count, 1);
	const struct call *call = restore_call(0, SYS_prctl);

	CHECK(call->arg[0] == PR_SET_SECCOMP && call->arg[1] == SECCOMP_MODE_STRICT);
	end();
}

int main(void)
{
	TEST(test_cannot);
	TEST(test_common);
	TEST(test_own);
	return test_end();
}
