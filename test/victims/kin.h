/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Processes of a victim that answer questions: each checks itself, what its place among the others is, and its
 * memory, and tells its asker the line of the first check that failed.
 */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define BYTES 20000

struct question {
	uint32_t round;
};

struct answer {
	uint32_t round, wrong;
	pid_t pid;
};

/* One that answers questions. */
struct one {
	int ask[2], answer[2];
	pid_t pid;
};

static uint8_t pattern[BYTES];
static uint32_t wrong; /* the line of the first check that failed */

#define CHECK_HERE(cond) (wrong = wrong || (cond) ? wrong : __LINE__)

static void open_one(struct one *one)
{
	if (pipe(one->ask) || pipe(one->answer))
		_exit(98);
}

static void fill(unsigned seed)
{
	for (unsigned i = 0; i < BYTES; i++)
		pattern[i] = (uint8_t)(seed * 7 + i * 13);
}

static bool is_filled(unsigned seed)
{
	for (unsigned i = 0; i < BYTES; i++)
		if (pattern[i] != (uint8_t)(seed * 7 + i * 13))
			return false;
	return true;
}

/* Each side has its own ends only, so that the first holder of an end may be any process. */
static void part(struct one *one)
{
	close(one->pid ? one->ask[0] : one->ask[1]);
	close(one->pid ? one->answer[1] : one->answer[0]);
}

static void ask(struct one *one, uint32_t round)
{
	const struct question question = { round };
	struct answer answer = { 0 };

	CHECK_HERE(write(one->ask[1], &question, sizeof(question)) == sizeof(question));
	CHECK_HERE(read(one->answer[0], &answer, sizeof(answer)) == sizeof(answer));
	CHECK_HERE(answer.round == round);
	wrong = wrong ? wrong : answer.wrong;
	one->pid = answer.pid;
}

/* Numbers of one process, as they were when it began. */
struct place {
	pid_t pid, parent, session, group;
};

static struct place place_now(void)
{
	return (struct place){ getpid(), getppid(), getsid(0), getpgrp() };
}

static bool is_placed(const struct place *was)
{
	const struct place is = place_now();

	return memcmp(&is, was, sizeof(is)) == 0;
}

static void serve(struct one *one, unsigned seed, void (*more)(uint32_t round))
{
	const struct place was = place_now();
	struct question question;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	part(one);
	fill(seed);
	while (read(one->ask[0], &question, sizeof(question)) == sizeof(question)) {
		CHECK_HERE(is_placed(&was) && is_filled(seed));
		if (more)
			more(question.round);
		const struct answer answer = { question.round, wrong, getpid() };

		if (write(one->answer[1], &answer, sizeof(answer)) != sizeof(answer))
			_exit(97);
	}
	_exit(5);
}

static void end_one(struct one *one)
{
	int status = 0;

	kill(one->pid, SIGTERM);
	VICTIM_CHECK(waitpid(one->pid, &status, 0) == one->pid);
	VICTIM_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
