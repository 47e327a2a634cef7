/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_STAGE_TEST_H
#define DVS_MIGRATE_STAGE_TEST_H

#include "migrate/migrate.h"

/*
 * A stage for tests of the engine: two pid namespaces on this machine, each with an init of its own
 * that starts programs with the wanted pid and a network of its own (a loopback), a page that all victims share with
 * the test, and a pipe for their output. The thread that acts for a side is in its network, as a daemon is.
 *
 *	test --+-- init 0 -- victim (1000)         page: struct stage_page, MAP_SHARED everywhere
 *	       |                |  moves           pipe: standard output and error
 *	       +-- init 1 -- victim (1000)
 */
#define STAGE_SIDES 2

struct stage_page {
	uint32_t ready;	   /* victim: state is built */
	uint32_t moves;	   /* test: how often it was moved or thawed so far */
	uint32_t verified; /* victim: the value of moves after which all was well last */
	uint32_t failed;   /* victim: something was not */
	uint32_t finish;   /* test: end now, with status 0 if all was well */
	uint32_t argument; /* test: for the victim */
	char reason[232];
};

struct stage {
	pid_t init[STAGE_SIDES];
	int control[STAGE_SIDES];
	struct stage_page *page;
	int page_fd;
	int pipe[2];	   /* read end, write end */
	const char *shell; /* path of dvs-shell */
	int page_opens;
	bool tells_offspring; /* the host: all that is the init's came from the process that moves */
	bool (*moves)(void *ctx, const uint8_t address[16]); /* of the host; may be NULL */
};

/* One side of a stage as the ctx of a host. */
struct stage_side {
	struct stage *stage;
	int side;
	bool busy_once;
};

/* 0 or -errno; -EPERM without the rights that are needed. */
int stage_open(struct stage *stage);
void stage_close(struct stage *stage);

/* Starts argv[0] on a side; page as descriptor 3, /dev/null and the pipe as 0, 1 and 2. */
pid_t stage_start(struct stage *stage, int side, int vpid, char *const argv[]);

/* Whether the init of a side has a child with this pid (in its namespace; 0: any one); its pid here. */
pid_t stage_find(struct stage *stage, int side, int vpid);

/* Exit status of the last child with this pid that the init of the side reaped; -1: none yet. */
int stage_status(struct stage *stage, int side, int vpid, int timeout_ms);

/* 'R', 'S', 'T', ... as in /proc. */
char stage_state(pid_t pid);

/* Forgets who has ended so far on a side. */
void stage_forget(struct stage *stage, int side);

struct migrate_host stage_host(struct stage_side *side);

/* Waits until *word is value; false after five seconds. */
bool stage_await(const uint32_t *word, uint32_t value);

/*
 * One move, both sides in this program. The target runs in a thread of its own. Each hook, if given,
 * runs on the source's thread, and so acts on a move in that state.
 */
struct stage_move {
	struct stage *stage;
	int from; /* side */
	pid_t pid;
	void (*when_checked)(struct stage_move *move); /* both sides checked, not frozen */
	void (*when_frozen)(struct stage_move *move);
	void (*when_loaded)(struct stage_move *move);
	bool cut; /* set by a hook: the connection is closed now */
	bool busy_once;
	bool no_target; /* source's check only */
	/* results */
	int result; /* 0, or of the step that failed first */
	struct refusal source, target;
	pid_t arrived;
	pid_t shell; /* while the move is on */
	uint64_t total_ns, frozen_ns, late;
	uint64_t late_of_others; /* of the processes below */
	struct migrate_stats sent, received;
};

void stage_move(struct stage_move *move);

#endif
