/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that are stopped by a signal, and what their parent knows of it: nothing runs in one that is stopped, not
 * even a signal's handler, and waitpid() tells the parent of each stop and of its end once.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victims/victim.h"

enum kind {
	KNOWN,	   /* the parent knows of its stop */
	UNKNOWN,   /* it does not */
	CONTINUED, /* it does not know that it was continued */
	BY_OTHER,  /* stopped by SIGTSTP, in a group of its own */
	THREADS,   /* two threads, */
	APART,	   /* the second one with a descriptor table of its own */
	PENDING,   /* a signal waits for its handler, which has no time before it is continued */
	DOOMED,	   /* one waits that will end it */
	SLEEPER,   /* in a sleep that was stopped before */
	KINDS
};

struct one {
	pid_t pid;
	uint32_t *count; /* shared with it: grows while it runs, one for each thread */
	int signal;
};

static struct one one[KINDS];
static volatile uint32_t told; /* SIGCHLD */

static void on_told(int signal)
{
	(void)signal;
	told++;
}

static void on_signal(int signal)
{
	(void)signal;
	one[PENDING].count[2]++;
}

static void handle(int signal, void (*handler)(int))
{
	const struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigaction(signal, &action, NULL);
}

static void *count_on(void *count)
{
	for (;;) {
		__atomic_add_fetch((uint32_t *)count, 1, __ATOMIC_ACQ_REL);
		victim_nap();
	}
	return count;
}

static void *count_apart(void *count)
{
	VICTIM_CHECK(unshare(CLONE_FILES) == 0);
	return count_on(count);
}

static void run(enum kind kind)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	handle(SIGUSR1, on_signal);
	handle(SIGCHLD, SIG_DFL);
	if (kind == THREADS)
		pthread_create(&thread, NULL, count_on, &one[kind].count[1]);
	if (kind == APART)
		pthread_create(&thread, NULL, count_apart, &one[kind].count[1]);
	if (kind == SLEEPER) {
		__atomic_store_n(one[kind].count, 1, __ATOMIC_RELEASE);
		one[kind].count[1] = nanosleep(&(struct timespec){ .tv_sec = 1000 }, NULL) ? 1 : 2;
	}
	count_on(one[kind].count);
}

/* What waitpid() tells of it now, once; 0: nothing. */
static int ask(const struct one *child)
{
	int status = 0;
	pid_t got = waitpid(child->pid, &status, WUNTRACED | WCONTINUED | WNOHANG);

	return got == child->pid ? status : 0;
}

/* Waits until there is something to be told, and leaves that. */
static void await_news(const struct one *child, int what)
{
	siginfo_t info;

	VICTIM_CHECK(waitid(P_PID, (id_t)child->pid, &info, what | WNOWAIT) == 0);
}

static void stop(enum kind kind)
{
	struct one *child = &one[kind];
	uint32_t before = told;

	kill(child->pid, child->signal);
	await_news(child, WSTOPPED);
	while (told == before)
		victim_nap();
	if (kind == KNOWN || kind == CONTINUED)
		VICTIM_CHECK(WIFSTOPPED(ask(child)));
	if (kind == PENDING)
		kill(child->pid, SIGUSR1);
	if (kind == DOOMED)
		kill(child->pid, SIGTERM);
	if (kind != CONTINUED)
		return;
	before = told;
	kill(child->pid, SIGCONT);
	await_news(child, WCONTINUED);
	while (told == before)
		victim_nap();
}

static bool runs(const uint32_t *count)
{
	uint32_t was = __atomic_load_n(count, __ATOMIC_ACQUIRE);

	for (int ms = 0; ms < 3000; ms++) {
		if (__atomic_load_n(count, __ATOMIC_ACQUIRE) != was)
			return true;
		victim_nap();
	}
	return false;
}

static void begin(enum kind kind)
{
	struct one *child = &one[kind];

	child->signal = kind == BY_OTHER ? SIGTSTP : SIGSTOP;
	child->count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	child->pid = fork();
	if (child->pid == 0) {
		if (kind == BY_OTHER)
			setpgid(0, 0);
		run(kind);
	}
	while (!__atomic_load_n(child->count, __ATOMIC_ACQUIRE))
		victim_nap();
	if (kind == SLEEPER) {
		victim_nap();
		stop(kind);
		VICTIM_CHECK(WIFSTOPPED(ask(child)));
		kill(child->pid, SIGCONT);
		await_news(child, WCONTINUED);
		VICTIM_CHECK(WIFCONTINUED(ask(child)));
	}
	stop(kind);
}

/* What the parent may still hear of it, and nothing twice. */
static void check_news(enum kind kind)
{
	int status = ask(&one[kind]);

	if (kind == KNOWN)
		VICTIM_CHECK(!status);
	else if (kind == CONTINUED)
		VICTIM_CHECK(WIFCONTINUED(status));
	else
		VICTIM_CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == one[kind].signal);
	VICTIM_CHECK(!ask(&one[kind]));
}

/* It runs when it is continued, and its parent is told. */
static void check_end(enum kind kind)
{
	struct one *child = &one[kind];
	uint32_t before = child->count[2];

	if (kind == DOOMED) {
		int status = 0;

		kill(child->pid, SIGCONT);
		do {
			VICTIM_CHECK(waitpid(child->pid, &status, 0) == child->pid);
		} while (WIFCONTINUED(status));
		VICTIM_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
		begin(kind);
		return;
	}
	if (kind != CONTINUED) {
		kill(child->pid, SIGCONT);
		await_news(child, WCONTINUED);
		VICTIM_CHECK(WIFCONTINUED(ask(child)));
	}
	if (kind == SLEEPER)
		VICTIM_CHECK(!child->count[1]); /* its sleep did not end */
	else
		VICTIM_CHECK(runs(&child->count[0]));
	if (kind == THREADS || kind == APART)
		VICTIM_CHECK(runs(&child->count[1]));
	if (kind == PENDING)
		VICTIM_CHECK(child->count[2] == before + 1);
	stop(kind);
}

static void check(void)
{
	static uint32_t counts[KINDS][3];

	for (int kind = 0; kind < KINDS; kind++)
		memcpy(counts[kind], one[kind].count, sizeof(counts[kind]));
	for (int i = 0; i < 10; i++)
		victim_nap();
	for (int kind = 0; kind < KINDS; kind++)
		VICTIM_CHECK(kind == CONTINUED ||
			     memcmp(counts[kind], one[kind].count, sizeof(counts[kind])) == 0);
	for (int kind = 0; kind < KINDS; kind++) {
		check_news(kind);
		check_end(kind);
	}
}

int main(void)
{
	victim_begin();
	handle(SIGCHLD, on_told);
	for (int kind = 0; kind < KINDS; kind++)
		begin(kind);
	uint32_t was = told;

	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(told == was);
		check();
		was = told;
	}
	for (int kind = 0; kind < KINDS; kind++) {
		int status = 0;

		kill(one[kind].pid, SIGKILL);
		do {
			VICTIM_CHECK(waitpid(one[kind].pid, &status, 0) == one[kind].pid);
		} while (!WIFSIGNALED(status));
	}
	return victim_end();
}
