/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_CALLS_H
#define DVS_MIGRATE_CALLS_H

#include "base/refusal.h"
#include "migrate/blob/list.h"
#include "migrate/tracee.h"

/*
 * Foothold: the pages of ours inside another process, code and list, and the way they got there.
 * It is made with a borrowed tracee and works for every thread of that process.
 */
struct foothold {
	struct remote_ptr base;
	struct remote_ptr vdso_syscall; /* a system call instruction that is not ours */
};

#define FOOTHOLD_CODE_BYTES 4096u
#define FOOTHOLD_LIST_BYTES (252u * 1024u)
#define FOOTHOLD_BYTES	    (FOOTHOLD_CODE_BYTES + FOOTHOLD_LIST_BYTES)

/* Finds a system call instruction in the vdso, which lies at [start, start + bytes). */
int foothold_find_syscall(pid_t pid, uint64_t start, uint64_t bytes, struct remote_ptr *found);

/* Maps it at `at`, which must be free, or anywhere if `at` is 0; vdso_syscall must be set. */
int foothold_open(struct foothold *foothold, struct tracee *tracee, uint64_t at);

/* Unmaps it again; nothing of it is left in the process. */
int foothold_close(struct foothold *foothold, struct tracee *tracee);

struct remote_ptr foothold_code(const struct foothold *foothold);
struct remote_ptr foothold_syscall(const struct foothold *foothold);

/*
 * Calls: a list of system calls collected here and executed over there in one stop.
 *
 *	calls_begin(&calls, foothold, tracee);
 *	calls_room(&calls, 2, bytes);                   runs what is collected if that would not fit
 *	path = calls_put(&calls, name, strlen(name) + 1);
 *	calls_add(&calls, "open the file", CALL_OK, SYS_openat, AT_FDCWD, path, O_RDONLY);
 *	...
 *	result = calls_run(&calls);
 *
 * calls_put() and calls_space() return an address over there. calls_at() returns the address of the copy here, which
 * holds the answers after calls_run() until the next call is added.
 */
#define CALLS_MAX 1024u

/* calls_run(): a call was refused by the kernel; see failed_*. Beside enum tracee_result. */
#define CALLS_E_FAILED 100

struct calls {
	const struct foothold *foothold;
	struct tracee *tracee;
	uint8_t *buffer; /* FOOTHOLD_LIST_BYTES, owned */
	uint32_t count;
	size_t top; /* data lies in [top, FOOTHOLD_LIST_BYTES) */
	int error;  /* of a run that calls_room() made: returned by the next calls_run() */
	bool ran;   /* the contents are those of the last run, */
	int result; /* which gave this; a run of nothing more gives it again */
	const char *what[CALLS_MAX];
	const char *failed_what; /* not owned: literals */
	uint64_t failed_number;
	int64_t failed_result;
};

/* -ENOMEM, or 0. */
int calls_init(struct calls *calls);
void calls_deinit(struct calls *calls);
void calls_begin(struct calls *calls, const struct foothold *foothold, struct tracee *tracee);

/* Makes room for so many more calls and bytes of data; bytes at most 64 KiB. */
void calls_room(struct calls *calls, uint32_t count, size_t bytes);
struct remote_ptr calls_put(struct calls *calls, const void *data, size_t bytes);
struct remote_ptr calls_space(struct calls *calls, size_t bytes);
void *calls_at(struct calls *calls, struct remote_ptr address);

/* Arguments are converted to uint64_t; missing ones are 0. The text is as "map the file". */
#define calls_add(calls, what, mode, number, ...) \
	calls_append(calls, what, mode, 0, number, (const uint64_t[6]){ __VA_ARGS__ })
#define calls_expect(calls, what, expect, number, ...) \
	calls_append(calls, what, CALL_EXACT, expect, number, (const uint64_t[6]){ __VA_ARGS__ })
uint32_t calls_append(struct calls *calls, const char *what, unsigned mode, int64_t expect,
		      long number, const uint64_t args[6]);

/* After calls_run(): the result of the call that calls_add() returned as index. */
int64_t calls_result(const struct calls *calls, uint32_t index);

int calls_run(struct calls *calls);

/* Turns a result of calls_run() or of a tracee into a refusal about the process. */
int calls_refuse(const struct calls *calls, int r, const char *whose, struct refusal *refusal);

#endif
