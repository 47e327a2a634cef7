/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_IMAGE_THREAD_H
#define DVS_WIRE_IMAGE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* Records of a checkpoint image (wire/image.h) about one thread: its registers, rights and filters. */

#define IMAGE_THREADS_MAX      4096u
#define IMAGE_SECCOMP_MAX      8192u /* filters of one thread: the kernel allows a few less */
#define IMAGE_SECCOMP_CODE_MAX 4096u /* instructions of one filter: BPF_MAXINSNS */

struct image_credentials {
	uint32_t uid[4], gid[4]; /* real, effective, saved, file system */
	uint64_t inheritable, permitted, effective, bounding, ambient;
	uint32_t securebits;
	uint32_t no_new_privs;
	uint32_t group_count;
	uint32_t group[64];
	uint32_t pad;
};

/* The general registers in the order of user_regs_struct. */
struct image_registers {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax;
	uint64_t rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

enum image_thread_setting {
	IMAGE_THREAD_MCE_EARLY = 1, /* PR_MCE_KILL: told of a page that has failed at once, */
	IMAGE_THREAD_MCE_LATE = 2,  /* or when it touches it; neither: as the system says */
	IMAGE_THREAD_IO_FLUSHER = 4,
	IMAGE_THREAD_NO_CPUID = 8,
	IMAGE_THREAD_NO_TSC = 16,
	IMAGE_THREAD_SETTINGS_ALL = 31,
};

struct image_thread {
	int32_t tid; /* in the pid namespace; the first THREAD record is the leader's */
	int32_t parent_death_signal;
	char comm[16];
	struct image_registers registers;
	uint64_t blocked; /* signal mask */
	uint64_t altstack_sp, altstack_size;
	uint32_t altstack_flags;
	uint32_t rseq_size, rseq_signature, rseq_flags;
	uint64_t rseq_address;
	uint64_t robust_list, robust_length;
	uint64_t clear_child_tid;
	uint64_t timer_slack_ns;
	int32_t nice;
	uint32_t policy, priority;
	uint32_t sched_flags;
	uint64_t runtime, deadline, period;
	uint32_t ioprio;
	uint32_t affinity_bytes;
	uint8_t affinity[128];
	struct image_credentials credentials;
	uint32_t seccomp_mode;	 /* SECCOMP_MODE_* */
	uint32_t seccomp_count;	 /* filters */
	uint32_t seccomp_common; /* how many of those, the oldest, are the leader's oldest ones */
	uint32_t
		ended; /* 1: it is the leader, which has ended while others live; no XSTATE follows */
	uint32_t exit_code; /* of one that has ended */
	uint32_t settings;  /* enum image_thread_setting */
	/*
	 * The thread that has the descriptor table of this one first, and that which has its directories and its file
	 * mask first, by their numbers; 0: they are the process's. It may be this one: then a TABLE record is of it,
	 * or its directories and mask follow, as struct image_process has them, else 0.
	 */
	int32_t table, place;
	uint32_t cwd_file, root_file, umask;
	uint32_t pad;
};

/* A descriptor table that is not the process's: the records of its descriptors follow. */
struct image_table {
	int32_t tid; /* of the thread that has it first */
	uint32_t fd_count;
};

/*
 * Payload of SECCOMP: this, then count instructions of eight bytes. A filter of the THREAD record before it, the
 * oldest first; those that it has in common with the leader are left out.
 */
struct image_seccomp {
	uint32_t flags; /* SECCOMP_FILTER_FLAG_* */
	uint32_t count;
};

_Static_assert(sizeof(struct image_credentials) == 344, "layout");
_Static_assert(sizeof(struct image_registers) == 216, "layout");
_Static_assert(sizeof(struct image_table) == 8, "layout");
_Static_assert(sizeof(struct image_thread) == 888, "layout");
_Static_assert(sizeof(struct image_seccomp) == 8, "layout");

/* Whether the payload makes sense by itself, as in wire/image.h. */
bool image_thread_ok(const struct image_thread *thread);
bool image_table_ok(const struct image_table *table);
bool image_seccomp_ok(const struct image_seccomp *seccomp, uint32_t length);

#endif
