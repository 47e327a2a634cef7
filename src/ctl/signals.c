/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/signals.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "os/options.h"

static bool real_time(const char *text, int *number)
{
	int n = 0;

	if (strncasecmp(text, "RTMIN", 5) == 0) {
		if (text[5] && (text[5] != '+' || !options_number(text + 6, 0, 64, &n)))
			return false;
		*number = SIGRTMIN + n;
	} else if (strncasecmp(text, "RTMAX", 5) == 0) {
		if (text[5] && (text[5] != '-' || !options_number(text + 6, 0, 64, &n)))
			return false;
		*number = SIGRTMAX - n;
	} else {
		return false;
	}
	return *number >= SIGRTMIN && *number <= SIGRTMAX;
}

bool signals_number(const char *text, int *number)
{
	if (options_number(text, 1, SIGRTMAX, number))
		return true;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *name = sigabbrev_np(i);

		if (name && strcasecmp(text, name) == 0) {
			*number = i;
			return true;
		}
	}
	return real_time(text, number);
}

const char *signals_name(int number, char *buf, size_t size)
{
	const char *name = number > 0 && number < SIGRTMIN ? sigabbrev_np(number) : NULL;

	assert(size);
	if (name)
		snprintf(buf, size, "SIG%s", name);
	else if (number >= SIGRTMIN && number <= SIGRTMAX)
		snprintf(buf, size, "SIGRTMIN+%d", number - SIGRTMIN);
	else
		snprintf(buf, size, "signal %d", number);
	return buf;
}

int signals_exit(int wait_status)
{
	return wait_status >= 0 && WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
}

int signals_killer(int wait_status)
{
	return wait_status >= 0 && WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
}

bool signals_core(int wait_status)
{
	return signals_killer(wait_status) && wait_status & 0x80;
}

const char *signals_end(int wait_status, char *buf, size_t size)
{
	char name[32];

	assert(size);
	if (signals_killer(wait_status))
		snprintf(buf, size, "killed by %s%s",
			 signals_name(signals_killer(wait_status), name, sizeof(name)),
			 signals_core(wait_status) ? " (core dumped)" : "");
	else if (signals_exit(wait_status) >= 0)
		snprintf(buf, size, "exited with %d", signals_exit(wait_status));
	else
		snprintf(buf, size, "ended");
	return buf;
}
