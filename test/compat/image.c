/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a checkpoint image. Each field has a value of its own; pages and shared pages stand without the pages
 * behind them.
 */

#include <errno.h>
#include <string.h>

#include "compat/compat.h"
#include "wire/image.h"

static const struct image_machine machine = { .magic = IMAGE_MAGIC,
					      .version = IMAGE_VERSION,
					      .page_bytes = IMAGE_PAGE,
					      .xfeatures = 2,
					      .xsave_bytes = 3,
					      .xoffset = { 4, 5 },
					      .xlength = { 6, 7 },
					      .cpu = { 8, 9 },
					      .vdso_hash = 10,
					      .boot_id = { 11, 12 },
					      .monotonic_ns = 13,
					      .boottime_ns = 14,
					      .monotonic_offset_ns = 15,
					      .boottime_offset_ns = 16 };
static const struct image_objects objects = { .magic = IMAGE_MAGIC,
					      .version = IMAGE_VERSION,
					      .file_count = 2,
					      .memory_count = 3,
					      .description_count = 4,
					      .member_count = 5 };
static const struct image_member member = { .vpid = 2,
					    .parent = 3,
					    .session = 4,
					    .group = 5,
					    .exit_signal = 6,
					    .ended = 1,
					    .status = 0x700 };
static const struct image_task task = {
	.vpid = 2,
	.thread_count = 3,
	.needs = 4,
	.map_count = 5,
	.special_count = 2,
	.special = { { .name = "vdso", .start = 0x7000, .length = 0x1000 },
		     { .name = "vvar", .start = 0x8000, .length = 0x2000 } },
	.comm = "comm",
	.huge_2m = 6,
	.huge_1g = 7,
	.memory_kb = 8
};
static const struct image_memory memory = { .id = 2, .bytes = 0x4000 };
static const struct image_process process = {
	.vpid = 2,
	.thread_count = 3,
	.map_count = 4,
	.fd_count = 5,
	.exe_file = 6,
	.umask = 7,
	.personality = 8,
	.dumpable = 9,
	.thp_disable = 10,
	.subreaper = 11,
	.memory_merge = 12,
	.lock_future = 13,
	.oom_score_adj = 14,
	.coredump_filter = 15,
	.membarrier = 16,
	.timer_count = 17,
	.cwd_file = 18,
	.root_file = 48,
	.refuse_exec_gain = 3,
	.special_count = 1,
	.stop_signal = 19,
	.news = IMAGE_NEWS_STOPPED,
	.frozen_ns = 19,
	.boottime_ns = 20,
	.cpu_owed_ns = 21,
	.bounds = { .start_code = 22,
		    .end_code = 23,
		    .start_data = 24,
		    .end_data = 25,
		    .start_brk = 26,
		    .brk = 27,
		    .start_stack = 28,
		    .arg_start = 29,
		    .arg_end = 30,
		    .env_start = 31,
		    .env_end = 32 },
	.rlimit = { { .current = 33, .maximum = 34 }, { .current = 35, .maximum = 36 } },
	.itimer = { { .interval_s = 37, .interval_us = 38, .value_s = 39, .value_us = 40 },
		    { .interval_s = 41, .interval_us = 42, .value_s = 43, .value_us = 44 } },
	.opener = { .uid = 45, .gid = 46, .effective = 47, .group_count = 2, .group = { 48, 49 } },
	.special = { { .name = "vdso", .start = 0x7000, .length = 0x1000 } }
};
static const struct image_map map = { .start = 0x1000,
				      .end = 0x2000,
				      .offset = 0x3000,
				      .kind = IMAGE_MAP_SHARED_ANON,
				      .flags = 2,
				      .object = 3,
				      .name = { 4, 5 },
				      .label = "label" };
static const struct image_description description = {
	.id = 2, .kind = IMAGE_DESCRIPTION_PIPE, .flags = 3, .body = { 4, 5 }
};
static const struct image_fd fd = { .number = 2, .description = 3, .cloexec = 1 };
static const struct image_owner owner = {
	.number = 2, .type = IMAGE_OWNER_PROCESS, .vpid = 3, .signal = 4, .async = 1
};
static const struct image_watch watch = { .number = 2, .mask = 3, .file = 4 };
static const struct image_lock lock = { .number = 2,
					.owner = IMAGE_LOCK_DESCRIPTION,
					.exclusive = 1,
					.awaited = 3,
					.start = 4,
					.length = 5 };
static const struct image_thread thread = { .tid = 2,
					    .parent_death_signal = 3,
					    .comm = "comm",
					    .registers = { .r15 = 4,
							   .r14 = 5,
							   .r13 = 6,
							   .r12 = 7,
							   .rbp = 8,
							   .rbx = 9,
							   .r11 = 10,
							   .r10 = 11,
							   .r9 = 12,
							   .r8 = 13,
							   .rax = 14,
							   .rcx = 15,
							   .rdx = 16,
							   .rsi = 17,
							   .rdi = 18,
							   .orig_rax = 19,
							   .rip = 20,
							   .cs = 21,
							   .eflags = 22,
							   .rsp = 23,
							   .ss = 24,
							   .fs_base = 25,
							   .gs_base = 26,
							   .ds = 27,
							   .es = 28,
							   .fs = 29,
							   .gs = 30 },
					    .blocked = 31,
					    .altstack_sp = 32,
					    .altstack_size = 33,
					    .altstack_flags = 34,
					    .rseq_size = 35,
					    .rseq_signature = 36,
					    .rseq_flags = 37,
					    .rseq_address = 38,
					    .robust_list = 39,
					    .robust_length = 40,
					    .clear_child_tid = 41,
					    .timer_slack_ns = 42,
					    .nice = 43,
					    .policy = 44,
					    .priority = 45,
					    .sched_flags = 46,
					    .runtime = 47,
					    .deadline = 48,
					    .period = 49,
					    .ioprio = 50,
					    .affinity_bytes = 51,
					    .affinity = { 52, 53 },
					    .credentials = { .uid = { 54, 55 },
							     .gid = { 56, 57 },
							     .inheritable = 58,
							     .permitted = 59,
							     .effective = 60,
							     .bounding = 61,
							     .ambient = 62,
							     .securebits = 63,
							     .no_new_privs = 64,
							     .group_count = 2,
							     .group = { 65, 66 } },
					    .seccomp_mode = 2,
					    .seccomp_count = 67,
					    .settings = IMAGE_THREAD_NO_TSC,
					    .table = 71,
					    .place = 2,
					    .cwd_file = 68,
					    .root_file = 69,
					    .umask = 70,
					    .seccomp_common = 66 };
static const struct image_table table = { .tid = 2, .fd_count = 3 };
static const struct image_thread ended = { .tid = 2, .ended = 1, .exit_code = 3 };
static const struct image_guard guard = { .start = 2, .end = 3 };
static const struct image_siginfo siginfo = { .shared = 2, .info = { 3, 4 } };
static const struct image_timer timer = { .id = 2,
					  .clock = 3,
					  .signal = 4,
					  .notify = 5,
					  .tid = 6,
					  .overrun = 7,
					  .value = 8,
					  .interval_s = 9,
					  .interval_ns = 10,
					  .remaining_s = 11,
					  .remaining_ns = 12 };
static const struct image_sigaction sigaction = {
	.handler = 2, .flags = 3, .restorer = 4, .mask = 5
};
static const struct image_record record = { .type = 2, .length = 3, .check = 4 };
static const struct image_end end = { .hash = 2 };
static const struct {
	struct image_file head;
	char tail[4];
} file = { { .device = 2,
	     .inode = 3,
	     .size = 4,
	     .mtime_s = 5,
	     .mtime_ns = 6,
	     .mode = 7,
	     .rdev = 8,
	     .use = IMAGE_FILE_MEMORY,
	     .build_id_length = 9,
	     .build_id = { 9, 10 },
	     .uid = 11,
	     .gid = 12,
	     .seals = 13,
	     .path_length = 4,
	     .id = 14,
	     .memory = 15 },
	   { '/', 'a', 'b', 'c' } };
static const struct {
	struct image_string_head head;
	char tail[4];
} string = { { .which = 2, .length = 4 }, { 't', 'a', 'b', 'c' } };
static const struct {
	struct image_contents head;
	char tail[4];
} contents = { { .description = 2, .length = 4 }, { 't', 'a', 'b', 'c' } };
static const struct image_sysv sysv = { .kind = 1,
					.id = 2,
					.key = 3,
					.mode = 4,
					.uid = 5,
					.gid = 6,
					.cuid = 7,
					.cgid = 8,
					.flags = IMAGE_SYSV_USED,
					.count = 9,
					.bytes = 10 };
static const struct image_message message = { .type = 2 };
static const struct {
	struct image_seccomp head;
	uint64_t code[2];
} seccomp = { { .flags = 2, .count = 2 }, { 3, 4 } };
static const struct image_pages pages = { .address = 0x5000, .count = 1 };
static const struct image_shared_pages shared_pages = { .memory = 2, .offset = 0x6000, .count = 1 };

/* The check of the product, then the value. */
#define READ(noun, ok)                                                                             \
	static int read_##noun(const struct compat_sample *sample, const uint8_t *buf, size_t len) \
	{                                                                                          \
		const __typeof__(noun) *got = (const void *)buf;                                   \
                                                                                                   \
		if (len != sizeof(*got))                                                           \
			return -EBADMSG;                                                           \
		return (ok) ? compat_compare(sample, got) : -EPROTO;                               \
	}

READ(machine, image_machine_ok(got))
READ(objects, image_objects_ok(got))
READ(member, image_member_ok(got))
READ(task, image_task_ok(got))
READ(memory, image_memory_ok(got))
READ(process, image_process_ok(got))
READ(map, image_map_ok(got))
READ(description, image_description_ok(got))
READ(fd, image_fd_ok(got))
READ(lock, image_lock_ok(got))
READ(owner, image_owner_ok(got))
READ(thread, image_thread_ok(got))
READ(ended, image_thread_ok(got))
READ(table, image_table_ok(got))
READ(file, image_file_ok(&got->head, (uint32_t)(sizeof(got->head) + 4)))
READ(string, image_string_ok(&got->head, sizeof(*got)))
READ(contents, image_contents_ok(&got->head, sizeof(*got)))
READ(sysv, image_sysv_ok(got))
READ(seccomp, image_seccomp_ok(&got->head, sizeof(*got)))
READ(pages, image_pages_ok(got, sizeof(*got) + IMAGE_PAGE))
READ(shared_pages, image_shared_pages_ok(got, sizeof(*got) + IMAGE_PAGE))

#define CHECKED(noun) SAMPLE(#noun, compat_write_plain, read_##noun, noun)

static const struct compat_sample records[] = {
	CHECKED(machine),
	CHECKED(objects),
	CHECKED(member),
	CHECKED(task),
	CHECKED(memory),
	CHECKED(process),
	CHECKED(map),
	CHECKED(description),
	CHECKED(fd),
	PLAIN(watch),
	CHECKED(owner),
	CHECKED(lock),
	CHECKED(thread),
	CHECKED(table),
	SAMPLE("ended thread", compat_write_plain, read_ended, ended),
	CHECKED(file),
	CHECKED(string),
	CHECKED(contents),
	CHECKED(sysv),
	PLAIN(message),
	CHECKED(seccomp),
	CHECKED(pages),
	SAMPLE("shared pages", compat_write_plain, read_shared_pages, shared_pages),
	PLAIN(guard),
	PLAIN(siginfo),
	PLAIN(timer),
	PLAIN(sigaction),
	PLAIN(record),
	PLAIN(end),
};
/* A stream begins with MACHINE or OBJECTS. */
const struct compat_format compat_image = { "image", IMAGE_VERSION, records, COUNT(records), 2 };
