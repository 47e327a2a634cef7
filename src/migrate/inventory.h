/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_INVENTORY_H
#define DVS_MIGRATE_INVENTORY_H

#include "migrate/descriptors.h"
#include "migrate/maps.h"
#include "migrate/migrate.h"
#include "migrate/tables.h"
#include "os/procdir.h"
#include "wire/image.h"

/*
 * Everything about a process that can be read from outside, through /proc, without stopping it. The
 * source takes it twice: before the move, to refuse or to make the offer, and again when all
 * threads are stopped and nothing can change any more.
 */
struct inventory_thread {
	pid_t tid;    /* as seen here */
	int32_t vtid; /* in the process's pid namespace, when its status was read; else 0 */
	bool ended;   /* its status said so */
	/* Apart from its process (apart.h): the thread that has them first, this or another one; 0: it is not. */
	pid_t table;			     /* of its descriptors */
	pid_t place;			     /* its directories and its file mask */
	uint32_t cwd_file, root_file, umask; /* of the first of a place: ids of FILE records */
};

/* A descriptor table that is not the process's. */
struct inventory_table {
	pid_t tid; /* the thread that has it first */
	int dir;   /* its /proc directory, owned */
	struct descriptors descriptors;
};

#define INVENTORY_NO_LOGIN 0xffffffffu

struct inventory {
	pid_t pid;
	/*
	 * Its main thread has ended while others live: one of these, by which the kernel is asked for all that it does
	 * not tell of the main one any more. Else 0.
	 */
	pid_t stand_in;
	uint32_t leader_status; /* of a main thread that has ended, as waitpid() tells it */
	int dir;		/* /proc/PID, or that of the stand-in; owned; -1 if not open */
	uint64_t start_time;	/* field 22 of stat: tells a successor with the same pid */
	struct inventory_thread
		*thread; /* owned; those that live: the leader or the stand-in first */
	uint32_t thread_count, thread_capacity;
	struct tables *tables; /* of all that moves, not owned */
	struct maps maps;
	struct descriptors descriptors;
	struct inventory_table *table; /* owned: those of threads, in ascending order */
	uint32_t table_count;
	struct image_timer *timer; /* owned; times not filled in */
	uint32_t timer_count, timer_capacity;
	struct image_process process; /* its settings, as far as /proc tells */
	struct image_member member;   /* parent is not filled in */
	char cwd[IMAGE_PATH_MAX];
	uint8_t auxv[1024];
	uint32_t auxv_bytes;
	uint32_t login_of_init; /* login user id; INVENTORY_NO_LOGIN: it has none */
	char comm[16];
	uint64_t own_kb, shared_kb; /* memory that is there, or in swap; without that of files */
	uint64_t ignored;	    /* signals with SIG_IGN, bit n-1 for signal n */
	uint64_t needs;		    /* enum image_needs */
	uint64_t terminal;	    /* the device of its controlling terminal, 0: it has none */
	pid_t init;		    /* pid 1 of its container */
	const struct inventory *parent; /* if that moves too, else NULL; not owned */
	bool is_of_thread; /* a child that a thread of its parent has made which is not the main one */
	bool is_child;	   /* of another process that moves; init is known then */
	bool is_held;	   /* by the engine, which traces it */
	bool may_undo;	   /* semaphores, by a list of its only thread (sysv_undo.h) */
	bool is_fit;	   /* it was found to be of the kind that can move */
	uint64_t others;		/* a hash of the processes beside it: see others.h */
	struct procdir_text text, more; /* scratch */
};

/* tables are not owned. */
int inventory_open(struct inventory *inventory, pid_t pid, struct tables *tables,
		   struct refusal *refusal);
void inventory_close(struct inventory *inventory);

/* Lists the threads anew. 0, -ESRCH, -ENOMEM, -E2BIG, ... */
int inventory_threads(struct inventory *inventory);

/* The one with this number as seen here, or NULL. The leader or the stand-in is first, the others are sorted. */
const struct inventory_thread *inventory_thread(const struct inventory *inventory, pid_t tid);

/* The task that has all that belongs to the process: its main thread, or the one that stands in for it. */
static inline pid_t inventory_task(const struct inventory *inventory)
{
	return inventory->stand_in ? inventory->stand_in : inventory->pid;
}

/*
 * The main thread has ended: chooses a thread that lives to stand in for it, with its directory, and lists the threads
 * anew. 0, or -ESRCH: there is none.
 */
int inventory_stand_in(struct inventory *inventory);

/* The process that is to have the table first on the target, and gives it to its children: itself, or an ancestor. */
const struct inventory *inventory_holder(const struct inventory *inventory,
					 enum image_shares share);

/* The mappings of its memory. */
const struct maps *inventory_maps(const struct inventory *inventory);

/* The sentence for an error of inventory_threads(). */
int inventory_refuse_threads(const struct inventory *inventory, int r, struct refusal *refusal);

/*
 * Reads all but the descriptors, and adds to the tables. With first false what cannot have changed since, or costs
 * much, is not read again.
 */
int inventory_read(struct inventory *inventory, const struct migrate_host *host, bool first,
		   struct refusal *refusal);

/* Parts of that: the settings and bounds, and, after the threads with their own numbers, the POSIX timers. */
int inventory_read_process(struct inventory *inventory, struct refusal *refusal);
int inventory_read_timers(struct inventory *inventory, struct refusal *refusal);

/*
 * The mappings alone; adds to the tables of files and memories. skip is the engine's own mapping inside the process,
 * or NULL.
 */
int inventory_read_maps(struct inventory *inventory, const struct migrate_host *host,
			struct maps_skip *skip, struct refusal *refusal);

/* Reads the status of the thread with this index into `text`, and notes what it tells. 0 or negative errno. */
int inventory_read_thread(struct inventory *inventory, uint32_t index);

/* fitness.c: refuses a process that is not of the kind that can move: shadow stacks, orphans, ... */
int fitness_check(struct inventory *inventory, struct refusal *refusal);

/* fitness.c: the part that may change until the freeze, per thread and process. */
int fitness_check_again(struct inventory *inventory, struct refusal *refusal);

/* fitness.c: SysV undo; sets: how many sets of semaphores its namespace has. Fills may_undo. */
int fitness_check_semaphores(struct inventory *inventory, uint32_t sets, struct refusal *refusal);

/*
 * Many files of /proc are missing on one kernel or another, which is no reason to refuse. That one could
 * not be read for want of descriptors or memory is: 0, or the refusal.
 */
int inventory_check_lack(const struct inventory *inventory, struct refusal *refusal);

/* The number after field `index` (from 1, as in proc(5)) of a stat text. */
uint64_t inventory_stat_field(const char *stat, unsigned index);

/* The login user id that /proc/PID tells; INVENTORY_NO_LOGIN: it has none, or the kernel knows of none. */
uint32_t inventory_login(int dir);

/* The last number of a line like "NSpid:\t8532\t7". */
int inventory_last_number(const char *value);

#endif
