/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/weather.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dvk.h"

#define TYPE_SEND   101
#define TYPE_CALL   102
#define TYPE_ANSWER 103
#define QUIET_MS    7000 /* longer than a call is held up by a lost link */

static uint32_t chance(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void nap(uint32_t us)
{
	struct timespec time = { .tv_nsec = us * 1000L };

	nanosleep(&time, NULL);
}

static long random_timeout(uint32_t *state)
{
	static const long timeouts[] = { 0, 1, 1, 2, 3, 5, 8, 40 };

	return timeouts[chance(state) % (sizeof(timeouts) / sizeof(timeouts[0]))];
}

static int write_log(const char *log, const void *bytes, size_t size)
{
	FILE *file = fopen(log, "w");
	size_t written = file ? fwrite(bytes, 1, size, file) : 0;

	if (file)
		fclose(file);
	return written == size ? 0 : -1;
}

static enum weather send_one(int sender, int i, int ep, long timeout)
{
	message m = { .m_type = TYPE_SEND };
	long result;

	m.m1_i1 = sender;
	m.m1_i2 = i;
	result = dvk_send_T(ep, &m, timeout);
	/* Locked: just then the receiver sends us an answer that we have given up waiting for. */
	/* A call that must not wait for a link that is cut. That the message is its own again is EDVSAGAIN. */
	if (result == EDVSTIMEDOUT && timeout == 0)
		return WEATHER_UNKNOWN;
	if (result == EDVSAGAIN || result == EDVSTIMEDOUT || result == EDVSLOCKED)
		return WEATHER_KEPT;
	if (result)
		printf("send %d: %ld\n", i, result);
	return result ? WEATHER_WRONG : WEATHER_SENT;
}

static enum weather call_one(int sender, int i, int ep, long timeout)
{
	message m = { .m_type = TYPE_CALL };
	long result;

	m.m1_i1 = sender;
	m.m1_i2 = i;
	result = dvk_sendrec_T(ep, &m, timeout);
	if (result == EDVSAGAIN || result == EDVSTIMEDOUT)
		return WEATHER_UNANSWERED;
	/* In a ring with receivers that answer by a send of their own; a member whose request nobody has is refused. */
	if (result == EDVSLOCKED)
		return WEATHER_KEPT;
	if (!result && m.m_source == ep && m.m_type == TYPE_ANSWER && m.m1_i1 == sender) {
		if (m.m1_i2 == i)
			return WEATHER_ANSWERED;
		/* A late answer by a send of its own waits like any message, and counts as one. */
		if (m.m1_i2 < i && m.m1_i3)
			return WEATHER_UNANSWERED;
	}
	printf("call %d: %ld, type %d of %d, for %d of %d\n", i, result, m.m_type, m.m_source,
	       m.m1_i2, m.m1_i1);
	return WEATHER_WRONG;
}

long weather_send(const char *log, int sender, const long ep[3], int user)
{
	unsigned char became[WEATHER_MESSAGES] = { WEATHER_NONE };
	uint32_t state = 77u + (uint32_t)sender;
	long wrong = 0;

	for (int i = 0; i < WEATHER_MESSAGES; i++) {
		int to = (int)ep[chance(&state) % 3];
		long timeout = random_timeout(&state);

		if (user || chance(&state) % 2)
			became[i] = (unsigned char)call_one(sender, i, to, timeout);
		else
			became[i] = (unsigned char)send_one(sender, i, to, timeout);
		wrong += became[i] == WEATHER_WRONG;
		if (chance(&state) % 4 == 0)
			nap(chance(&state) % 2000);
	}
	return write_log(log, became, sizeof(became)) ? -1 : wrong;
}

/* Answers by reply, by send, late, or not at all. */
static void answer(message *m, uint32_t *state)
{
	int to = m->m_source;
	uint32_t way = chance(state) % 8;

	m->m_type = TYPE_ANSWER;
	if (way == 0)
		return;
	if (way == 1)
		nap(chance(state) % 6000);
	m->m1_i3 = way == 2;
	if (m->m1_i3)
		dvk_send_T(to, m, 5); /* times out if the caller has given up */
	else
		dvk_reply_T(to, m, 5);
}

long weather_receive(const char *log, int seed)
{
	static unsigned char came[WEATHER_SENDERS][WEATHER_MESSAGES];
	uint32_t state = 4711u + (uint32_t)seed;
	long quiet_ms = 0, wrong = 0;

	memset(came, 0, sizeof(came));
	while (quiet_ms < QUIET_MS) {
		long timeout = 1 + chance(&state) % 5;
		message m = { 0 };

		if (dvk_receive_T(ANY, &m, timeout) < 0) {
			quiet_ms += timeout;
			continue;
		}
		quiet_ms = 0;
		if (m.m1_i1 < 0 || m.m1_i1 >= WEATHER_SENDERS || m.m1_i2 < 0 ||
		    m.m1_i2 >= WEATHER_MESSAGES) {
			wrong++;
			continue;
		}
		came[m.m1_i1][m.m1_i2]++;
		if (m.m_type == TYPE_CALL)
			answer(&m, &state);
		if (chance(&state) % 3 == 0)
			nap(chance(&state) % 3000);
	}
	return write_log(log, came, sizeof(came)) ? -1 : wrong;
}
