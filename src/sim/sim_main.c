/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvs-sim: runs seeds of the simulator. A seed that breaks an invariant is run again with every
 * event printed, the last part of which is shown with the command that repeats it.
 *
 *	dvs-sim [--seed N] [--seeds N] [--steps N] [--engine NAME] [--mutation NAME] [--verbose]
 *
 * It stands on the pure floors alone, and so parses its few words itself.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

struct totals {
	uint64_t steps, messages, taken, withdrawn, answered, died, notes, replies, stepped_back;
	uint64_t committed, rolled_back, refused, lost, held, by_hand, restarts, asked, asked_again,
		crashes, cuts;
	uint64_t frames, frames_lost, frames_repeated, commands;
	uint64_t states, joins_together, joiners_lost, givers_lost;
	uint64_t rings, minorities, fenced, joins_cut, flaps, fulls, words;
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: dvs-sim [--seed N] [--seeds N] [--steps N] [--engine sequencer|council] "
		"[--mutation NAME] [--verbose]\nmutations:");
	for (int m = 0; m < SIM_MUTATIONS; m++)
		fprintf(out, " %s", sim_mutation_name((enum sim_mutation)m));
	fputc('\n', out);
}

static int wrong(const char *why, const char *word)
{
	fprintf(stderr, "dvs-sim: %s \"%.40s\"\n", why, word);
	usage(stderr);
	return 2;
}

static bool number_of(const char *text, uint64_t most, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return isdigit((unsigned char)*text) && !*end && !errno && *value <= most;
}

static int mutation_of(const char *name)
{
	for (int m = 0; m < SIM_MUTATIONS; m++)
		if (!strcmp(name, sim_mutation_name((enum sim_mutation)m)))
			return m;
	return -1;
}

static void add(struct totals *t, const struct sim_report *r)
{
	t->steps += r->steps;
	t->messages += r->messages;
	t->taken += r->taken;
	t->withdrawn += r->withdrawn;
	t->answered += r->answered;
	t->died += r->died;
	t->notes += r->notes;
	t->replies += r->replies;
	t->stepped_back += r->stepped_back;
	t->committed += r->committed;
	t->rolled_back += r->rolled_back;
	t->refused += r->refused;
	t->lost += r->lost;
	t->restarts += r->restarts;
	t->asked += r->asked;
	t->asked_again += r->asked_again;
	t->held += r->held;
	t->by_hand += r->by_hand;
	t->crashes += r->crashes;
	t->cuts += r->cuts;
	t->frames += r->frames;
	t->frames_lost += r->frames_lost;
	t->frames_repeated += r->frames_repeated;
	t->commands += r->commands;
	t->rings += r->rings;
	t->minorities += r->minorities;
	t->fenced += r->fenced;
	t->states += r->states;
	t->joins_together += r->joins_together;
	t->joiners_lost += r->joiners_lost;
	t->givers_lost += r->givers_lost;
	t->joins_cut += r->joins_cut;
	t->flaps += r->flaps;
	t->fulls += r->fulls;
	t->words += r->words;
}

static void print_totals(const struct totals *t, uint64_t seeds)
{
#define N(field) (unsigned long long)t->field
	printf("%llu seeds, %llu steps, %llu commands\n", (unsigned long long)seeds, N(steps),
	       N(commands));
	printf("messages: %llu sent, %llu taken, %llu withdrawn, %llu requests answered, "
	       "%llu ended by a death, %llu notifications, %llu replies, %llu steps back\n",
	       N(messages), N(taken), N(withdrawn), N(answered), N(died), N(notes), N(replies),
	       N(stepped_back));
	printf("moves: %llu committed, %llu rolled back, %llu refused, %llu lost their process; "
	       "by hand %llu held, %llu given to another process\n",
	       N(committed), N(rolled_back), N(refused), N(lost), N(held), N(by_hand));
	printf("daemons: %llu restarts; %llu requests answered, %llu asked again\n", N(restarts),
	       N(asked), N(asked_again));
	printf("faults: %llu crashes, %llu cuts; %llu frames, %llu lost, %llu repeated\n",
	       N(crashes), N(cuts), N(frames), N(frames_lost), N(frames_repeated));
	printf("joins: %llu states asked for, %llu while others were; %llu joiners and %llu givers lost half way\n",
	       N(states), N(joins_together), N(joiners_lost), N(givers_lost));
	printf("councils: %llu rings, %llu of them by flaps, a quorum lost %llu times, %llu nodes put out, "
	       "%llu joins met a new view, %llu times the multicast took nothing, %llu words aside\n",
	       N(rings), N(flaps), N(minorities), N(fenced), N(joins_cut), N(fulls), N(words));
#undef N
}

static int failed(const struct sim_options *options, const struct sim_report *report)
{
	struct sim_options again = *options;
	struct sim_report same;

	if (!options->verbose) {
		again.verbose = true;
		sim_run(&again, &same);
	}
	printf("seed %llu broke the rules after %u steps: %s\n", (unsigned long long)options->seed,
	       report->steps, report->violation);
	printf("to see it again: dvs-sim --seed %llu --steps %u%s%s%s --verbose\n",
	       (unsigned long long)options->seed,
	       options->steps ? options->steps : SIM_STEPS_DEFAULT,
	       options->engine == SIM_COUNCIL	  ? " --engine council"
	       : options->engine == SIM_SEQUENCER ? " --engine sequencer"
						  : "",
	       options->mutation ? " --mutation " : "",
	       options->mutation ? sim_mutation_name(options->mutation) : "");
	return 1;
}

static int engine_of(const char *name)
{
	return !strcmp(name, "sequencer") ? SIM_SEQUENCER
	       : !strcmp(name, "council") ? SIM_COUNCIL
					  : -1;
}

/* The value of an option is taken. NULL, or what is wrong with it. */
static const char *take(struct sim_options *options, uint64_t *seeds, const char *word,
			const char *value)
{
	uint64_t number;

	if (!strcmp(word, "--mutation")) {
		if (mutation_of(value) < 0)
			return "no such mutation:";
		options->mutation = (enum sim_mutation)mutation_of(value);
		return NULL;
	}
	if (!strcmp(word, "--engine")) {
		if (engine_of(value) < 0)
			return "no such engine:";
		options->engine = (enum sim_engine)engine_of(value);
		return NULL;
	}
	if (!number_of(value, !strcmp(word, "--steps") ? UINT32_MAX : UINT64_MAX, &number))
		return "not a number of the range:";
	if (!strcmp(word, "--seed"))
		options->seed = number;
	else if (!strcmp(word, "--seeds"))
		*seeds = number;
	else
		options->steps = (uint32_t)number;
	return NULL;
}

/* -1: go on; else the exit status. */
static int parse(struct sim_options *options, uint64_t *seeds, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		const char *fault;

		if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
			usage(stdout);
			return fflush(stdout) || ferror(stdout) ? 1 : 0;
		}
		if (!strcmp(word, "--verbose")) {
			options->verbose = true;
			continue;
		}
		if (strcmp(word, "--mutation") && strcmp(word, "--engine") &&
		    strcmp(word, "--seed") && strcmp(word, "--seeds") && strcmp(word, "--steps"))
			return wrong(word[0] == '-' ? "unknown option" : "unexpected word", word);
		if (!value)
			return wrong("a value is missing after", word);
		fault = take(options, seeds, word, value);
		if (fault)
			return wrong(fault, value);
		i++;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct sim_options options = { .seed = 1 };
	struct sim_report report;
	struct totals totals = { 0 };
	uint64_t seeds = 1;
	int status = parse(&options, &seeds, argc, argv);

	if (status >= 0)
		return status;
	for (uint64_t i = 0; i < seeds; i++, options.seed++) {
		sim_run(&options, &report);
		add(&totals, &report);
		if (report.failed)
			return failed(&options, &report);
	}
	print_totals(&totals, seeds);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
