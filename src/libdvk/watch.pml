/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A receiver that looks at one sender's line by itself, and a sender that does not ring such a receiver:
 * libdvk/call_receive.c and channel_ring_message(). The receiver changes the watched sender while both send.
 * No message may stay in a line that the receiver has neither a ring for nor looks at.
 *
 *	receiver                               sender
 *	watched := another                     changes its line
 *	fence                                  fence
 *	looks at the line of the one before    rings, unless it is the watched one
 *
 * A store reaches the others at some time before the fence that follows it.
 *
 * must fail with: -DNO_RECEIVER_FENCE
 * must fail with: -DNO_SENDER_FENCE
 * must fail with: -DNO_LOOK_AT_THE_ONE_BEFORE
 */

#define SENDERS 2
#define MESSAGES 2

byte line[SENDERS];	   /* messages put into it, as the receiver sees it */
byte line_on_way[SENDERS]; /* and not yet */
bool rung[SENDERS];	   /* news bits */
byte watched;		   /* 1 + sender, as the senders see it */
byte watched_on_way;	   /* 1 + what has not arrived yet */
byte taken[SENDERS];

/* Stores arrive one by one, by themselves. */
active proctype memory()
{
end:	do
	:: atomic { line_on_way[0] > 0 -> line_on_way[0]--; line[0]++ }
	:: atomic { line_on_way[1] > 0 -> line_on_way[1]--; line[1]++ }
	:: atomic { watched_on_way > 0 -> watched = watched_on_way - 1; watched_on_way = 0 }
	od
}

active [SENDERS] proctype sender()
{
	byte me = _pid - 1;
	byte n;

	do
	:: n == MESSAGES -> break
	:: else ->
		n++;
		line_on_way[me]++;
#ifndef NO_SENDER_FENCE
		line_on_way[me] == 0;
#endif
		if
		:: watched == me + 1 -> skip
		:: else -> rung[me] = true
		fi;
		/* the rendezvous: the line is free again when its message has been taken */
		taken[me] == n
	od
}

/* At any time it may go over to watch the other one; it takes what it sees. */
active proctype receiver()
{
	byte own; /* 1 + watched, as it knows by itself */
	byte before;

	do
	:: taken[0] == MESSAGES && taken[1] == MESSAGES -> break
	:: rung[0] -> rung[0] = false; taken[0] = line[0]
	:: rung[1] -> rung[1] = false; taken[1] = line[1]
	:: own > 0 && line[own - 1] != taken[own - 1] -> taken[own - 1] = line[own - 1]
	:: own < 2 ->
		before = own;
		own++;
		watched_on_way = own + 1;
#ifndef NO_RECEIVER_FENCE
		watched_on_way == 0;
#endif
#ifndef NO_LOOK_AT_THE_ONE_BEFORE
		if
		:: before > 0 -> taken[before - 1] = line[before - 1]
		:: else
		fi
#endif
	od
}
