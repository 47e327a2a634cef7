/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Custody: with time-outs of every length on both sides, each message is taken once by its receiver, or
 * its sender has it back. See weather.h.
 *
 * Usage: conform_storm PLACEMENT... | conform_storm compare PREFIX: only lays logs side by side
 */
#include "conformance/stage.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conformance/weather.h"

#define RECEIVERS 3
#define BAD_SHOWN 10

static unsigned char came[RECEIVERS][WEATHER_SENDERS][WEATHER_MESSAGES];
static unsigned char became[WEATHER_SENDERS][WEATHER_MESSAGES];

static void read_log(const char *prefix, const char *kind, int number, void *bytes, size_t size)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s.%s%d", prefix, kind, number);
	file = fopen(path, "r");
	CHECK(file && fread(bytes, 1, size, file) == size);
	if (file)
		fclose(file);
	unlink(path);
}

static int times_taken(int sender, int i)
{
	int times = 0;

	for (int r = 0; r < RECEIVERS; r++)
		times += came[r][sender][i];
	return times;
}

static bool is_accounted_for(enum weather outcome, int times)
{
	switch (outcome) {
	case WEATHER_SENT:
	case WEATHER_ANSWERED:
		return times == 1;
	case WEATHER_KEPT:
		return times == 0;
	case WEATHER_UNANSWERED:
	case WEATHER_UNKNOWN:
		return times <= 1;
	case WEATHER_NONE:
	case WEATHER_WRONG:
		break;
	}
	return false;
}

static void compare_logs(const char *prefix)
{
	int bad = 0, outcomes[WEATHER_WRONG + 1] = { 0 };

	for (int r = 0; r < RECEIVERS; r++)
		read_log(prefix, "r", r, came[r], sizeof(came[r]));
	for (int s = 0; s < WEATHER_SENDERS; s++)
		read_log(prefix, "s", s, became[s], sizeof(became[s]));
	for (int s = 0; s < WEATHER_SENDERS; s++) {
		for (int i = 0; i < WEATHER_MESSAGES; i++) {
			int times = times_taken(s, i);

			CHECK(became[s][i] <= WEATHER_WRONG);
			outcomes[became[s][i]]++;
			if (is_accounted_for(became[s][i], times))
				continue;
			if (bad++ < BAD_SHOWN)
				printf("sender %d, message %d: outcome %d, taken %d times\n", s, i,
				       became[s][i], times);
		}
	}
	CHECK_EQ(bad, 0);
	printf("sent %d, kept %d, answered %d, unanswered %d, unknown %d\n", outcomes[WEATHER_SENT],
	       outcomes[WEATHER_KEPT], outcomes[WEATHER_ANSWERED], outcomes[WEATHER_UNANSWERED],
	       outcomes[WEATHER_UNKNOWN]);
	/* Rarely: a link that works says it within the time that such a call takes. */
	CHECK(outcomes[WEATHER_UNKNOWN] < outcomes[WEATHER_KEPT] / 4);
	/* Of everything some, or the storm was none. */
	CHECK(outcomes[WEATHER_SENT] > 50 && outcomes[WEATHER_KEPT] > 50);
	CHECK(outcomes[WEATHER_ANSWERED] > 50 && outcomes[WEATHER_UNANSWERED] > 50);
}

static void test_every_message_is_taken_once_or_given_back(void)
{
	struct puppet *receiver[RECEIVERS], *sender[WEATHER_SENDERS];

	for (int r = 0; r < RECEIVERS; r++)
		receiver[r] = stage_bound(r, 11 + r);
	for (int s = 0; s < WEATHER_SENDERS; s++)
		sender[s] = stage_bound(s, s < 4 ? 15 + s : 40 + s);
	for (int r = 0; r < RECEIVERS; r++)
		tell(receiver[r], "stormrecv %d", r);
	for (int s = 0; s < WEATHER_SENDERS; s++)
		tell(sender[s], "stormsend %d %d %d %d %d", s, receiver[0]->ep, receiver[1]->ep,
		     receiver[2]->ep, s >= 4);
	for (int s = 0; s < WEATHER_SENDERS; s++)
		CHECK_EQ(hear_within(sender[s], 40000), 0);
	for (int r = 0; r < RECEIVERS; r++)
		CHECK_EQ(hear_within(receiver[r], 10000), 0);
	compare_logs(stage_socket_path());
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_every_message_is_taken_once_or_given_back),
	};

	if (argc == 3 && !strcmp(argv[1], "compare")) {
		compare_logs(argv[2]);
		return stage_status();
	}
	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
