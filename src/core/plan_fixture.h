/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_PLAN_FIXTURE_H
#define DVS_CORE_PLAN_FIXTURE_H

/*
 * Stories about a plan: each line is an event and what the plan then asks for. Only test programs
 * include this, after base/test.h.
 */

#include <string.h>

#include "core/plan.h"
#include "dvk.h"

#define MOVE 7u

static struct plan_effects effects;
static uint64_t now_ns;

/* "thaw, close, report rolled_back -61" */
static const char *effects_text(void)
{
	static char text[300];
	size_t at = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < effects.count; i++) {
		const struct plan_effect *e = &effects.item[i];

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? ", " : "",
				       plan_effect_name(e->kind));
		if (e->kind == PLAN_DO_REPORT)
			at += (size_t)snprintf(text + at, sizeof(text) - at, " %s",
					       plan_result_name(e->result));
		if (e->code)
			at += (size_t)snprintf(text + at, sizeof(text) - at, " %d", e->code);
	}
	return text;
}

static struct plan_event plan_event_of(enum plan_event_kind kind, int code)
{
	struct plan_event event = { .kind = kind, .now_ns = now_ns, .code = code, .move = MOVE };

	return event;
}

#define CHECK_EFFECTS(want)                                                     \
	do {                                                                    \
		if (strcmp(effects_text(), (want))) {                           \
			printf("have: %s\nwant: %s\n", effects_text(), (want)); \
			CHECK(!"effects differ");                               \
		}                                                               \
	} while (0)

#endif
