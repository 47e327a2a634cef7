/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/fault.h"

#include <stdlib.h>
#include <string.h>

#include "os/log.h"
#include "os/self.h"

void fault_point(const char *name)
{
	const char *fault = getenv("DVS_FAULT");
	size_t len = strlen(name);

	if (!fault || strncmp(fault, name, len) || fault[len] != ':')
		return;
	os_log(OS_LOG_WARN, "fault point %s", fault);
	if (!strcmp(fault + len + 1, "exit"))
		os_self_kill();
	os_self_sleep_ms(strcmp(fault + len + 1, "stop") ? 200 : 1000);
}

bool fault_is(const char *name)
{
	const char *fault = getenv("DVS_FAULT");

	return fault && !strcmp(fault, name);
}
