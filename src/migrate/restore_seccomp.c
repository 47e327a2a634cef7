/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters that all threads have in common are installed by the leader for all of them at once, so that they are one
 * chain afterwards and the program can go on to do so. The rest is each thread's own. All that is done while the shell
 * has its rights: a filter that a program with rights has installed must not take those of setuid programs away
 * (no_new_privs), which installing without them needs. The filters are suspended until the threads are let go.
 */
#include "migrate/restore.h"

#include <assert.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kernel.h"

static uint32_t in_common(const struct picture *picture)
{
	uint32_t common = picture->thread[0].filter_count;

	for (uint32_t i = 1; i < picture->thread_count; i++)
		if (picture->thread[i].image.seccomp_common < common)
			common = picture->thread[i].image.seccomp_common;
	return common;
}

/* The kernel counts one that was not slowed down for speculation as its settings say, which are checked. */
static void add_filter(struct restore *restore, const struct image_seccomp *filter, bool for_all)
{
	struct calls *calls = &restore->calls;
	struct sock_fprog program = { .len = (uint16_t)filter->count };
	uint64_t flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW |
			 (filter->flags & SECCOMP_FILTER_FLAG_LOG) |
			 (for_all ? SECCOMP_FILTER_FLAG_TSYNC : 0);

	calls_room(calls, 1, sizeof(program) + filter->count * 8);
	program.filter = (void *)calls_put(calls, filter + 1, filter->count * 8).at;
	struct remote_ptr address = calls_put(calls, &program, sizeof(program));

	calls_expect(calls, "install its seccomp filters", 0, SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		     flags, address.at);
}

int restore_seccomp(struct restore *restore, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;
	uint32_t common = in_common(picture);

	assert(picture->thread_count); /* picture_complete() saw to it */
	bool any = false;

	for (uint32_t i = 0; i < picture->thread_count; i++)
		any = any || picture->thread[i].image.seccomp_mode;
	for (uint32_t i = 0; i < restore->threads.count && any; i++) {
		int r = trace_suspend_seccomp(restore->threads.tracee[i].tid);

		if (r < 0)
			return refusal_set(refusal, EDVSPROCSTS,
					   "the process runs under seccomp, and the target cannot "
					   "suspend that while it is made: %s",
					   strerror(-r));
	}
	if (!common)
		return 0;
	calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
	for (uint32_t i = 0; i < common; i++)
		add_filter(restore, picture->filter[i], picture->thread_count > 1);
	return restore_run(restore, refusal);
}

void restore_add_seccomp(struct restore *restore, const struct picture_thread *thread)
{
	const struct picture *picture = &restore->picture;
	bool leads = thread == &picture->thread[0];

	assert(picture->thread[0].filter_first == 0);
	for (uint32_t i = in_common(picture); i < thread->image.seccomp_common; i++)
		add_filter(restore, picture->filter[i], false);
	for (uint32_t i = leads ? in_common(picture) : 0; i < thread->filter_count; i++)
		add_filter(restore, picture->filter[thread->filter_first + i], false);
	if (thread->image.seccomp_mode != SECCOMP_MODE_STRICT)
		return;
	calls_room(&restore->calls, 1, 0);
	calls_add(&restore->calls, "enter seccomp's strict mode", CALL_OK, SYS_prctl,
		  PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
}
