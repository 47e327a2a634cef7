/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_IMAGE_H
#define DVS_WIRE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/image_description.h"
#include "wire/image_thread.h"

/*
 * The checkpoint image of a tree of processes: a stream of records, each a header and a payload. Two such streams cross
 * the link during a move, first the offer, while the process still runs, then the state proper.
 *
 *	offer: MACHINE OBJECTS MEMBER* MEMORY* FILE* SYSV* DESCRIPTION* TASK MAP* END
 *	       what the target must have before anything is stopped
 *	state: OBJECTS MEMBER* MEMORY* FILE* (SYSV CONTENTS*)* (DESCRIPTION CONTENTS*)* one process after another END
 *	       process: PROCESS STRING* MAP* FD* LOCK* OWNER* (TABLE FD* LOCK* OWNER*)* LAYOUT
 *	                (PAGES | SHARED_PAGES | GUARD)*
 *	                SIGACTIONS SIGINFO* TIMER* (THREAD XSTATE? SECCOMP* SIGINFO*)*
 *
 * Between the two, if files are carried along that the target lacks (migrate/carry.h), each of these is a stream:
 *
 *	target: WANTED* END	files of the offer that are not there, or are other ones
 *	source: DIGEST* END	of each of them
 *	target: WANTED* END	those of which it has not kept a copy from an earlier move
 *	source: FILE_BYTES* END	their contents, one file after another
 *
 * Members are the processes of the tree, parents before their children. The first is the one that the others descend
 * from; those that have ended come last. In the state, each of the others is a process, in the order of the members.
 *
 * Objects come first: shared memory, files, and descriptions, which are what the kernel calls open file
 * descriptions. The records of a task refer to them by their ids: a mapping to a file or memory, a descriptor to
 * a description, a description to a file, a memory file (memfd) to the memory that holds its contents, a page of
 * shared memory to that. So two descriptors that dup() made refer to one record. Ids of one type ascend, each
 * stands once, and a record refers to none that follows it.
 *
 * All numbers are little-endian and the structs are the bytes: x86-64 is the only machine there is
 * (the version changes when that does). A reader checks every length, count and address; nothing
 * that comes from a stream may be trusted before image_*_ok() has accepted it. END carries the
 * hash (base/hash.h) of everything before it, against damage; authenticity is the link's business.
 */
#define IMAGE_MAGIC   0x4547414d49535644ull /* "DVSIMAGE" */
#define IMAGE_VERSION 13u

#define IMAGE_PAGE	    4096u
#define IMAGE_MEMBERS_MAX   1024u
#define IMAGE_MAPS_MAX	    65536u
#define IMAGE_FILES_MAX	    65536u
#define IMAGE_MEMFDS_MAX    16384u /* the target holds a descriptor of each until the process runs */
#define IMAGE_MEMORIES_MAX  (IMAGE_MAPS_MAX + IMAGE_MEMFDS_MAX)
#define IMAGE_SYSV_MAX	    32768u /* more than one IPC namespace may have of a kind */
#define IMAGE_PATH_MAX	    4096u
#define IMAGE_XSTATE_MAX    16384u
#define IMAGE_RUN_PAGES_MAX 32u		      /* pages in one PAGES record */
#define IMAGE_RECORD_MAX    (160u * 1024u)    /* payload of any record */
#define IMAGE_ADDRESS_END   0x7ffffffff000ull /* first address no program can have */
#define IMAGE_NAME_BYTES    32u
#define IMAGE_AIO_BYTES_MAX (1u << 30) /* of a ring; the kernel allows about half as much */

enum image_type {
	IMAGE_MACHINE = 1,
	IMAGE_OBJECTS,
	IMAGE_MEMBER,
	IMAGE_FILE,
	IMAGE_MEMORY,
	IMAGE_SYSV,
	IMAGE_DESCRIPTION,
	IMAGE_CONTENTS,
	IMAGE_TASK,
	IMAGE_PROCESS,
	IMAGE_STRING,
	IMAGE_MAP,
	IMAGE_FD,
	IMAGE_LOCK,
	IMAGE_OWNER,
	IMAGE_LAYOUT,
	IMAGE_PAGES,
	IMAGE_SHARED_PAGES,
	IMAGE_GUARD,
	IMAGE_SIGACTIONS,
	IMAGE_SIGINFO,
	IMAGE_TIMER,
	IMAGE_THREAD,
	IMAGE_XSTATE,
	IMAGE_WANTED,
	IMAGE_DIGEST,
	IMAGE_FILE_BYTES,
	IMAGE_SECCOMP,
	IMAGE_TABLE,
	IMAGE_END,
};

struct image_record {
	uint32_t type;
	uint32_t length; /* bytes of payload that follow; zeros then fill up to a multiple of 8 */
	uint64_t check; /* of the two and all that came before: a damaged length is found at once */
};

#define IMAGE_XFEATURES 20
#define IMAGE_CPU_WORDS 8
#define IMAGE_SPECIALS	8 /* vvar, vvar_vclock, vdso, and room */

struct image_special {
	char name[16]; /* "vdso", "vvar", ... */
	uint64_t start;
	uint64_t length;
};

struct image_machine {
	uint64_t magic;
	uint32_t version;
	uint32_t page_bytes;
	uint64_t xfeatures; /* which components of the xsave area may be in use (XCR0) */
	uint32_t xsave_bytes;
	uint32_t pad;
	uint32_t xoffset[IMAGE_XFEATURES]; /* where each component lies, 0 if absent */
	uint32_t xlength[IMAGE_XFEATURES];
	uint32_t cpu[IMAGE_CPU_WORDS]; /* see migrate/cpu.h */
	uint64_t vdso_hash;
	uint8_t boot_id[16]; /* of the machine: same machine, same files */
	uint64_t
		monotonic_ns; /* as the clocks of the tasks showed, and how far they are ahead of */
	uint64_t boottime_ns; /* the machine's */
	int64_t monotonic_offset_ns;
	int64_t boottime_offset_ns;
};

/* Of an offer: the properties of a process that the target must know. */
struct image_task {
	int32_t vpid;
	uint32_t thread_count;
	uint64_t needs; /* enum image_needs */
	uint32_t map_count;
	uint32_t special_count;
	struct image_special special[IMAGE_SPECIALS];
	char comm[16];
	uint32_t huge_2m, huge_1g; /* huge pages of all that moves */
	uint64_t memory_kb;	   /* memory of all that moves, at least */
};

enum image_needs {
	IMAGE_NEEDS_TIMER_IDS =
		1, /* PR_TIMER_CREATE_RESTORE_IDS: a number that is too high to be counted to */
};

#define IMAGE_TIMERS_COUNTED 65536 /* numbers of POSIX timers below this are counted to */

struct image_rlimit {
	uint64_t current;
	uint64_t maximum;
};

#define IMAGE_RLIMITS 16

/* The mm fields that PR_SET_MM_MAP takes, in its order. */
struct image_bounds {
	uint64_t start_code, end_code, start_data, end_data;
	uint64_t start_brk, brk, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end;
};

struct image_itimer {
	int64_t interval_s, interval_us, value_s, value_us;
};

/* With whose rights the files of a process are opened. */
struct image_opener {
	uint32_t uid, gid;  /* of the file system */
	uint64_t effective; /* capabilities */
	uint32_t group_count;
	uint32_t pad;
	uint32_t group[64];
};

/* How many objects of each type follow; of SYSV there are as many as there are. */
struct image_objects {
	uint64_t magic;
	uint16_t version;
	uint16_t member_count;
	uint32_t file_count;
	uint32_t memory_count;
	uint32_t description_count;
};

/* Things that a process has in common with its parent, which is another member. */
enum image_shares {
	IMAGE_SHARES_FILES = 1,	   /* descriptors: those in the image are the parent's */
	IMAGE_SHARES_FS = 2,	   /* working directory and file mask */
	IMAGE_SHARES_MEMORY = 4,   /* address space: its process has no mappings in the image */
	IMAGE_SHARES_HANDLERS = 8, /* signal handlers; only with MEMORY */
};
#define IMAGE_SHARES_ALL 15u

/* A process of the tree. All numbers are those in its pid namespace. */
struct image_member {
	int32_t vpid;
	int32_t parent; /* another member; 0: the init of the namespace */
	int32_t session, group;
	uint32_t exit_signal; /* for its parent */
	uint32_t ended;	      /* 1: it has ended, and its parent has not taken note of that */
	uint32_t status;      /* of one that has ended, as waitpid() tells it */
	uint32_t shares;      /* enum image_shares */
};

/* Of a stop or its end, that the parent has not asked for yet. */
enum image_news {
	IMAGE_NEWS_NONE,
	IMAGE_NEWS_STOPPED,
	IMAGE_NEWS_CONTINUED,
};

struct image_process {
	int32_t vpid;
	uint32_t thread_count;
	uint32_t map_count;
	uint32_t fd_count;
	uint32_t exe_file; /* id of its FILE record */
	uint32_t umask;
	uint32_t personality;
	uint32_t dumpable;
	uint32_t thp_disable;
	uint32_t subreaper;
	uint32_t memory_merge;
	uint32_t lock_future; /* mlockall(MCL_FUTURE) is in force */
	int32_t oom_score_adj;
	uint32_t coredump_filter;
	uint32_t membarrier; /* mask of MEMBARRIER_CMD_REGISTER_* */
	uint32_t timer_count;
	uint32_t cwd_file;	   /* id of the FILE record of its directory */
	uint32_t root_file;	   /* the same of its root directory, 0: the container's */
	uint32_t refuse_exec_gain; /* PR_MDWE_*, of PR_SET_MDWE */
	uint32_t special_count;
	uint32_t stop_signal; /* SIGSTOP or the like, by which it is stopped, or 0 */
	uint32_t news;	      /* enum image_news */
	uint64_t frozen_ns;   /* CLOCK_MONOTONIC of the source at the first stop */
	uint64_t boottime_ns;
	uint64_t
		cpu_owed_ns; /* CPU time that was used and not taken off RLIMIT_CPU; below a second */
	struct image_bounds bounds;
	struct image_rlimit rlimit[IMAGE_RLIMITS];
	struct image_itimer itimer[3];
	struct image_opener opener;
	struct image_special special[IMAGE_SPECIALS];
};

enum image_string {
	IMAGE_STRING_CWD = 1,
	IMAGE_STRING_AUXV,  /* bytes of the auxiliary vector */
	IMAGE_STRING_LOGIN, /* a u32: its login user id, where that is not its container's */
};

/* Payload of STRING: this, then the bytes, without a terminating zero. */
struct image_string_head {
	uint32_t which;
	uint32_t length;
};

enum image_file_use {
	IMAGE_FILE_MAPPED = 1,
	IMAGE_FILE_WRITTEN = 2, /* opened for writing or mapped shared and writable */
	IMAGE_FILE_EXE = 4,
	IMAGE_FILE_DIRECTORY = 8,
	IMAGE_FILE_DEVICE = 16,
	IMAGE_FILE_MEMORY = 32, /* a memfd: made anew on the target, see migrate/memfd.h */
	IMAGE_FILE_DELETED =
		64, /* made anew without a name, see migrate/deleted.h; MEMORY or DIRECTORY as well */
};

/* Payload of FILE: this, then the path. */
struct image_file {
	uint64_t device, inode;
	uint64_t size;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t mode;
	uint64_t rdev;
	uint32_t use; /* enum image_file_use */
	uint32_t build_id_length;
	uint8_t build_id[32];
	uint32_t uid, gid, seals; /* of a memory file or a deleted one */
	uint32_t path_length;
	uint32_t id; /* not 0 */
	uint32_t pad;
	uint64_t memory; /* of a memory file: id of its MEMORY record, 0 if it is empty */
};

/* Payload of WANTED. */
struct image_wanted {
	uint32_t file; /* id of its FILE record in the offer */
	uint32_t pad;
};

/* Payload of DIGEST: the SHA-256 of the contents. */
struct image_digest {
	uint32_t file;
	uint32_t pad;
	uint8_t digest[32];
};

/* Payload of FILE_BYTES: this, then the bytes, which follow those of the record before. */
struct image_file_bytes {
	uint32_t file;
	uint32_t length; /* not 0 */
};

#define IMAGE_FILE_BYTES_MAX (128u * 1024u)

/* Shared anonymous memory, or the contents of a memory file, be all of it mapped or not. */
struct image_memory {
	uint64_t id;	/* not 0 */
	uint64_t bytes; /* whole pages */
};

enum image_sysv_flag {
	IMAGE_SYSV_REMOVED = 1, /* memory that is gone when nobody has it attached (SHM_DEST) */
	IMAGE_SYSV_USED = 2,	/* semaphores that an operation was done on */
	IMAGE_SYSV_LOCKED = 4,	/* memory that stays in memory (SHM_LOCK) */
	IMAGE_SYSV_FLAGS_ALL = 7,
};

/*
 * A System V object. Its contents follow as CONTENTS: of semaphores all values, of 16 bits each; of a queue its
 * messages, each of them one, with an image_message at its head. Those of memory are its MEMORY record's.
 */
struct image_sysv {
	uint32_t kind; /* enum os_sysv */
	int32_t id, key;
	uint32_t mode; /* rights */
	uint32_t uid, gid, cuid, cgid;
	uint32_t flags;	 /* enum image_sysv_flag */
	uint32_t count;	 /* of semaphores; of messages, in a state */
	uint64_t bytes;	 /* of memory; or how much may be in the queue */
	uint64_t memory; /* of memory: id of its MEMORY record; else 0 */
};

struct image_message {
	int64_t type; /* above 0 */
};

/* After the values of a set: adjustments at the end of a process (SEM_UNDO). Several of one process are one piece. */
struct image_undo {
	int32_t vpid;
	uint16_t index;
	int16_t adjustment; /* not 0 */
};

#define IMAGE_SEMAPHORES_MAX 32000u /* in one set: the kernel's default */

enum image_map_kind {
	IMAGE_MAP_ANON = 1,    /* private anonymous */
	IMAGE_MAP_SHARED_ANON, /* shared anonymous: object is the id of its MEMORY record */
	IMAGE_MAP_FILE,	       /* file: object is the id of its FILE record */
	IMAGE_MAP_FOREIGN,     /* the node's page: name */
	IMAGE_MAP_SPECIAL,     /* vdso, vvar: object is its index */
	IMAGE_MAP_AIO, /* the ring of an AIO context: object is its head, and 32 bits higher its tail */
};

enum image_map_flag {
	IMAGE_MAP_READ = 1,
	IMAGE_MAP_WRITE = 2,
	IMAGE_MAP_EXEC = 4,
	IMAGE_MAP_SHARED = 8,
	IMAGE_MAP_GROWSDOWN = 0x10,
	IMAGE_MAP_NORESERVE = 0x20,
	IMAGE_MAP_LOCKED = 0x40,
	IMAGE_MAP_LOCKONFAULT = 0x80,
	IMAGE_MAP_SEQUENTIAL = 0x100,
	IMAGE_MAP_RANDOM = 0x200,
	IMAGE_MAP_DONTFORK = 0x400,
	IMAGE_MAP_DONTDUMP = 0x800,
	IMAGE_MAP_WIPEONFORK = 0x1000,
	IMAGE_MAP_HUGEPAGE = 0x2000,
	IMAGE_MAP_NOHUGEPAGE = 0x4000,
	IMAGE_MAP_MERGEABLE = 0x8000,
	IMAGE_MAP_DROPPABLE = 0x10000,
	IMAGE_MAP_MAYWRITE = 0x20000, /* a shared mapping of a file opened for writing */
	IMAGE_MAP_SEALED = 0x40000,   /* mseal() */
	IMAGE_MAP_HUGE_2M = 0x80000,  /* of huge pages (hugetlb) of this size */
	IMAGE_MAP_HUGE_1G = 0x100000,
	IMAGE_MAP_FLAGS_ALL = 0x1fffff,
};

#define IMAGE_MAP_HUGE (IMAGE_MAP_HUGE_2M | IMAGE_MAP_HUGE_1G)

struct image_map {
	uint64_t start, end;
	uint64_t offset; /* bytes into the object */
	uint32_t kind;
	uint32_t flags;
	uint64_t object; /* by kind */
	uint8_t name[IMAGE_NAME_BYTES];
	char label[80]; /* PR_SET_VMA_ANON_NAME, zero-terminated, or empty */
};

/* Payload of PAGES: this, then count whole pages. */
struct image_pages {
	uint64_t address;
	uint32_t count;
	uint32_t pad;
};

/* Payload of SHARED_PAGES: this, then count whole pages of shared memory. */
struct image_shared_pages {
	uint64_t memory; /* id of its MEMORY record */
	uint64_t offset; /* bytes */
	uint32_t count;
	uint32_t pad;
};

struct image_guard {
	uint64_t start, end;
};

struct image_sigaction {
	uint64_t handler, flags, restorer, mask;
};

#define IMAGE_SIGNALS 64

/* Payload of SIGACTIONS: image_sigaction[64]. */

/* A pending signal: of the whole process, or of the THREAD record before it. */
struct image_siginfo {
	uint32_t shared;
	uint32_t pad;
	uint8_t info[128]; /* siginfo_t */
};

struct image_timer {
	int32_t id;
	int32_t clock;
	int32_t signal;
	int32_t notify; /* sigev_notify */
	int32_t tid;	/* of SIGEV_THREAD_ID, in the pid namespace */
	int32_t overrun;
	uint64_t value; /* sigev_value */
	int64_t interval_s, interval_ns, remaining_s, remaining_ns;
};

struct image_end {
	uint64_t hash;
};

_Static_assert(sizeof(struct image_record) == 16, "layout");
_Static_assert(sizeof(struct image_machine) == 280, "layout");
_Static_assert(sizeof(struct image_task) == 312, "layout");
_Static_assert(sizeof(struct image_objects) == 24, "layout");
_Static_assert(sizeof(struct image_member) == 32, "layout");
_Static_assert(sizeof(struct image_memory) == 16, "layout");
_Static_assert(sizeof(struct image_sysv) == 56, "layout");
_Static_assert(sizeof(struct image_message) == 8, "layout");
_Static_assert(sizeof(struct image_process) == 1088, "layout");
_Static_assert(sizeof(struct image_file) == 120, "layout");
_Static_assert(sizeof(struct image_wanted) == 8, "layout");
_Static_assert(sizeof(struct image_digest) == 40, "layout");
_Static_assert(sizeof(struct image_file_bytes) == 8, "layout");
_Static_assert(sizeof(struct image_map) == 152, "layout");
_Static_assert(sizeof(struct image_pages) == 16, "layout");
_Static_assert(sizeof(struct image_shared_pages) == 24, "layout");
_Static_assert(sizeof(struct image_timer) == 64, "layout");

/*
 * Whether a record of this type may have this length. Payloads with a variable tail are checked
 * again by the functions below.
 */
bool image_length_ok(uint32_t type, uint32_t length);

/* Whether the payload makes sense by itself: counts, addresses, lengths of tails, known flags. */
bool image_machine_ok(const struct image_machine *machine);
bool image_task_ok(const struct image_task *task);
bool image_objects_ok(const struct image_objects *objects);
bool image_member_ok(const struct image_member *member);
bool image_memory_ok(const struct image_memory *memory);
bool image_sysv_ok(const struct image_sysv *sysv);
bool image_process_ok(const struct image_process *process);
bool image_file_ok(const struct image_file *file, uint32_t length);
bool image_file_bytes_ok(const struct image_file_bytes *bytes, uint32_t length);
bool image_map_ok(const struct image_map *map);
bool image_timer_ok(const struct image_timer *timer);
bool image_pages_ok(const struct image_pages *pages, uint32_t length);
bool image_shared_pages_ok(const struct image_shared_pages *pages, uint32_t length);
bool image_string_ok(const struct image_string_head *head, uint32_t length);

/* Whether the memory file has these contents. */
bool image_file_has(const struct image_file *file, const struct image_memory *memory);

/* Bytes of a page of a mapping with these flags. */
uint64_t image_page_bytes(uint32_t map_flags);

/* Whether [start, end) is a page-aligned, non-empty range a program can have. */
bool image_range_ok(uint64_t start, uint64_t end);

#endif
