/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Waiting on a bell as libdvk/wait.c does it: one sleeper, two ringers that ring twice each. The bell has
 * to lose no wake: nobody sleeps on while there is news that it has not seen.
 *
 *	sleeper                                ringer
 *	seq := bell.seq                        change the line
 *	look                                   fence
 *	sleeping := 1                          if (sleeping)
 *	fence                                       bell.seq++, wake
 *	look again
 *	sleep while bell.seq == seq
 *
 * A store reaches the others at some time before the fence that follows it. Without a fence it may come
 * as late as it likes, so each of these has to find a sleeper that nobody wakes:
 *
 * must fail with: -DNO_SLEEPER_FENCE
 * must fail with: -DNO_RINGER_FENCE
 * must fail with: -DNO_SECOND_LOOK
 */

#define RINGERS 2
#define RINGS 2

byte news;		 /* how often a line was changed, as the sleeper sees it */
byte seq;		 /* futex word */
bool sleeping;		 /* as the ringers see it */
bool sleeping_on_way;	 /* the sleeper's store that has not arrived yet */
byte news_on_way[RINGERS];
bool asleep;		 /* in the kernel */

/* Stores arrive one by one, by themselves. */
active proctype memory()
{
end:	do
	:: atomic { sleeping_on_way -> sleeping_on_way = false; sleeping = true }
	:: atomic { news_on_way[0] > 0 -> news_on_way[0]--; news++ }
	:: atomic { news_on_way[1] > 0 -> news_on_way[1]--; news++ }
	od
}

active [RINGERS] proctype ringer()
{
	byte me = _pid - 1;
	byte n;

	do
	:: n == RINGS -> break
	:: else ->
		n++;
		news_on_way[me]++;
#ifndef NO_RINGER_FENCE
		news_on_way[me] == 0;
#endif
		if
		:: sleeping -> seq++; asleep = false
		:: else
		fi
	od
}

active proctype sleeper()
{
	byte seen, at;

	do
	:: seen == RINGERS * RINGS -> break
	:: else ->
		at = seq;
		if
		:: news != seen -> seen = news
		:: else ->
			sleeping_on_way = true;
#ifndef NO_SLEEPER_FENCE
			!sleeping_on_way;
#endif
			if
#ifndef NO_SECOND_LOOK
			:: news != seen -> skip
			:: news == seen ->
#else
			:: true ->
#endif
				/* the kernel compares and sleeps in one step */
				atomic {
					if
					:: seq == at -> asleep = true
					:: else
					fi
				};
				!asleep
			fi;
			/* this store may be late as well: a ring too many harms nobody */
			sleeping_on_way = false;
			sleeping = false
		fi
	od
}
