/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls a migr_server, one call after the other, and keeps account of the fate of each: every call has a number
 * and a checksum of the bytes that travel both ways. The account is the last line of output.
 *
 * Usage: migr_client DCID EP SERVER_EP MAXBUF LOOPS DELAY
 *
 * MAXBUF: greatest number of bytes per call. DELAY: seconds between calls, fractions allowed.
 * SIGTERM and SIGINT end the run early. Exit status: 0 every call was answered once, in order, with
 * the right bytes; 1 not so; 2 wrong usage.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dvk.h"
#include "party.h"
#include "payload.h"
#include "tally.h"

#define FAILURES_IN_A_ROW_MAX 100
#define FAILURES_SHOWN_MAX    20
#define DELAY_MAX_S	      3600

struct caller {
	int dcid;
	int endpoint;
	int server;
	int size_max;
	int loops;
	double delay_s;
	int session; /* sets this run apart from earlier ones at the same endpoint */
	int failures_in_a_row;
	struct tally tally;
};

static unsigned char buffer[MAXCOPYLEN];
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void pause_s(double seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	while (seconds > 0 && !stopped && nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static uint64_t seed_of(const struct caller *caller, int seq)
{
	return ((uint64_t)(unsigned)caller->session << 32 | (unsigned)seq) *
	       UINT64_C(0x9E3779B97F4A7C15);
}

/* Every size up to the greatest comes up; the greatest itself in each call number 1, 9, 17 ... */
static int size_of(const struct caller *caller, int seq)
{
	if (seq % 8 == 1)
		return caller->size_max;
	return (int)((seed_of(caller, seq) >> 33) % ((uint64_t)caller->size_max + 1));
}

static void prepare(const struct caller *caller, int seq, message *m)
{
	int size = size_of(caller, seq);

	payload_fill(buffer, (size_t)size, seed_of(caller, seq));
	memset(m, 0, sizeof(*m));
	m->m_type = PAYLOAD_REQUEST;
	m->m1_i1 = size;
	m->m1_i2 = seq;
	m->m1_i3 = caller->session;
	m->m1_p1 = (char *)buffer;
	m->m1_p2 = (char *)(uintptr_t)payload_checksum(buffer, (size_t)size);
}

static bool answer_is_whole(const struct caller *caller, int seq, const message *m)
{
	size_t size = (size_t)size_of(caller, seq);

	return m->m1_i1 == (int)size && !m->m1_p3 &&
	       (uintptr_t)m->m1_p2 == payload_checksum(buffer, size) &&
	       payload_is_changed(buffer, size, seed_of(caller, seq));
}

static void on_failure(struct caller *caller, int seq, const char *what, long error, uint64_t ns)
{
	tally_failed(&caller->tally, ns);
	caller->failures_in_a_row++;
	if (caller->tally.failed <= FAILURES_SHOWN_MAX)
		printf("call %d: %s: error %ld\n", seq, what, error);
}

static void on_answer(struct caller *caller, int seq, const message *m, uint64_t ns)
{
	struct tally_answer answer = {
		.seq = m->m1_i2,
		.seq_before = (int)(uintptr_t)m->m1_p1,
		.count = m->m1_i3,
	};
	bool whole = answer.seq != seq || answer_is_whole(caller, seq, m);

	if (!whole)
		printf("call %d: wrong bytes, server says %p\n", seq, (void *)m->m1_p3);
	if (answer.seq != seq)
		printf("call %d: answer of call %d\n", seq, answer.seq);
	tally_answered(&caller->tally, seq, &answer, whole, ns);
	caller->failures_in_a_row = 0;
}

static void call_once(struct caller *caller, int seq)
{
	uint64_t begin, ns;
	message m;
	long result;

	prepare(caller, seq, &m);
	begin = now_ns();
	result = dvk_sendrec_T(caller->server, &m, TIMEOUT_MOLCALL);
	ns = now_ns() - begin;
	if (stopped && result == EDVSINTR)
		return;
	if (result < 0)
		on_failure(caller, seq, "call", result, ns);
	else if (m.m_type < 0)
		on_failure(caller, seq, "copy", m.m_type, ns);
	else
		on_answer(caller, seq, &m, ns);
}

/* A server whose slot was used before has another generation than the number the user gives. */
static int endpoint_of(int dcid, int server)
{
	proc_usr_t row;

	if (dvk_getprocinfo(dcid, _ENDPOINT_P(server), &row) < 0 || row.p_rts_flags & SLOT_FREE)
		return server;
	return row.p_endpoint;
}

static void run(struct caller *caller)
{
	for (int seq = 1; seq <= caller->loops && !stopped; seq++) {
		call_once(caller, seq);
		if (caller->failures_in_a_row >= FAILURES_IN_A_ROW_MAX) {
			printf("%d calls in a row failed, giving up\n", FAILURES_IN_A_ROW_MAX);
			return;
		}
		if (seq < caller->loops)
			pause_s(caller->delay_s);
	}
}

static bool seconds(const char *text, double *secondsp)
{
	char *end;
	double value = strtod(text, &end);

	*secondsp = value;
	if (end != text && !*end && isfinite(value) && value >= 0 && value <= DELAY_MAX_S)
		return true;
	fprintf(stderr, "DELAY must be seconds, 0 to %d, not '%s'\n", DELAY_MAX_S, text);
	return false;
}

static bool caller_init(struct caller *caller, char **argv)
{
	return party_number("DCID", argv[1], 0, NR_DCS - 1, &caller->dcid) &&
	       party_number("EP", argv[2], -NR_TASKS, INT_MAX, &caller->endpoint) &&
	       party_number("SERVER_EP", argv[3], -NR_TASKS, INT_MAX, &caller->server) &&
	       party_number("MAXBUF", argv[4], 0, MAXCOPYLEN, &caller->size_max) &&
	       party_number("LOOPS", argv[5], 1, INT_MAX - 1, &caller->loops) &&
	       seconds(argv[6], &caller->delay_s);
}

int main(int argc, char **argv)
{
	struct caller caller = { .tally = TALLY_INIT };
	struct sigaction action = { .sa_handler = on_signal };

	if (argc != 7)
		return party_usage("migr_client", "DCID EP SERVER_EP MAXBUF LOOPS DELAY", 6, argc,
				   argv);
	if (!caller_init(&caller, argv))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (party_join(caller.dcid, caller.endpoint) < EDVSERRCODE)
		return 1;
	caller.session = (int)((now_ns() / 1000 * 64 + (uint64_t)getpid()) & 0x7FFFFFFF);
	caller.server = endpoint_of(caller.dcid, caller.server);
	printf("endpoint %d of DC %d, pid %d, calls endpoint %d\n", caller.endpoint, caller.dcid,
	       (int)getpid(), caller.server);
	run(&caller);
	tally_print(&caller.tally);
	if (fflush(stdout) || ferror(stdout)) {
		perror("migr_client: standard output");
		return 1;
	}
	return tally_is_clean(&caller.tally) ? 0 : 1;
}
