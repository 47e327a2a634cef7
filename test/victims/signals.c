/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers, masks, pending signals with their values, the alternate stack, inside a handler. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "victims/victim.h"

static volatile int got[65], last_value[65], count_on_stack;
static char alternate[65536];
static pthread_t other;
static volatile bool inside_ready, leave;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)context;
	got[signal]++;
	last_value[signal] = info->si_value.sival_int;
}

/* Stays on the alternate stack across the moves. */
static void on_long(int signal)
{
	char here;

	(void)signal;
	if (&here >= alternate && &here < alternate + sizeof(alternate))
		count_on_stack++;
	inside_ready = true;
	while (!leave)
		victim_nap();
	if (&here >= alternate && &here < alternate + sizeof(alternate))
		count_on_stack++;
}

static void *long_handler(void *argument)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	stack_t now;
	sigset_t some;

	sigaltstack(&stack, NULL);
	sigemptyset(&some);
	sigaddset(&some, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &some, NULL);
	pthread_kill(pthread_self(), SIGUSR2); /* pending on this thread */
	pthread_kill(pthread_self(), SIGHUP);
	VICTIM_CHECK(count_on_stack == 2);
	VICTIM_CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == alternate &&
		     now.ss_size == sizeof(alternate) && now.ss_flags == 0);
	sigpending(&some);
	VICTIM_CHECK(sigismember(&some, SIGUSR2));
	return argument;
}

static void install(void)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction longer = { .sa_handler = on_long, .sa_flags = SA_ONSTACK };

	sigaddset(&action.sa_mask, SIGWINCH);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGRTMIN + 3, &action, NULL);
	sigaction(SIGHUP, &longer, NULL);
	sigaction(SIGTRAP, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
}

static void check_dispositions(void)
{
	struct sigaction action;

	sigaction(SIGUSR1, NULL, &action);
	VICTIM_CHECK(action.sa_sigaction == on_signal && action.sa_flags & SA_RESTART);
	VICTIM_CHECK(sigismember(&action.sa_mask, SIGWINCH) &&
		     !sigismember(&action.sa_mask, SIGHUP));
	sigaction(SIGTRAP, NULL, &action);
	VICTIM_CHECK(action.sa_handler == SIG_IGN);
	sigaction(SIGPIPE, NULL, &action);
	VICTIM_CHECK(action.sa_handler == SIG_IGN);
	sigaction(SIGINT, NULL, &action);
	VICTIM_CHECK(action.sa_handler == SIG_DFL);
}

int main(void)
{
	sigset_t blocked, now;
	unsigned rounds = 0;

	victim_begin();
	install();
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGRTMIN + 3);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	pthread_create(&other, NULL, long_handler, NULL);
	while (!inside_ready)
		victim_nap();
	kill(getpid(), SIGTERM);
	for (int i = 1; i <= 5; i++)
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = i * 11 });
	victim_ready();
	while (victim_moved()) {
		rounds++;
		sigprocmask(SIG_BLOCK, NULL, &now);
		VICTIM_CHECK(sigismember(&now, SIGTERM) && sigismember(&now, SIGCHLD));
		VICTIM_CHECK(!sigismember(&now, SIGTRAP) && !sigismember(&now, SIGUSR1));
		sigpending(&now);
		VICTIM_CHECK(sigismember(&now, SIGTERM) && sigismember(&now, SIGRTMIN + 3));
		VICTIM_CHECK(!got[SIGTERM] && !got[SIGRTMIN + 3]);
		raise(SIGUSR1);
		VICTIM_CHECK(got[SIGUSR1] == (int)rounds);
		check_dispositions();
	}
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	leave = true;
	pthread_join(other, NULL);
	VICTIM_CHECK(got[SIGTERM] == 1 && got[SIGRTMIN + 3] == 5);
	VICTIM_CHECK(last_value[SIGRTMIN + 3] == 55);
	return victim_end();
}
