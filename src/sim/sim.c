/* SPDX-License-Identifier: Apache-2.0 */

/* One run: the founding, the trouble, the calm, and the last round. */

#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "group/contract.h"
#include "sim/world.h"

/* After the faults: for the moves to end, and for one call of the last round. */
#define SETTLE_US UINT64_C(3000000)
#define ROUND_US  UINT64_C(20000000)

static struct world the_world;

static void found(struct world *w, const struct sim_options *options, struct sim_report *report)
{
	memset(w, 0, sizeof(*w));
	memset(report, 0, sizeof(*report));
	w->options = *options;
	w->report = report;
	if (!w->options.steps)
		w->options.steps = SIM_STEPS_DEFAULT;
	prng_init(&w->prng, options->seed);
	queue_init(&w->queue);
	w->nodes = (int)world_random(w, 2, NODES_MAX);
	w->procs = (int)world_random(w, 2, PROCS_MAX);
	w->group_delay_us_max = 100;
	w->strict = world_chance(w, 50);
	w->council = options->engine == SIM_COUNCIL ||
		     (!options->engine && (hash_word(HASH_SEED, options->seed) >> 32) % 3 == 0);
	w->propose = member_propose;
	w->contract = contract_new();
	if (!w->contract)
		abort();
	if (w->council) {
		w->forgetful = (1u << w->nodes) - 1;
		ring_begin(w);
	} else {
		sequencer_begin(w);
	}
	directory_init(&w->truth);
	for (int node = 0; node < w->nodes; node++)
		fault_restart(w, node);
	fault_plan(w);
}

static void on_node(struct world *w, struct sim_event *event)
{
	int node = event->node;

	switch (event->kind) {
	case EVENT_PROCESS:
		process_on_step(w, node, event->slot, event->tag);
		break;
	case EVENT_SCAN:
		daemon_on_scan(w, node, false);
		world_put(w, world_event(w, EVENT_SCAN, node), world_random(w, 20, 600));
		break;
	case EVENT_RESEND:
		daemon_on_scan(w, node, true);
		world_put(w, world_event(w, EVENT_RESEND, node), world_random(w, 10000, 60000));
		break;
	case EVENT_FRAME:
		daemon_on_frame(w, node, event->data);
		break;
	case EVENT_DELIVER:
		member_on_deliver(w, node);
		break;
	case EVENT_WORK:
		move_on_work(w, event);
		break;
	case EVENT_CONN:
		move_on_conn(w, event);
		break;
	case EVENT_ANSWER:
		ask_on_answer(w, node, event->data);
		break;
	case EVENT_QUIET:
		ask_on_quiet(w, node);
		break;
	case EVENT_SUCCESSOR:
		ask_on_successor(w, node);
		break;
	case EVENT_BY_HAND:
		by_hand_on_event(w, event);
		break;
	case EVENT_TICK:
		member_on_tick(w, node);
		move_on_tick(w, node);
		break;
	case EVENT_OUTCOME:
		effects_on_outcome(w, node, event->data, -(int)event->tag);
		break;
	default:
		break;
	}
}

/* Programs go on while there is no daemon; all else waits at its door, but for waits that end with the links. */
static bool waits_for_successor(struct world *w, const struct node *n, struct sim_event *event)
{
	if (!n->away || event->kind == EVENT_PROCESS || event->kind == EVENT_SUCCESSOR)
		return false;
	if (event->kind != EVENT_FRAME) {
		world_put(w, *event, 1000);
		event->data = NULL;
	}
	return true;
}

static void dispatch(struct world *w, struct sim_event *event)
{
	struct node *n = event->node < 0 ? NULL : &w->node[event->node];

	if (n && event->life != n->life)
		return;
	if (event->kind == EVENT_TO_CLERK || event->kind == EVENT_CLERK_LOOKS) {
		sequencer_on_event(w, event);
		return;
	}
	if (event->kind >= EVENT_HEAR) {
		ring_on_event(w, event);
		return;
	}
	if (!n) {
		fault_on_event(w, event);
		return;
	}
	if (n->up && w->now_us < n->paused_until) {
		world_put(w, *event, n->paused_until - w->now_us);
		event->data = NULL;
		return;
	}
	if (n->up && !waits_for_successor(w, n, event))
		on_node(w, event);
}

static bool step(struct world *w)
{
	struct sim_event event;

	if (w->report->failed || !queue_pop(&w->queue, &event))
		return false;
	w->now_us = event.time_us;
	dispatch(w, &event);
	free(event.data);
	checker_after_step(w);
	w->report->steps++;
	return !w->report->failed;
}

static bool run_until(struct world *w, uint64_t time_us)
{
	while (w->now_us < time_us)
		if (!step(w))
			return false;
	return true;
}

static void calm_down(struct world *w)
{
	assert(!w->calm);
	world_log(w, "calm");
	w->calm = true;
	memset(w->cut, 0, sizeof(w->cut));
	for (int a = 0; a < w->nodes; a++)
		for (int b = 0; b < a; b++)
			daemon_link_up(w, a, b);
	if (w->council)
		ring_heal(w);
	w->delay_us_max = 1000;
	w->group_delay_us_max = 1000;
}

/* Some wait for a quorum, and do what they are to do when the faults have ended already. */
static bool has_proposals(const struct world *w)
{
	bool any = false;

	for (int node = 0; node < w->nodes; node++)
		any = any || w->node[node].proposals;
	return any;
}

static bool is_settled(struct world *w)
{
	if (has_proposals(w))
		return false;
	for (int node = 0; node < w->nodes; node++) {
		const struct node *n = &w->node[node];

		if (!n->up || !n->incarnation || !w->member[node].seat.quorum || n->away ||
		    n->quiet || n->directory.order != w->log_count)
			return false;
		for (int proc = 0; proc < w->procs; proc++) {
			const struct copy *copy = &n->copy[proc];

			if (n->departure[proc].worker.active || n->arrival[proc].worker.active)
				return false;
			if (copy->state != COPY_NONE && copy->state != COPY_RUNNING)
				return false;
			if (copy->state == COPY_RUNNING && process_is_busy(copy))
				return false;
		}
	}
	return true;
}

static void check_settled(struct world *w)
{
	for (int node = 0; node < w->nodes; node++)
		for (int proc = 0; proc < w->procs; proc++) {
			const struct node *n = &w->node[node];

			if (n->departure[proc].worker.active || n->arrival[proc].worker.active)
				world_fail(w, "I5: the move of endpoint %d at node %d never ends",
					   proc, node);
			if (n->copy[proc].state != COPY_NONE && n->copy[proc].state != COPY_RUNNING)
				world_fail(w, "I5: the copy of endpoint %d at node %d is left over",
					   proc, node);
			if (n->copy[proc].state == COPY_RUNNING && process_is_busy(&n->copy[proc]))
				world_fail(w,
					   "I1: endpoint %d at node %d hangs in a call to %d, "
					   "phase %d",
					   proc, node, n->copy[proc].program.peer,
					   (int)n->copy[proc].program.phase);
		}
	for (int node = 0; node < w->nodes; node++)
		if (w->node[node].directory.order != w->log_count || !w->node[node].incarnation)
			world_fail(w, "I4: node %d does not follow the order", node);
	member_rest(w);
}

static struct copy *copy_of(struct world *w, int proc)
{
	return &w->node[world_endpoint(&w->truth, proc)->node].copy[proc];
}

/* The first endpoint calls, or both do at the same time. False: a violation. */
static bool last_call(struct world *w, int a, int b, enum round round)
{
	struct copy *one_copy = copy_of(w, a), *other_copy = copy_of(w, b);
	struct program *one = &one_copy->program, *other = &other_copy->program;
	uint64_t end = w->now_us + ROUND_US;

	assert(a != b);
	assert(w->calm);
	/* One of them may be about to end its part of the call before. */
	while ((process_is_busy(one_copy) || process_is_busy(other_copy)) && w->now_us < end)
		if (!step(w))
			return false;
	process_final_call(w, world_endpoint(&w->truth, a)->node, a, b, round);
	if (round != ROUND_ANSWERED)
		process_final_call(w, world_endpoint(&w->truth, b)->node, b, a, round);
	while ((one->round != ROUND_NONE || other->round != ROUND_NONE) && w->now_us < end)
		if (!step(w))
			return false;
	if (one->round != ROUND_NONE || other->round != ROUND_NONE)
		world_fail(w, "I1: endpoint %d waits for ever for %d, phases %d, %d", a, b,
			   (int)one->phase, (int)other->phase);
	return !w->report->failed;
}

/* Every endpoint calls every other one and has to be answered, and every two call each other. */
static void last_round(struct world *w)
{
	for (int a = 0; a < w->procs; a++)
		for (int b = 0; b < w->procs; b++) {
			if (a == b || !world_endpoint(&w->truth, a)->bound ||
			    !world_endpoint(&w->truth, b)->bound)
				continue;
			if (!last_call(w, a, b, ROUND_ANSWERED) ||
			    (a < b && (!last_call(w, a, b, ROUND_BOTH_CALL) ||
				       !last_call(w, a, b, ROUND_BOTH_SEND))))
				return;
		}
}

static void finish(struct world *w)
{
	assert(w->report->steps);
	w->report->time_us = w->now_us;
	for (int node = 0; node < w->nodes; node++)
		member_stop(w, node);
	if (w->council)
		ring_deinit(w);
	else
		sequencer_deinit(w);
	w->contract = contract_free(w->contract);
	queue_deinit(&w->queue); /* members that leave have put events as well */
	for (int node = 0; node < w->nodes; node++)
		for (int proc = 0; proc < w->procs; proc++)
			free(w->node[node].arrival[proc].image);
	free(w->log);
	free(w->letter);
}

/* Moves that tools have left behind are ended, again and again: the word of another tool may be on its way. */
static void settle_by_hand(struct world *w)
{
	uint64_t end = w->now_us + SETTLE_US;

	do
		run_until(w, w->now_us + 50000);
	while (!w->report->failed && w->now_us < end && (by_hand_tidy(w) || has_proposals(w)));
}

void sim_run(const struct sim_options *options, struct sim_report *report)
{
	struct world *w = &the_world;
	uint64_t end;

	found(w, options, report);
	while (w->report->steps < w->options.steps && step(w))
		;
	if (!report->failed) {
		calm_down(w);
		end = w->now_us + SETTLE_US;
		settle_by_hand(w);
		while (!is_settled(w) && w->now_us < end && step(w))
			;
		check_settled(w);
	}
	if (!report->failed && run_until(w, w->now_us + 100000))
		last_round(w);
	/* Everybody receives now and then. */
	if (!report->failed && run_until(w, w->now_us + 100000))
		checker_notes_seen(w);
	finish(w);
}

const char *sim_mutation_name(enum sim_mutation mutation)
{
	static const char *const names[SIM_MUTATIONS] = {
		[SIM_SOUND] = "sound",
		[SIM_NO_MARK_AT_FREEZE] = "no-mark-at-freeze",
		[SIM_NO_MARK_AT_RESUME] = "no-mark-at-resume",
		[SIM_NO_MARK_ON_SENDING] = "no-mark-on-sending",
		[SIM_BOTH_STEP_BACK] = "both-step-back",
		[SIM_BOTH_STAY] = "both-stay",
		[SIM_BOTH_SEND] = "both-send",
		[SIM_REPLY_TO_ANY] = "reply-to-any",
		[SIM_UNPACK_BEFORE_COMMIT] = "unpack-before-commit",
		[SIM_MERGE_WHILE_HELD] = "merge-while-held",
		[SIM_LINES_LEFT_BEHIND] = "lines-left-behind",
		[SIM_NOTES_LEFT_BEHIND] = "notes-left-behind",
		[SIM_THAW_ON_CUT] = "thaw-on-cut",
		[SIM_RESUME_ON_CUT] = "resume-on-cut",
		[SIM_NO_GENERATION] = "no-generation",
		[SIM_ANSWER_TO_NEXT_LIFE] = "answer-to-next-life",
		[SIM_NO_OFFER] = "no-offer",
		[SIM_OUT_OF_ORDER] = "out-of-order",
		[SIM_COMMIT_IN_HASTE] = "commit-in-haste",
		[SIM_NUMBERS_AGAIN] = "numbers-again",
		[SIM_OLD_LIVES_ON] = "old-lives-on",
		[SIM_UNMARK_ON_ROLLBACK] = "unmark-on-rollback",
		[SIM_ASK_ALWAYS_AGAIN] = "ask-always-again",
		[SIM_RESTART_IN_HASTE] = "restart-in-haste",
		[SIM_TOLD_OUTLIVES] = "told-outlives",
		[SIM_COMMIT_OF_ONE] = "commit-of-one",
		[SIM_TAKE_ONE] = "take-one",
		[SIM_THAW_ONE] = "thaw-one",
		[SIM_NO_PROGRESS] = "no-progress",
		[SIM_NO_LIMIT] = "no-limit",
		[SIM_AGREED_IS_DECIDED] = "agreed-is-decided",
		[SIM_MINORITY_GOES_ON] = "minority-goes-on",
		[SIM_RING_UNMATCHED] = "ring-unmatched",
		[SIM_OTHER_POINT] = "other-point",
		[SIM_STALE_RUN_ON] = "stale-run-on",
		[SIM_NOTHING_STAYS] = "nothing-stays",
		[SIM_HEARD_AGAIN] = "heard-again",
		[SIM_SEND_ALWAYS] = "send-always",
		[SIM_ANY_LIFE] = "any-life",
		[SIM_WORD_OF_TWO] = "word-of-two",
	};

	return mutation < SIM_MUTATIONS ? names[mutation] : "?";
}
