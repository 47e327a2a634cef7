/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter is a list of instructions that the kernel keeps as it was given, and threads hold a chain of them. Threads
 * whose filters were installed for all of them at once (TSYNC) hold the same chain, and only such threads can be given
 * another one together. Nobody can see whether two chains are one or merely equal, so equal ones are taken for one.
 */
#include "migrate/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/ended.h"
#include "migrate/stream.h"
#include "os/kernel.h"

_Static_assert(sizeof(struct sock_filter) == 8, "as image_seccomp has it");

void seccomp_free(struct seccomp *seccomp)
{
	for (uint32_t i = 0; i < seccomp->count; i++)
		free(seccomp->filter[i]);
	free(seccomp->filter);
	*seccomp = (struct seccomp){ 0 };
}

int seccomp_suspend(struct tracee *tracee, struct inventory *inventory, struct refusal *refusal)
{
	char name[48];

	assert(tracee->held && tracee->stopped);
	int r = trace_suspend_seccomp(tracee->tid);

	if (r == 0)
		return 0;
	snprintf(name, sizeof(name), "task/%d/status", (int)tracee->tid);
	int read = procdir_read(inventory->dir, name, &inventory->text);

	if (read < 0)
		return ended_refuse(inventory->dir, read, "status of a thread", refusal);
	if (!procdir_number(inventory->text.text, "Seccomp", 10, 0)) {
		read = trace_exit_kill(tracee->tid);
		return read < 0 ? ended_refuse(inventory->dir, read, "thread", refusal) : 0;
	}
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process runs under seccomp, and its filters cannot be suspended "
			   "for the move (the daemon needs CAP_SYS_ADMIN, no filter of its own, "
			   "and a kernel with CONFIG_CHECKPOINT_RESTORE): %s",
			   strerror(-r));
}

/* A filter that may leave a decision to another program, which waits for it at a descriptor. */
static bool asks(const struct image_seccomp *filter)
{
	const struct sock_filter *code = (const void *)(filter + 1);

	for (uint32_t i = 0; i < filter->count; i++) {
		if (code[i].code == (BPF_RET | BPF_A))
			return true; /* it may answer anything */
		if (code[i].code == (BPF_RET | BPF_K) &&
		    (code[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
			return true;
	}
	return false;
}

static int append(struct seccomp *seccomp, struct image_seccomp *filter)
{
	if (seccomp->count == IMAGE_SECCOMP_MAX)
		return -E2BIG;
	if (seccomp->count == seccomp->capacity) {
		uint32_t capacity = seccomp->capacity ? seccomp->capacity * 2 : 4;
		struct image_seccomp **bigger =
			realloc(seccomp->filter, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		seccomp->filter = bigger;
		seccomp->capacity = capacity;
	}
	assert(seccomp->count < seccomp->capacity);
	seccomp->filter[seccomp->count++] = filter;
	return 0;
}

/* The next one: 0, -ENOENT: there are no more, or a negative errno. */
static int read_next(struct seccomp *seccomp, pid_t tid)
{
	uint32_t number = seccomp->count;
	int count = trace_seccomp_filter(tid, number, NULL);

	if (count < 0)
		return count;
	if (!count || count > (int)IMAGE_SECCOMP_CODE_MAX)
		return -E2BIG;
	struct image_seccomp *filter = malloc(sizeof(*filter) + (size_t)count * 8);

	if (!filter)
		return -ENOMEM;
	uint64_t flags = 0;
	int r = trace_seccomp_filter(tid, number, filter + 1);

	if (r >= 0)
		r = trace_seccomp_flags(tid, number, &flags);
	*filter = (struct image_seccomp){ (uint32_t)flags, (uint32_t)count };
	if (r == 0)
		r = append(seccomp, filter);
	if (r < 0)
		free(filter);
	return r;
}

int seccomp_read(struct seccomp *seccomp, pid_t tid, int32_t vtid, uint32_t mode,
		 struct refusal *refusal)
{
	int r = 0;

	assert(seccomp->count == 0);
	if (mode != SECCOMP_MODE_FILTER)
		return 0;
	while (r == 0)
		r = read_next(seccomp, tid);
	if (r != -ENOENT)
		return refusal_set(refusal, EDVSPROCSTS,
				   "seccomp filter %u of thread %d cannot be read: %s",
				   seccomp->count, (int)vtid, strerror(-r));
	for (uint32_t i = 0; i < seccomp->count; i++)
		if (asks(seccomp->filter[i]))
			return refusal_set(
				refusal, EDVSPROCSTS,
				"thread %d has a seccomp filter whose decisions another "
				"program may take (SECCOMP_RET_USER_NOTIF), which is not "
				"carried",
				(int)vtid);
	return 0;
}

uint32_t seccomp_common(const struct seccomp *a, const struct seccomp *b)
{
	uint32_t most = a->count < b->count ? a->count : b->count, common = 0;

	while (common < most &&
	       memcmp(a->filter[common], b->filter[common], sizeof(struct image_seccomp)) == 0 &&
	       memcmp(a->filter[common] + 1, b->filter[common] + 1, a->filter[common]->count * 8) ==
		       0)
		common++;
	return common;
}

void seccomp_send(const struct seccomp *seccomp, uint32_t first, struct writer *writer)
{
	for (uint32_t i = first; i < seccomp->count; i++)
		writer_put(writer, IMAGE_SECCOMP, seccomp->filter[i],
			   sizeof(struct image_seccomp) + seccomp->filter[i]->count * 8);
}
