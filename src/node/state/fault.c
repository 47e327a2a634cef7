/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/keeper.h"
#include "os/log.h"
#include "os/self.h"

#define HANG_LOOK_MS 10
#define HANG_LOOKS   6000

/* The action of the first entry of the list that is of this place, or NULL. */
static const char *action_of(const char *name)
{
	const char *at = getenv("DVS_FAULT");
	size_t len = strlen(name);

	while (at && (strncmp(at, name, len) || at[len] != ':')) {
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return at ? at + len + 1 : NULL;
}

static bool is(const char *action, const char *word)
{
	size_t len = strlen(word);

	return !strncmp(action, word, len) && (!action[len] || action[len] == ',');
}

static void act(const char *name, const char *action)
{
	os_log(OS_LOG_WARN, "fault point %s", name);
	if (is(action, "exit"))
		os_keeper_kill();
	if (is(action, "exit") || is(action, "die"))
		os_self_kill();
	os_self_sleep_ms(is(action, "stop") ? 1000 : 200);
}

void fault_point(const char *name)
{
	const char *action = action_of(name);

	if (action)
		act(name, action);
}

void fault_step(const char *name, int p_nr, bool (*told)(void *ctx), void *ctx)
{
	char narrow[64];
	const char *action;

	if (!getenv("DVS_FAULT"))
		return;
	snprintf(narrow, sizeof(narrow), "%s@%d", name, p_nr);
	action = action_of(narrow);
	if (!action)
		action = action_of(name);
	if (!action)
		return;
	if (!is(action, "hang")) {
		act(name, action);
		return;
	}
	os_log(OS_LOG_WARN, "fault point %s", narrow);
	for (int i = 0; i < HANG_LOOKS && !told(ctx); i++)
		os_self_sleep_ms(HANG_LOOK_MS);
}

bool fault_is(const char *name)
{
	const char *fault = getenv("DVS_FAULT");

	return fault && !strcmp(fault, name);
}
