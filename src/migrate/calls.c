/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/calls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kernel.h"

#define VDSO_BYTES_MAX 65536u
#define DATA_BYTES_MAX 65536u
#define DATA_ALIGN     16u
#define ERROR_MAX      4095

int foothold_find_syscall(pid_t pid, uint64_t start, uint64_t bytes, struct remote_ptr *found)
{
	static const uint8_t instruction[] = { 0x0f, 0x05 };

	if (bytes > VDSO_BYTES_MAX)
		bytes = VDSO_BYTES_MAX;
	uint8_t *code = malloc(bytes);

	if (!code)
		return -ENOMEM;
	int r = trace_read(pid, start, code, bytes);

	if (r == 0) {
		uint8_t *at = memmem(code, bytes, instruction, sizeof(instruction));

		if (at)
			found->at = start + (uint64_t)(at - code);
		else
			r = -ENOEXEC;
	}
	free(code);
	return tracee_result(r);
}

struct remote_ptr foothold_code(const struct foothold *foothold)
{
	assert(foothold->base.at);
	return foothold->base;
}

struct remote_ptr foothold_syscall(const struct foothold *foothold)
{
	assert(foothold->base.at);
	return (struct remote_ptr){ foothold->base.at + (uint64_t)(blob_syscall - blob_code) };
}

static struct remote_ptr foothold_list(const struct foothold *foothold)
{
	assert(foothold->base.at);
	return (struct remote_ptr){ foothold->base.at + FOOTHOLD_CODE_BYTES };
}

static int map_pages(const struct foothold *foothold, struct tracee *tracee, uint64_t at,
		     uint64_t bytes, uint64_t rights, uint64_t flags, uint64_t *mapped)
{
	assert(bytes && bytes <= FOOTHOLD_BYTES);
	const uint64_t args[6] = {
		at, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS | flags, ~0ull, 0
	};
	int64_t result = 0;
	int r = tracee_syscall(tracee, foothold->vdso_syscall, SYS_mmap, args, &result);

	if (r)
		return r;
	if (result < 0 && result >= -ERROR_MAX)
		return (int)result;
	*mapped = (uint64_t)result;
	return 0;
}

/* A process that refuses writable code (PR_SET_MDWE) has code that it cannot write, which we can. */
static int map_apart(struct foothold *foothold, struct tracee *tracee, uint64_t at, uint64_t fixed)
{
	uint64_t list;
	int r = map_pages(foothold, tracee, at, FOOTHOLD_BYTES, PROT_READ | PROT_EXEC, fixed,
			  &foothold->base.at);

	if (r)
		return r;
	return map_pages(foothold, tracee, foothold_list(foothold).at, FOOTHOLD_LIST_BYTES,
			 PROT_READ | PROT_WRITE, MAP_FIXED, &list);
}

int foothold_open(struct foothold *foothold, struct tracee *tracee, uint64_t at)
{
	const uint64_t fixed = at ? MAP_FIXED_NOREPLACE : 0;
	const size_t bytes = (size_t)(blob_code_end - blob_code);

	assert(!foothold->base.at); /* else it would be left in the process */
	assert(foothold->vdso_syscall.at);
	int r = map_pages(foothold, tracee, at, FOOTHOLD_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
			  fixed, &foothold->base.at);
	bool apart = r == -EACCES;

	if (apart)
		r = map_apart(foothold, tracee, at, fixed);
	if (r == 0 && apart)
		r = trace_force(tracee->tid, foothold->base.at, blob_code, bytes);
	else if (r == 0)
		r = trace_write(tracee->tid, foothold->base.at, blob_code, bytes);
	if (r && foothold->base.at) {
		foothold_close(foothold, tracee);
		return tracee_result(r);
	}
	return r;
}

int foothold_close(struct foothold *foothold, struct tracee *tracee)
{
	const uint64_t args[6] = { foothold->base.at, FOOTHOLD_BYTES };
	int64_t unmapped = 0;

	if (!foothold->base.at)
		return 0;
	int r = tracee_syscall(tracee, foothold->vdso_syscall, SYS_munmap, args, &unmapped);

	if (r == 0)
		foothold->base.at = 0;
	return r ? r : (int)unmapped;
}

int calls_init(struct calls *calls)
{
	memset(calls, 0, sizeof(*calls));
	calls->buffer = malloc(FOOTHOLD_LIST_BYTES);
	return calls->buffer ? 0 : -ENOMEM;
}

void calls_deinit(struct calls *calls)
{
	free(calls->buffer);
	memset(calls, 0, sizeof(*calls));
}

static void reset(struct calls *calls)
{
	calls->count = 0;
	calls->top = FOOTHOLD_LIST_BYTES;
	calls->ran = false;
}

void calls_begin(struct calls *calls, const struct foothold *foothold, struct tracee *tracee)
{
	assert(calls->buffer);
	assert(foothold->base.at);
	assert(tracee->borrowed);
	calls->foothold = foothold;
	calls->tracee = tracee;
	calls->error = 0;
	calls->failed_what = NULL;
	reset(calls);
}

static size_t calls_end(const struct calls *calls, uint32_t count)
{
	assert(calls->count <= CALLS_MAX);
	return LIST_HEAD + (calls->count + count) * sizeof(struct call);
}

void calls_room(struct calls *calls, uint32_t count, size_t bytes)
{
	assert(bytes <= DATA_BYTES_MAX && count <= CALLS_MAX / 2);
	if (calls->ran)
		reset(calls);
	if (calls->count + count <= CALLS_MAX &&
	    calls_end(calls, count) + bytes + (count + 2) * DATA_ALIGN <= calls->top)
		return;
	int r = calls_run(calls);

	calls->error = r;
	reset(calls);
}

struct remote_ptr calls_space(struct calls *calls, size_t bytes)
{
	if (calls->ran)
		reset(calls);
	assert(calls->top >= bytes + DATA_ALIGN + calls_end(calls, 0));
	calls->top = (calls->top - bytes) & ~(size_t)(DATA_ALIGN - 1);
	memset(calls->buffer + calls->top, 0, bytes);
	return (struct remote_ptr){ foothold_list(calls->foothold).at + calls->top };
}

struct remote_ptr calls_put(struct calls *calls, const void *data, size_t bytes)
{
	struct remote_ptr address = calls_space(calls, bytes);

	memcpy(calls_at(calls, address), data, bytes);
	return address;
}

void *calls_at(struct calls *calls, struct remote_ptr address)
{
	size_t offset = address.at - foothold_list(calls->foothold).at;

	assert(offset < FOOTHOLD_LIST_BYTES);
	return calls->buffer + offset;
}

static struct call *call_at(const struct calls *calls, uint32_t index)
{
	return (struct call *)(calls->buffer + LIST_HEAD) + index;
}

uint32_t calls_append(struct calls *calls, const char *what, unsigned mode, int64_t expect,
		      long number, const uint64_t args[6])
{
	if (calls->ran)
		reset(calls);
	if (calls->count == CALLS_MAX) {
		/* Running early would lose the data that later calls refer to: they ask for room. */
		assert(calls->top == FOOTHOLD_LIST_BYTES);
		calls_room(calls, 1, 0);
	}
	assert(calls_end(calls, 1) <= calls->top);
	assert(mode <= CALL_EXACT);
	struct call *call = call_at(calls, calls->count);

	*call = (struct call){ .number = (uint64_t)number, .mode = mode, .expect = expect };
	memcpy(call->arg, args, sizeof(call->arg));
	calls->what[calls->count] = what;
	return calls->count++;
}

int64_t calls_result(const struct calls *calls, uint32_t index)
{
	assert(index < calls->count && calls->ran);
	return call_at(calls, index)->result;
}

/* Moves the used parts of the list, calls and data, between here and there. */
static int carry(struct calls *calls, bool back)
{
	size_t used = calls_end(calls, 0);
	size_t data = FOOTHOLD_LIST_BYTES - calls->top;
	uint64_t list = foothold_list(calls->foothold).at;
	pid_t pid = calls->tracee->tid;
	int r;

	if (back)
		r = trace_read(pid, list, calls->buffer, used);
	else
		r = trace_write(pid, list, calls->buffer, used);
	assert(used <= calls->top); /* calls and data do not meet */
	if (r || data == 0)
		return r;
	if (back)
		return trace_read(pid, list + calls->top, calls->buffer + calls->top, data);
	return trace_write(pid, list + calls->top, calls->buffer + calls->top, data);
}

int calls_run(struct calls *calls)
{
	struct list_head *head = (struct list_head *)calls->buffer;

	if (calls->error)
		return calls->error;
	if (calls->count == 0)
		return 0;
	if (calls->ran) /* a list runs once */
		return calls->result;
	*head = (struct list_head){ .count = calls->count };
	int r = carry(calls, false);

	if (r == 0)
		r = tracee_run(calls->tracee, foothold_code(calls->foothold),
			       foothold_list(calls->foothold));
	if (r == 0)
		r = carry(calls, true);
	if (r)
		return tracee_result(r);
	calls->ran = true;
	calls->result = head->done == calls->count  ? 0
			: head->done > calls->count ? TRACEE_E_STRAYED
						    : CALLS_E_FAILED;
	if (calls->result != CALLS_E_FAILED)
		return calls->result;
	calls->failed_what = calls->what[head->done];
	calls->failed_number = call_at(calls, (uint32_t)head->done)->number;
	calls->failed_result = call_at(calls, (uint32_t)head->done)->result;
	return calls->result;
}

int calls_refuse(const struct calls *calls, int r, const char *whose, struct refusal *refusal)
{
	assert(r);
	if (r == TRACEE_E_GONE)
		return refusal_set(refusal, EDVSSRCH, "%s has ended during the move", whose);
	if (r != CALLS_E_FAILED)
		return refusal_set(refusal, EDVSPROCSTS, "%s %s", whose, tracee_result_text(r));
	assert(calls->failed_what);
	int64_t error = calls->failed_result;

	if (error < 0 && error >= -ERROR_MAX)
		return refusal_set(refusal, EDVSPROCSTS, "%s could not %s: %s", whose,
				   calls->failed_what, strerror((int)-error));
	return refusal_set(refusal, EDVSPROCSTS, "%s could not %s: unexpected result %#llx", whose,
			   calls->failed_what, (unsigned long long)error);
}
