/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/signals.h"

#include <signal.h>
#include <string.h>

#include "base/test.h"

static void numbers(void)
{
	int n = 0;

	CHECK(signals_number("TERM", &n) && n == SIGTERM);
	CHECK(signals_number("sigusr1", &n) && n == SIGUSR1);
	CHECK(signals_number("9", &n) && n == SIGKILL);
	CHECK(signals_number("RTMIN", &n) && n == SIGRTMIN);
	CHECK(signals_number("SIGRTMIN+3", &n) && n == SIGRTMIN + 3);
	CHECK(signals_number("RTMAX-1", &n) && n == SIGRTMAX - 1);
	CHECK(!signals_number("0", &n) && !signals_number("-9", &n) && !signals_number("65", &n));
	CHECK(!signals_number("", &n) && !signals_number("SIG", &n) &&
	      !signals_number("TERMX", &n));
	CHECK(!signals_number("RTMIN+99", &n) && !signals_number("RTMIN-1", &n));
	CHECK(!signals_number("RTMAX-64", &n) && !signals_number("RTMINX", &n));
}

static void names(void)
{
	char text[64];

	CHECK(!strcmp(signals_name(SIGTERM, text, sizeof(text)), "SIGTERM"));
	CHECK(!strcmp(signals_name(SIGRTMIN + 2, text, sizeof(text)), "SIGRTMIN+2"));
	CHECK(!strcmp(signals_name(0, text, sizeof(text)), "signal 0"));
	for (int i = 1; i <= SIGRTMAX; i++) {
		int n = 0;

		signals_name(i, text, sizeof(text));
		CHECK(!strncmp(text, "signal", 6) || (signals_number(text, &n) && n == i));
	}
}

static void ends(void)
{
	char text[64];

	CHECK(!strcmp(signals_end(3 << 8, text, sizeof(text)), "exited with 3"));
	CHECK(!strcmp(signals_end(SIGKILL, text, sizeof(text)), "killed by SIGKILL"));
	CHECK(!strcmp(signals_end(SIGSEGV | 0x80, text, sizeof(text)),
		      "killed by SIGSEGV (core dumped)"));
	CHECK(!strcmp(signals_end(-1, text, sizeof(text)), "ended"));
}

int main(void)
{
	TEST(numbers);
	TEST(names);
	TEST(ends);
	return test_end();
}
