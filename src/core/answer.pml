/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A time-out against a late answer, as core/call.c has it, explored completely for some
 * requests of one client, each of which may be given up at any moment:
 *
 *	client                                  server
 *	request := FULL                         takes it
 *	looks for an answer of its sequence,    answer := FULL, for that sequence
 *	  gives others back                     request TAKEN -> DONE
 *	in time: takes it, request := DONE        not so any more: answer FULL -> WITHDRAWN,
 *	late: request -> WITHDRAWN or DONE          and if it was taken all is well
 *	  answered by now: takes the answer
 *
 * Checked: an answer is taken by the request that it is for, once, and by none that was given up; who
 * answered knows whether the answer was taken; nobody waits for ever.
 *
 * must fail with: -DANY_ANSWER
 * must fail with: -DBLIND_SERVER
 * must fail with: -DDEAF_CLIENT
 */

#ifndef REQUESTS
#define REQUESTS 4
#endif

#define FREE 0
#define FULL 1
#define TAKEN 2
#define DONE 3
#define WITHDRAWN 4

byte request, request_seq; /* the client's line */
bool request_failed;	   /* its result, once DONE */
byte answer, answer_of;	   /* the server's line, and which request it answers */
bool got[REQUESTS + 1], given_up[REQUESTS + 1];
bool answered[REQUESTS + 1], closed[REQUESTS + 1];
bool client_done, server_done;

#define IS_MINE(n) (answer == FULL && answer_of == n)

/* call_look_for_answer(), then call_finish(): two steps, between which the server may do anything. */
inline take(n)
{
	answer = TAKEN;
	got[answer_of] = true;
	assert(answer_of == n);
	assert(!given_up[n])
}

inline finish(n)
{
	atomic {
		if
		:: request_seq == n && request == TAKEN -> request = DONE
		:: else
		fi
	}
}

active proctype client()
{
	byte n = 1;

	do
	:: n > REQUESTS -> break
	:: else ->
		atomic { request_seq = n; request = FULL; request_failed = false };
		do
#ifndef ANY_ANSWER
		:: atomic { IS_MINE(n) -> take(n) }; finish(n); break
		:: atomic { answer == FULL && answer_of != n -> answer = WITHDRAWN }
#else
		:: atomic { answer == FULL -> take(n) }; finish(n); break
#endif
		/* time is over */
		:: atomic { request == FULL -> request = WITHDRAWN; given_up[n] = true }; break
		:: atomic { request == TAKEN -> request = DONE; request_failed = true; given_up[n] = true }; break
		:: request == DONE && !request_failed ->
#ifndef DEAF_CLIENT
			atomic { IS_MINE(n) -> take(n) };
#else
			given_up[n] = true;
#endif
			break
		od;
		n++
	od;
	client_done = true
}

active proctype server()
{
	byte q;
	bool in_time;

	do
	:: atomic { request == FULL -> request = TAKEN; q = request_seq };
		/* call_make_room(): an answer that nobody waits for any more is taken back */
		atomic {
			if
			:: answer == FULL -> answer = WITHDRAWN
			:: else
			fi
		};
		atomic { answer = FULL; answer_of = q };
		/* line_answered() */
		atomic {
			in_time = false;
			if
			:: request_seq == q && request == TAKEN -> request = DONE; in_time = true
			:: request_seq == q && request == DONE && !request_failed -> in_time = true
			:: else
			fi
		};
		if
		:: in_time -> answered[q] = true
		:: else ->
#ifndef BLIND_SERVER
			/* answer_check() */
			atomic {
				if
				:: answer == FULL -> answer = WITHDRAWN; closed[q] = true
				:: answer == TAKEN -> answered[q] = true
				:: else -> closed[q] = true
				fi
			}
#else
			closed[q] = true
#endif
		fi
	:: client_done && request != FULL -> break
	od;
	server_done = true
}

active proctype judge()
{
	byte n = 1;

	client_done && server_done;
	do
	:: n > REQUESTS -> break
	:: else ->
		assert(!(got[n] && given_up[n]));
		assert(got[n] || given_up[n]);
		assert(got[n] == answered[n]);
		assert(!(got[n] && closed[n]));
		n++
	od
}
