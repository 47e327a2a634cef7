/* SPDX-License-Identifier: Apache-2.0 */

/* Names of the states, events and effects of plans. */

#include "core/plan.h"

#include <stddef.h>

#define NAME_OF(table, value) \
	((size_t)(value) < sizeof(table) / sizeof(table[0]) && table[value] ? table[value] : "?")

static const char *const source_states[] = {
	[PLAN_SOURCE_IDLE] = "idle",
	[PLAN_SOURCE_CHECKING] = "checking",
	[PLAN_SOURCE_OFFERING] = "offering",
	[PLAN_SOURCE_STARTING] = "starting",
	[PLAN_SOURCE_FREEZING] = "freezing",
	[PLAN_SOURCE_SENDING] = "sending",
	[PLAN_SOURCE_LOADING] = "loading",
	[PLAN_SOURCE_COMMITTING] = "committing",
	[PLAN_SOURCE_ROLLING_BACK] = "rolling back",
	[PLAN_SOURCE_UNBINDING] = "unbinding",
	[PLAN_SOURCE_ENDED] = "ended",
};

static const char *const target_states[] = {
	[PLAN_TARGET_IDLE] = "idle",	     [PLAN_TARGET_RECEIVING] = "receiving",
	[PLAN_TARGET_CHECKING] = "checking", [PLAN_TARGET_LOADING] = "loading",
	[PLAN_TARGET_HOLDING] = "holding",   [PLAN_TARGET_ENDED] = "ended",
};

static const char *const effects[] = {
	[PLAN_DO_CHECK] = "check",
	[PLAN_DO_CONNECT_AND_OFFER] = "connect and offer",
	[PLAN_DO_PROPOSE_START] = "propose start",
	[PLAN_DO_FREEZE] = "freeze",
	[PLAN_DO_SEND] = "send",
	[PLAN_DO_AWAIT_LOADED] = "await loaded",
	[PLAN_DO_PROPOSE_COMMIT] = "propose commit",
	[PLAN_DO_PROPOSE_ROLLBACK] = "propose rollback",
	[PLAN_DO_PROPOSE_UNBIND] = "propose unbind",
	[PLAN_DO_THAW] = "thaw",
	[PLAN_DO_KILL_SOURCE] = "kill source",
	[PLAN_DO_RELEASE] = "release",
	[PLAN_DO_RECEIVE_OFFER] = "receive offer",
	[PLAN_DO_SPAWN_AND_LOAD] = "spawn and load",
	[PLAN_DO_SAY_READY] = "say ready",
	[PLAN_DO_SAY_LOADED] = "say loaded",
	[PLAN_DO_SAY_REFUSED] = "say refused",
	[PLAN_DO_TAKE_OVER] = "take over",
	[PLAN_DO_RESUME] = "resume",
	[PLAN_DO_DISCARD] = "discard",
	[PLAN_DO_CLOSE] = "close",
	[PLAN_DO_REPORT] = "report",
};

static const char *const events[] = {
	[PLAN_REQUESTED] = "requested",
	[PLAN_TARGET_READY] = "target ready",
	[PLAN_TARGET_REFUSED] = "target refused",
	[PLAN_START_APPLIED] = "start applied",
	[PLAN_FROZEN] = "frozen",
	[PLAN_FREEZE_REFUSED] = "freeze refused",
	[PLAN_PROGRESS] = "progress",
	[PLAN_SENT] = "sent",
	[PLAN_SEND_FAILED] = "send failed",
	[PLAN_TARGET_LOADED] = "target loaded",
	[PLAN_TARGET_FAILED] = "target failed",
	[PLAN_PROCESS_DIED] = "process died",
	[PLAN_TARGET_NODE_LEFT] = "target node left",
	[PLAN_CANCELLED] = "cancelled",
	[PLAN_CALLED] = "called",
	[PLAN_OFFERED] = "offered",
	[PLAN_LOAD_DONE] = "load done",
	[PLAN_LOAD_FAILED] = "load failed",
	[PLAN_SOURCE_NODE_LEFT] = "source node left",
	[PLAN_CHECKED] = "checked",
	[PLAN_COMMIT_APPLIED] = "commit applied",
	[PLAN_ROLLED_BACK_APPLIED] = "rolled back applied",
	[PLAN_ENDPOINT_DEAD] = "endpoint dead",
	[PLAN_CONNECTION_LOST] = "connection lost",
	[PLAN_TICK] = "tick",
};

static const char *const results[] = {
	[PLAN_RESULT_NONE] = "none",	    [PLAN_COMMITTED] = "committed",
	[PLAN_ROLLED_BACK] = "rolled_back", [PLAN_REFUSED] = "refused",
	[PLAN_POSSIBLE] = "possible",	    [PLAN_LOST] = "lost",
};

const char *plan_source_state_name(enum plan_source_state state)
{
	return NAME_OF(source_states, state);
}

const char *plan_target_state_name(enum plan_target_state state)
{
	return NAME_OF(target_states, state);
}

const char *plan_effect_name(enum plan_effect_kind kind)
{
	return NAME_OF(effects, kind);
}

const char *plan_event_name(enum plan_event_kind kind)
{
	return NAME_OF(events, kind);
}

const char *plan_result_name(enum plan_result result)
{
	return NAME_OF(results, result);
}
