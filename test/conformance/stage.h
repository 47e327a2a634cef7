/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The test's side of its puppets (puppet.c): starts them on the nodes of a lab, tells them what to call
 * and hears what came of it. A test program runs all its tests twice or as often as its arguments
 * say, once for each placement:
 *
 *	PROGRAM PLACEMENT...	each a list of nodes, one for each role: 0,0,0 or 0,1,0
 *
 * and prints `ok - name on 0,1,0` or `not ok - ...` for each test.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "dvk.h"

#define STAGE_DCID	  0
#define STAGE_VALUES	  16
#define STAGE_PATIENCE_MS 6000
#define STAGE_SILENT	  -999999 /* no answer came */
#define STAGE_FREE_SERVER 20	  /* slots that no test binds */
#define STAGE_FREE_USER	  60

/* A failed check is printed and counted, and the test goes on. */
#define CHECK(cond)                                            \
	do {                                                   \
		if (!(cond))                                   \
			stage_fail(__FILE__, __LINE__, #cond); \
	} while (0)

#define CHECK_EQ(have, want)                                                                 \
	do {                                                                                 \
		long have_ = (have), want_ = (want);                                         \
		if (have_ != want_)                                                          \
			stage_fail_eq(__FILE__, __LINE__, #have " == " #want, have_, want_); \
	} while (0)

void stage_fail(const char *file, int line, const char *text);
void stage_fail_eq(const char *file, int line, const char *text, long have, long want);

struct puppet {
	int fd;
	int node;
	pid_t pid;   /* as this program sees it */
	pid_t child; /* of this program, or 0 */
	int own_pid; /* as it sees itself */
	int own_tid;
	long buffer; /* address of its buffer */
	int nr;	     /* slot, if bound by stage_bound */
	int ep;
	int nr_values;
	long value[STAGE_VALUES]; /* last answer; value[0] is the result */
};

/* Values of "procinfo". */
enum {
	ROW_RESULT,
	ROW_FLAGS,
	ROW_MISC,
	ROW_NODE,
	ROW_GETFROM,
	ROW_SENDTO,
	ROW_ENDPOINT,
	ROW_NR,
	ROW_DCID,
	ROW_LPID,
	ROW_VPID,
	ROW_NODEMAP,
	ROW_LCLSENT,
	ROW_RMTSENT,
	ROW_COPIES,
	ROW_WAITUNBIND
};

/* The name after which logs of puppets are named. */
const char *stage_socket_path(void);

/* Node of a role in this placement, and whether two roles share one. */
int stage_node(int role);
bool stage_together(int role, int other);

/* A process on the node of role, with dvk_open done; bound to slot nr. Ended when the test is over. */
struct puppet *stage_puppet(int role);
struct puppet *stage_bound(int role, int nr);
/* The task that an order to p (thread, fork, exec) has just made. */
struct puppet *stage_offspring(struct puppet *p);

/* Tell and hear in one; tell only; hear within ms. The result is value[0], or STAGE_SILENT. */
__attribute__((format(printf, 2, 3))) long ask(struct puppet *p, const char *format, ...);
__attribute__((format(printf, 2, 3))) void tell(struct puppet *p, const char *format, ...);
long hear(struct puppet *p);
long hear_within(struct puppet *p, int ms);
/* Whether p says nothing for ms. */
bool is_silent(struct puppet *p, int ms);

/* Kills p and waits for its end; kills it; forgets the newest one, so that there is room for more. */
void stage_end(struct puppet *p);
void stage_kill(struct puppet *p, int signal);
void stage_dismiss(struct puppet *p);

/* A value of the row of slot nr on the node of role, as it is now; or once it is (value & mask) == want. */
long row(int role, int nr, int value);
bool row_becomes(int role, int nr, int value, long mask, long want, int ms);
/* Waits until p is blocked in a call. */
bool is_blocked(struct puppet *p);
/*
 * What its call says to a signal: a signal only ends a sleep, and on a loaded machine it may take long
 * until a wait is one, so it is sent again.
 */
long hear_interrupted(struct puppet *p);

long stage_now_ms(void);
void stage_sleep_ms(int ms);
void stage_sleep_us(unsigned us);

struct stage_test {
	const char *name;
	void (*run)(void);
};

/* Runs the tests in every placement of the arguments. Returns the exit status. */
int stage_main(int argc, char **argv, const struct stage_test *tests, int nr_tests);

/* The exit status as it is by now: 1 if a check has failed. */
int stage_status(void);

#define STAGE_TEST(function)        \
	{                           \
#function, function \
	}
