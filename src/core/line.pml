/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The line's protocol as core/line.h states it, explored completely for one line, two messages and
 * two moves of the receiver among three nodes. The sender stays on node 0 and may at any time
 * give up waiting. Each node has a replica; frames between nodes may be lost, repeated and late.
 *
 *	sender --- replica 0 ==== frames ==== replica 1, replica 2 --- receiver (on node `place`)
 *
 * Checked: no message is taken twice; none that its sender got back is ever taken; what its sender
 * believes delivered was taken.
 *
 * must fail with: -DRAW_IMAGE
 * must fail with: -DRAW_FRAME
 * must fail with: -DNOT_CARRIED
 */

#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef MOVES
#define MOVES 2
#endif

#define FREE 0
#define FULL 1
#define SENT 2
#define TAKEN 3
#define WITHDRAWN 4

/* FULL and SENT rank alike. */
#define RANK(s) (s == FREE -> 0 : (s <= SENT -> 1 : (s == TAKEN -> 2 : 3)))
#define WAITING(n) (state[n] == FULL || state[n] == SENT)

byte state[3], seq[3];
byte place = 1;	   /* the owner, by the order */
byte told = 1;	   /* the owner, as far as node 0 has applied the order */
bool held;	   /* the receiver is frozen, its far ends are the daemon's */
byte wanted;	   /* the sender wants this message back */
byte taken[MESSAGES + 1];
bool returned[MESSAGES + 1];
bool done;

chan to1 = [1] of { byte, byte, byte };
chan to2 = [1] of { byte, byte, byte };
chan back = [1] of { byte, byte };

/* line_merge() of (q, s) at node n. */
inline merge(n, q, s, at_receiver)
{
	if
	:: q > seq[n] || (q == seq[n] && RANK(s) > RANK(state[n])) ->
		seq[n] = q;
		state[n] = ((s == FULL || s == SENT) -> (at_receiver -> FULL : SENT) : s)
	:: else
	fi
}

/* The receiver's replica decides whether the sender gets its message back. */
inline withdraw_here(n, q)
{
	if
	:: q && seq[n] == q && WAITING(n) -> state[n] = WITHDRAWN
	:: else
	fi
}

active proctype sender()
{
	byte n = 1;

	do
	:: n > MESSAGES -> break
	:: else ->
		atomic { seq[0] = n; state[0] = FULL }
		do
		:: atomic { state[0] == TAKEN -> assert(taken[n] == 1); break }
		:: atomic { state[0] == WITHDRAWN -> assert(taken[n] == 0); returned[n] = true; break }
		:: atomic { state[0] == FULL -> state[0] = WITHDRAWN }
		:: atomic { state[0] == SENT && wanted != n -> wanted = n }
		od;
		n++
	od;
	done = true
}

active proctype receiver()
{
end:	do
	:: atomic { !held && WAITING(place) ->
		taken[seq[place]]++;
		assert(taken[seq[place]] == 1);
		assert(!returned[seq[place]]);
		state[place] = TAKEN }
	:: done -> break
	od
}

/* Node 0's daemon: sends its replica to where it believes the receiver to be, and merges answers. */
active proctype near()
{
	byte q, s;

end:	do
	:: atomic { told == 1 && seq[0] && nfull(to1) ->
#ifndef RAW_FRAME
		state[0] = (state[0] == FULL -> SENT : state[0]);
#endif
		to1!seq[0], state[0], wanted }
	:: atomic { told == 2 && seq[0] && nfull(to2) ->
		state[0] = (state[0] == FULL -> SENT : state[0]);
		to2!seq[0], state[0], wanted }
	:: atomic { back?q, s -> merge(0, q, s, told == 0) }
	:: back?q, s /* lost */
	:: atomic { told != place && !held -> told = place }
	:: done -> break
	od
}

/* The other daemons: deliver only what arrives for a receiver that is here and not moving. */
active proctype far()
{
	byte q, s, w;

end:	do
	:: atomic { to1?q, s, w ->
		if
		:: place == 1 && !held -> merge(1, q, s, true); withdraw_here(1, w)
		:: true /* lost, or not for us any more */
		fi }
	:: atomic { to2?q, s, w ->
		if
		:: place == 2 && !held -> merge(2, q, s, true); withdraw_here(2, w)
		:: true
		fi }
	:: atomic { place && !held && state[place] >= TAKEN && nfull(back) ->
		back!seq[place], state[place] }
	:: done -> break
	od
}

/* Moves of the receiver, committed or rolled back. */
active proctype mover()
{
	byte n, target, q, s;

	do
	:: n == MOVES -> break
	:: done -> break
	:: else ->
		n++;
		if
		:: place != 0 -> target = 0
		:: place != 1 -> target = 1
		:: place != 2 -> target = 2
		fi;
		/* hold: nobody withdraws by himself any more */
		atomic { held = true; state[place] = (state[place] == FULL -> SENT : state[place]) };
		/* line_export(): what was posted since the hold is marked as well, or it might be withdrawn
		 * here and taken there */
		atomic {
#ifndef RAW_IMAGE
			state[place] = (state[place] == FULL -> SENT : state[place]);
#endif
			q = seq[place];
			s = state[place]
		};
#ifndef NOT_CARRIED
		atomic { merge(target, q, s, true) };
#endif
		if
		:: atomic { place = target }
		:: true
		fi;
		/* at its owner, the receiver's replica decides again */
		atomic {
			state[place] = (state[place] == SENT -> FULL : state[place]);
			if
			:: place == 0 -> withdraw_here(0, wanted)
			:: else
			fi;
			held = false
		}
	od
}
