/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_BLOB_LIST_H
#define DVS_MIGRATE_BLOB_LIST_H

/*
 * A list of system calls as the blob executes it inside another process:
 *
 *	+-------+------+--------+--------+-- ... --+--------+ ... free ... +---------------------+
 *	| count | done | call 0 | call 1 |         | call n |              | data the calls use  |
 *	+-------+------+--------+--------+-- ... --+--------+ ... free ... +---------------------+
 *
 * Calls grow upwards, their data downwards. The blob writes each result into its call and the
 * number of finished calls into done; it stops with a breakpoint at the end, or after the first
 * call whose result its mode does not accept (then done < count).
 */
#define LIST_HEAD   16
#define LIST_COUNT  0
#define LIST_DONE   8
#define CALL_BYTES  80
#define CALL_NUMBER 0
#define CALL_ARG(n) (8 + 8 * (n))
#define CALL_RESULT 56
#define CALL_MODE   64
#define CALL_EXPECT 72

#define CALL_ANY   0 /* every result will do */
#define CALL_OK	   1 /* no error */
#define CALL_EXACT 2 /* exactly `expect` */

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct list_head {
	uint64_t count;
	uint64_t done;
};

struct call {
	uint64_t number;
	uint64_t arg[6];
	int64_t result;
	uint64_t mode;
	int64_t expect;
};

_Static_assert(sizeof(struct list_head) == LIST_HEAD, "layout");
_Static_assert(sizeof(struct call) == CALL_BYTES, "layout");
_Static_assert(offsetof(struct call, result) == CALL_RESULT, "layout");
_Static_assert(offsetof(struct call, expect) == CALL_EXPECT, "layout");

/* The code, as bytes to be copied into the other process; position-independent. */
extern const uint8_t blob_code[], blob_code_end[];
/* A system call instruction inside it. */
extern const uint8_t blob_syscall[];
#endif

#endif
