/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two endpoints that call each other at the same time, as core/call.c has it, explored completely for one call of
 * each. A request may be at another node at any moment (SENT): then the node of its receiver decides whether
 * its owner gets it back.
 *
 *	side 0                                   side 1
 *	request := FULL                          request := FULL
 *	sees the other's: takes its own back     sees the other's: stays
 *	takes the other's, which ends its call
 *	answers                                  takes the answer
 *
 * Checked: both calls end; a request is taken or given back, never both; not both step back.
 *
 * must fail with: -DBOTH_STAY
 * must fail with: -DBOTH_STEP_BACK
 * must fail with: -DTAKES_UNDECIDED
 */

#define FREE 0
#define FULL 1
#define SENT 2
#define TAKEN 3
#define DONE 4
#define WITHDRAWN 5

#define REQUEST 1
#define ANSWER 2

#define WAITS(s) (state[s] == FULL || state[s] == SENT)
#define ASKS(s) (WAITS(s) && op[s] == REQUEST)

#ifdef BOTH_STAY
#define STEPS_BACK(s) (false)
#else
#ifdef BOTH_STEP_BACK
#define STEPS_BACK(s) (true)
#else
#define STEPS_BACK(s) (s == 0)
#endif
#endif

/* A caller may take the other's request as its answer. */
#ifdef TAKES_UNDECIDED
#define MAY_TAKE(s) (!posted || !WAITS(s) || wish[s])
#else
#define MAY_TAKE(s) (!posted || !WAITS(s))
#endif

byte state[2], op[2];
bool wish[2];	 /* the owner wants its request back */
bool stepped[2]; /* it took it back, or asked for it, because the other calls as well */
bool ended[2], answered[2];
byte marks;

proctype caller(byte me)
{
	byte you = 1 - me;
	bool posted, begun, owes;

	do
	/* The look that came before has found nothing, and is old by now. */
	:: atomic { !posted && (!begun || !ASKS(you)) ->
		begun = true;
		posted = true;
		wish[me] = false;
		op[me] = REQUEST;
		state[me] = FULL }
	:: atomic { posted && WAITS(you) && op[you] == ANSWER ->
		state[you] = TAKEN;
		state[me] = DONE;
		answered[me] = true;
		break }
	:: atomic { posted && ASKS(you) && state[me] == FULL && STEPS_BACK(me) ->
		state[me] = WITHDRAWN;
		posted = false;
		stepped[me] = true }
	:: atomic { posted && ASKS(you) && state[me] == SENT && STEPS_BACK(me) && !wish[me] ->
		wish[me] = true;
		stepped[me] = true }
	:: atomic { posted && state[me] == WITHDRAWN -> posted = false }
	:: atomic { ASKS(you) && MAY_TAKE(me) ->
		state[you] = TAKEN;
		owes = true;
		if
		:: state[me] == TAKEN -> state[me] = DONE
		:: else
		fi;
		break }
	od;
	assert(!(stepped[0] && stepped[1]));
	ended[me] = true;
	if
	:: owes ->
		/* call_make_room(): what is left of the own request */
		do
		:: atomic { WAITS(me) && state[me] == FULL -> state[me] = WITHDRAWN }
		:: atomic { !WAITS(me) -> break }
		od;
		/* A peer whose request was taken, and that has taken ours, waits for nothing. */
		atomic {
			if
			:: state[you] == TAKEN && op[you] == REQUEST && !ended[you] ->
				op[me] = ANSWER;
				state[me] = FULL;
				state[you] = DONE
			:: else
			fi
		}
	:: else
	fi
}

/* Moves and links: what waits may leave, come back, and be given back if that is wanted. */
active proctype daemons()
{
end:	do
	:: atomic { marks < 4 && state[0] == FULL && op[0] == REQUEST -> state[0] = SENT; marks++ }
	:: atomic { marks < 4 && state[1] == FULL && op[1] == REQUEST -> state[1] = SENT; marks++ }
	:: atomic { marks < 4 && state[0] == SENT -> state[0] = FULL; marks++ }
	:: atomic { marks < 4 && state[1] == SENT -> state[1] = FULL; marks++ }
	:: atomic { state[0] == SENT && wish[0] -> state[0] = WITHDRAWN }
	:: atomic { state[1] == SENT && wish[1] -> state[1] = WITHDRAWN }
	od
}

init
{
	atomic {
		run caller(0);
		run caller(1)
	}
	ended[0] && ended[1];
	/* One of the two requests was answered. */
	assert(answered[0] || answered[1])
}
