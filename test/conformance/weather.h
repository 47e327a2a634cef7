/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A storm of messages: senders and receivers with short time-outs of every kind, so that taking and
 * withdrawing race all the time. Each keeps a log; custody (a message is taken once, or given back)
 * shows when the logs are laid side by side.
 */

#define WEATHER_SENDERS	 6
#define WEATHER_MESSAGES 400 /* of each sender */

/* The fate of a message, in the sender's log: one byte for each. */
enum weather {
	WEATHER_NONE,
	WEATHER_SENT,	    /* dvk_send returned 0: it was taken, once */
	WEATHER_KEPT,	    /* dvk_send timed out, or a call was refused: nobody has it */
	WEATHER_ANSWERED,   /* dvk_sendrec returned its answer: it was taken, once */
	WEATHER_UNANSWERED, /* dvk_sendrec timed out: it was taken once or never */
	WEATHER_UNKNOWN, /* dvk_send must not wait and could not know: it was taken once or never */
	WEATHER_WRONG,	 /* anything else */
};

/* Sends WEATHER_MESSAGES as number `sender` to ep[0..2]; calls only if `user`. Says how many went wrong. */
long weather_send(const char *log, int sender, const long ep[3], int user);

/* Receives until nothing has come for a second. The log: how often each message of each sender came. */
long weather_receive(const char *log, int seed);
