/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_MIGRATE_H
#define DVS_MIGRATE_MIGRATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/refusal.h"

/*
 * The native migration engine: takes a running process and all that descend from it from one pid namespace
 * to another, on this machine or another one, over two connected stream sockets. It knows nothing of
 * endpoints or nodes. The functions below treat all of them alike; the pid, the CPU
 * time and the late signals are those of the first.
 *
 *	source                                   target
 *	check     look, refuse by name
 *	offer     -------- what is needed ---->  check    same files, same CPU, pid free
 *	freeze    all threads stopped            (the process shell waits, held)
 *	send      -------- everything -------->  load     rebuilt, held before its first instruction
 *	                                            |
 *	kill      <------ the move is decided --->  resume
 *	thaw      <------ it is not ------------->  discard
 *
 * Every function returns 0, or a negative EDVS number with *refusal filled: one sentence that names
 * what, why and the remedy. Until migrate_source_kill() the source is unharmed: thaw, or free, lets
 * it run on from where it was. Until migrate_target_resume() the target's copy has not executed an
 * instruction: discard, or free, leaves nothing behind.
 *
 * All functions of one side are called by one and the same thread, because ptrace belongs to a
 * thread; they block, for milliseconds as a rule, on the process, on the socket and on the host.
 * Needed: root (CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_CHECKPOINT_RESTORE). No other thread of this
 * program may wait for children with waitpid(-1): it would take this one's news of its tracees. The
 * thread should end after the move: the kernel then lets go of tracees that could not be let go of before.
 */

/* Names an object of the node that a process has mapped or open; only the host reads it. */
struct foreign_name {
	uint8_t bytes[32];
};

struct migrate_host {
	/* Source: whether the object with this device and inode is one of the node's, and its name. */
	bool (*identify)(void *ctx, uint64_t device, uint64_t inode, struct foreign_name *name);
	/*
	 * Source: the same for a mapped memfd that identify() does not know, open for reading: one of
	 * the node's that nothing but the process uses any more. NULL: there are none.
	 */
	bool (*recall)(void *ctx, int fd, struct foreign_name *name);

	/*
	 * Source: whether this address of the machine (as in base/address.h) moves with the process, so that its
	 * connections to others do. The caller takes the address off this machine when the process is frozen, in a way
	 * that segments for it are dropped and not answered, and gives it to the target when the move is decided and
	 * before the process resumes there. The target reaches the other ends without it as well. NULL: none does.
	 */
	bool (*moves)(void *ctx, const uint8_t address[16]);

	/*
	 * Source: the processes that came from this one and live, in any order, also those whose parents have ended:
	 * at most max of their numbers here; how many there are, or -1: that is not known. NULL: never. Where it is not
	 * known, orphans stay, and those that can be seen refuse the move.
	 */
	int (*offspring)(void *ctx, pid_t *pids, int max);

	/*
	 * Target: a descriptor of the object that has this name here, or -errno. The engine closes it.
	 * For a descriptor of the process it is installed with the flags the object was opened with,
	 * for a page it must allow shared reading and writing.
	 */
	int (*open)(void *ctx, const struct foreign_name *name);

	/*
	 * Target: has the init of the target's pid namespace start the program dvs-shell with pid
	 * `vpid` there, as a session of its own and with no descriptor but 3, one end of a Unix socket
	 * pair (stream or seqpacket). Fills its pid as seen here and the other end, which the engine
	 * then owns; 0 or -errno, -EEXIST if the pid is taken. It need not wait for the program: the
	 * shell says one byte on 3 when it runs, and the engine waits for that.
	 */
	int (*spawn_shell)(void *ctx, int vpid, pid_t *lpid, int *sock);

	/*
	 * Target: the folder in which files are kept that came with processes (os/store.h), and how many bytes it may
	 * have; not owned. NULL: there is none.
	 */
	const char *store;
	uint64_t store_bytes;
	bool carry_files; /* target: the source sends the files that are lacking here */
	/*
	 * Target: the process opens all its files with its own rights. Otherwise those that are the very same ones
	 * as at the source are opened with this program's, for the process has them open already. That is no longer
	 * so with an image that lay in a file: the inode may have become another file.
	 */
	bool own_rights;

	/*
	 * Source, all threads stopped: whether the process is in the middle of a short talk with
	 * its daemon, which must be finished first. NULL: never.
	 */
	bool (*busy)(void *ctx);
	uint64_t
		cpu_owed_ns; /* source: as the target's statistics said when the process came here */
	void *ctx;
};

/* Limits and timers that count the CPU time of a process, which begins anew on the target. */
enum migrate_cpu {
	MIGRATE_CPU_LIMIT = 1,	/* RLIMIT_CPU, which is lowered by the time that was used */
	MIGRATE_CPU_TIMERS = 2, /* timers, which keep the time that they had left */
};

struct migrate_stats {
	uint64_t image_bytes; /* memory and state of the process as sent or received */
	uint64_t page_count;  /* memory pages among them */
	uint64_t offer_bytes;
	uint64_t freeze_ns; /* CLOCK_MONOTONIC of the first stop (source) */
	uint64_t frozen_ns; /* how long it took until all threads stood (source) */
	uint64_t send_ns;   /* duration of migrate_source_send() */
	uint64_t load_ns;   /* duration of migrate_target_load(), waiting for the source included */
	uint64_t resume_ns; /* CLOCK_MONOTONIC of migrate_target_resume() */
	uint64_t cpu_used_ns; /* CPU time of the process since it came to the source (source) */
	uint64_t cpu_owed_ns; /* for the host to keep and give back at the next move (target) */
	uint32_t cpu_counted; /* enum migrate_cpu (source; without interval timers until frozen) */
	uint32_t process_count;
	uint32_t thread_count;
	uint32_t map_count;
	uint32_t fd_count;
};

/* ---- source ---- */

struct secure;
struct migrate_source;

/* pid as this program sees it. host is copied, its ctx is not. NULL: out of memory. */
struct migrate_source *migrate_source_new(pid_t pid, const struct migrate_host *host);

/* Thaws what is frozen. NULL is allowed. */
void migrate_source_free(struct migrate_source *source);

/*
 * Reads /proc only; the process is not touched and does not notice. Reasons to refuse that
 * only the process itself can tell are found by migrate_source_freeze() and migrate_source_try().
 */
int migrate_source_check(struct migrate_source *source, struct refusal *refusal);

/* After check: writes the needs of the process for the target. */
int migrate_source_offer(struct migrate_source *source, struct secure *to, struct refusal *refusal);

/*
 * After the offer, if migrate_target_wants(): sends the files that the target lacks. After an error the connection is
 * of no use any more.
 */
int migrate_source_carry(struct migrate_source *source, struct secure *with,
			 struct refusal *refusal);

/*
 * After offer: whether each file that it names still has its name here. If not, it was replaced or deleted meanwhile,
 * and the target may have seen another one.
 */
bool migrate_source_has_its_files(const struct migrate_source *source);

/*
 * Stops all threads and looks again. Refusals leave the process running. EDVSBUSY if the host said
 * `busy` for a whole second.
 */
int migrate_source_freeze(struct migrate_source *source, struct refusal *refusal);

/*
 * Frozen: asks each thread what migrate_source_send() asks before it is sent, so that a dry run refuses
 * what a move refuses. The caller thaws.
 */
int migrate_source_try(struct migrate_source *source, struct refusal *refusal);

/*
 * Frozen: streams the process. After an error the caller thaws; the socket is then shut for writing,
 * and the answer of the target can still be read from it.
 */
int migrate_source_send(struct migrate_source *source, struct secure *to, struct refusal *refusal);

/* Runs on where it was. Harmless if it was not frozen. */
int migrate_source_thaw(struct migrate_source *source, struct refusal *refusal);

/*
 * Killed: the number, in its pid namespace, of process `index` (the first is 0), and the signals that died with it, as
 * migrate_source_kill() tells them of the first. False: there are not so many.
 */
bool migrate_source_late(const struct migrate_source *source, uint32_t index, int32_t *vpid,
			 uint64_t *signals);

/*
 * Ends the frozen process for good and waits until it is gone. If late_signals is given it receives
 * the signals (bit n-1 for signal n) that arrived after the state was sent: they died with it. A
 * caller that wants them kept sends them to the new process.
 */
int migrate_source_kill(struct migrate_source *source, uint64_t *late_signals,
			struct refusal *refusal);

/*
 * Frozen: whether it has a file lock that the target can get only when the process has ended here. Then
 * migrate_target_resume() waits for migrate_source_kill(), and not the other way round.
 */
bool migrate_source_excludes(const struct migrate_source *source);

/* Frozen: all of them stand when they are thawed, as stopped by SIGSTOP, until somebody lets them go on. */
void migrate_source_stop(struct migrate_source *source);

/* After check, and again after freeze: whether it is one of the processes that move, as this program sees it. */
bool migrate_source_has(const struct migrate_source *source, pid_t pid);

/* Frozen: whether none of them was killed meanwhile. */
bool migrate_source_is_whole(const struct migrate_source *source);

const struct migrate_stats *migrate_source_stats(const struct migrate_source *source);

/* ---- target ---- */

struct migrate_target;

struct migrate_target *migrate_target_new(const struct migrate_host *host);

/* Discards what is held. NULL is allowed. */
void migrate_target_free(struct migrate_target *target);

/* Reads the offer; starts the process shell, so that the pid is reserved; compares. */
int migrate_target_check(struct migrate_target *target, struct secure *from,
			 struct refusal *refusal);

/*
 * Checked: empties the shell, as far as the check has not done that, so that it can be filled. The load begins with
 * it; a host that has time before the load does it then. The load tells of a failure too, after it has read the stream.
 */
int migrate_target_clear(struct migrate_target *target, struct refusal *refusal);

/* Checked: whether the target lacks files, which migrate_target_carry() has to fetch before anything is loaded. */
bool migrate_target_wants(const struct migrate_target *target);
int migrate_target_carry(struct migrate_target *target, struct secure *with,
			 struct refusal *refusal);

/*
 * Reads the stream and rebuilds the process, held before its first instruction. After an error the
 * rest of the stream has been read too, so that the source is not held up.
 */
int migrate_target_load(struct migrate_target *target, struct secure *from,
			struct refusal *refusal);

/*
 * Lets it run. *resumed_ns (may be NULL) receives CLOCK_MONOTONIC. Where the process has a file lock that excludes
 * others this waits, up to ten seconds, until the process has ended at the source.
 */
int migrate_target_resume(struct migrate_target *target, uint64_t *resumed_ns,
			  struct refusal *refusal);

/* Resumed: sends a signal to the process with this number in its pid namespace, if it is there. */
void migrate_target_signal(struct migrate_target *target, int32_t vpid, int signo);

/* Kills the shell or what was built of it; returns when it is gone. */
void migrate_target_discard(struct migrate_target *target);

/*
 * Loaded: the task with this number in its pid namespace, as this program sees it, and *tgid its process; 0: there is
 * none.
 */
pid_t migrate_target_task(const struct migrate_target *target, int32_t vpid, pid_t *tgid);

/* The process here, as this program sees it; 0 before check. */
pid_t migrate_target_pid(const struct migrate_target *target);
const struct migrate_stats *migrate_target_stats(const struct migrate_target *target);

#endif
