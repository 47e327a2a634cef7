/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Members decide commands that are delivered in agreed order, as core/council.c has it, explored completely for three
 * machines, two of which are a quorum, for some commands, rings and one crash. Agreed delivery: all that are in a ring
 * take its log in one order, each in its own time; those that go together to the next ring have taken the same; the
 * others may have taken less, or alone what nobody else will ever see.
 *
 *	log of a ring:  HELLO HELLO [epoch begins] COMMAND HELD HELD COMMAND [the sender crashes]
 *	                                              ^ member 1           ^ member 0
 *
 *	on_hello, try_begin, begin, greet_late    ->  hello()
 *	number, holders, decide                   ->  command(), decide()
 *	go_out, council_decode, on_join           ->  hello(), join()
 *
 * Checked: what any member has decided as the n-th command is what every member decides as the n-th, for ever (I4).
 * A member that has crashed has forgotten all. Until it has a state again the others stay together: if members of a
 * quorum may forget one by one while others are apart, then what they have decided is lost, as the last flag shows.
 *
 * Every member says HELD at once here. A proposer that says it later, or never, is one whose HELD the others have not
 * taken yet: nothing is decided by that which is not decided here.
 *
 * The last word that member 0, which may crash, has said aside is heard at any time, or never: also in later rings, and
 * by members that were elsewhere then. It names the epoch and the commands, as the chain of core/council_word.c does.
 *
 * must fail with: -DAGREED_IS_DECIDED
 * must fail with: -DMINORITY_GOES_ON
 * must fail with: -DANYBODY_BEGINS
 * must fail with: -DNO_EPOCH
 * must fail with: -DFORGETS_APART
 */

#define N 3
#define QUORUM 2
#ifndef COMMANDS
#define COMMANDS 2
#endif
#ifndef RINGS
#define RINGS 2
#endif
#define LOG 12

#define HELLO 1
#define COMMAND 2
#define HELD 3
#define JOIN 4

#ifdef AGREED_IS_DECIDED
#define NEEDED 1
#else
#ifdef MINORITY_GOES_ON
#define NEEDED (set == 1 || set == 2 || set == 4 -> 1 : QUORUM)
#else
#define NEEDED QUORUM
#endif
#endif

#define BIT(i) (1 << (i))
#define IN(s, i) (((s) >> (i)) & 1)
#define COUNT(s) (IN(s, 0) + IN(s, 1) + IN(s, 2))
#define AT(i, n) ((i) * (COMMANDS + 1) + (n))
/* Of two points the later epoch knows more. */
#define POINT(e, h) ((e) * 8 + (h))

/* The ring that is a quorum; all others are silent. */
byte set = 7, ring = 1, length;
byte kind[LOG], from[LOG], value[LOG];

byte epoch[N] = 1, heard[N], decided[N], seen[N], position[N], placed[N] = 7, greeted[N], said[N];
bool has_state[N] = true, running[N] = true;
byte held[9];			/* by member i of member j */
byte content[N * (COMMANDS + 1)]; /* of member i, the n-th command */
byte hello[N];			/* the point that was stated in this ring */
bool hello_has[N];

/* The last word aside of member 0, which is the one that may crash. */
byte word_epoch, word_heard, word_content[COMMANDS + 1];

byte history[COMMANDS + 1];
byte proposed, rings;
bool crashed, forgetful;
byte alive = 7; /* all but the one that has crashed */
hidden byte j, most, know, best; /* for d_steps */

inline add(k, f, v)
{
	assert(length < LOG);
	kind[length] = k;
	from[length] = f;
	value[length] = v;
	length++
}

inline say_held(i)
{
	said[i] = heard[i];
	add(HELD, i, heard[i]);
	if
	:: i == 0 ->
		word_epoch = epoch[i];
		word_heard = heard[i];
		j = 1;
		do
		:: j <= COMMANDS -> word_content[j] = (j <= heard[i] -> content[AT(i, j)] : 0); j++
		:: else -> break
		od
	:: else
	fi
}

inline decide(i)
{
	do
	:: decided[i] < heard[i] ->
		know = 0;
		j = 0;
		do
		:: j < N ->
			if
			:: IN(placed[i], j) && (j == i || held[i * N + j] > decided[i]) -> know++
			:: else
			fi;
			j++
		:: else -> break
		od;
		if
		:: know >= NEEDED ->
			decided[i]++;
			assert(!history[decided[i]] || history[decided[i]] == content[AT(i, decided[i])]);
			history[decided[i]] = content[AT(i, decided[i])]
		:: else -> break
		fi
	:: else -> break
	od
}

inline forget(i)
{
	has_state[i] = false;
	epoch[i] = 0;
	heard[i] = 0;
	decided[i] = 0;
	placed[i] = 0;
	said[i] = 0;
	j = 0;
	do
	:: j < N -> held[i * N + j] = 0; j++
	:: else -> break
	od;
	j = 1;
	do
	:: j <= COMMANDS -> content[AT(i, j)] = 0; j++
	:: else -> break
	od
}

/* best: the point of the most knowing; most: a member that has that state, N: there is none; know: how many know. */
inline look(i)
{
	best = 0;
	most = N;
	know = 0;
	j = 0;
	do
	:: j < N ->
		if
		:: IN(greeted[i], j) && hello[j] ->
			know++;
			if
#ifdef ANYBODY_BEGINS
			:: !best || hello[j] < best -> best = hello[j]; most = N
#else
			:: hello[j] > best -> best = hello[j]; most = N
#endif
			:: else
			fi;
			if
			:: hello[j] == best && hello_has[j] && most == N -> most = j
			:: else
			fi
		:: else
		fi;
		j++
	:: else -> break
	od
}

inline begin(i)
{
	running[i] = true;
	if
	:: !has_state[i]
	:: has_state[i] && POINT(epoch[i], heard[i]) == best ->
		placed[i] = 0;
		j = 0;
		do
		:: j < N ->
			if
			:: IN(greeted[i], j) && hello_has[j] && hello[j] == best ->
				placed[i] = placed[i] | BIT(j);
				held[i * N + j] = heard[i]
			:: else
			fi;
			j++
		:: else -> break
		od;
		said[i] = heard[i];
#ifndef NO_EPOCH
		epoch[i] = ring
#endif
	:: else ->
		forget(i); /* it is out */
		seen[i] = best
	fi
}

/* The HELLO of member f is taken by member i. */
inline take_hello(i, f)
{
	greeted[i] = greeted[i] | BIT(f);
	look(i);
	if
	:: running[i] && has_state[i] && !IN(placed[i], f) && hello_has[f] && most != N &&
		hello[f] == best ->
		placed[i] = placed[i] | BIT(f);
		held[i * N + f] = best % 8
	:: !running[i] && most != N && (greeted[i] == set || know >= QUORUM) -> begin(i)
	:: else
	fi
}

inline take(i)
{
	know = position[i];
	position[i]++;
	if
	:: kind[know] == HELLO -> take_hello(i, from[know])
	:: kind[know] == COMMAND && running[i] && has_state[i] ->
		heard[i]++;
		content[AT(i, heard[i])] = value[know];
		if
		:: IN(placed[i], i) -> say_held(i)
		:: else
		fi
	:: kind[know] == HELD && running[i] && has_state[i] && IN(placed[i], from[know]) ->
		if
		:: value[know] > held[i * N + from[know]] -> held[i * N + from[know]] = value[know]
		:: else
		fi
	:: kind[know] == JOIN && running[i] && has_state[i] ->
		placed[i] = placed[i] | BIT(from[know]);
		held[i * N + from[know]] = 0;
		if
		:: from[know] == i && heard[i] -> say_held(i)
		:: else
		fi
	:: else
	fi;
	if
	:: running[i] && has_state[i] && IN(placed[i], i) -> decide(i)
	:: else
	fi
}

/* Member i hears the word aside of member 0. */
inline hear_aside(i)
{
	know = 1;
	j = 1;
	do
	:: j <= word_heard -> know = know && word_content[j] == content[AT(i, j)]; j++
	:: else -> break
	od;
	if
	:: know -> held[i * N] = word_heard; decide(i)
	:: else
	fi
}

#define MAY_HEAR(i) \
	(i && running[i] && has_state[i] && IN(placed[i], i) && IN(placed[i], 0) && \
	 word_epoch == epoch[i] && word_heard <= heard[i] && word_heard > held[(i) * N])

/* A joiner gets what member g has, at one point of the order. */
inline join(i, g)
{
	has_state[i] = true;
	running[i] = true;
	epoch[i] = epoch[g];
	heard[i] = heard[g];
	decided[i] = decided[g];
	placed[i] = placed[g];
	greeted[i] = greeted[g];
	position[i] = position[g];
	said[i] = decided[i];
	seen[i] = 0;
	j = 0;
	do
	:: j < N ->
		held[i * N + j] = (j == g -> said[g] : held[g * N + j]);
		j++
	:: else -> break
	od;
	j = 1;
	do
	:: j <= COMMANDS -> content[AT(i, j)] = content[AT(g, j)]; j++
	:: else -> break
	od;
	forgetful = false;
	add(JOIN, i, 0)
}

/* Machines of the next ring that were in this one have taken the same of its log. */
#define SAME(next, i, k) (!IN(set & (next), i) || !IN(set & (next), k) || position[i] == position[k])

inline form(next)
{
	rings++;
	ring++;
	set = next;
	length = 0;
	j = 0;
	do
	:: j < LOG -> kind[j] = 0; from[j] = 0; value[j] = 0; j++
	:: else -> break
	od;
	j = 0;
	do
	:: j < N ->
		running[j] = false;
		greeted[j] = 0;
		position[j] = 0;
		hello[j] = (has_state[j] -> POINT(epoch[j], heard[j]) : seen[j]);
		hello_has[j] = has_state[j];
		if
		:: IN(next, j) -> add(HELLO, j, 0)
		:: else -> hello[j] = 0; hello_has[j] = false
		fi;
		j++
	:: else -> break
	od
}

#ifdef FORGETS_APART
#define MAY_FORGET(i) IN(set, i)
#define MAY_FORM(next) (rings < RINGS)
#else
/* All are there and have a state; until then they stay with each other. */
#define IS_THERE(i) (has_state[i] && running[i])
#define MAY_FORGET(i) (set == 7 && IS_THERE(0) && IS_THERE(1) && IS_THERE(2))
#define MAY_FORM(next) (rings < RINGS && (!forgetful || (next) == 7 || ((next) & alive) == alive))
#endif

#define MAY_ASK(i, g) \
	(IN(set, i) && IN(set, g) && running[i] && !has_state[i] && running[g] && has_state[g] && IN(placed[g], g))

active [N] proctype member()
{
end:
	do
	/* The next entry of the log. */
	:: d_step { IN(set, _pid) && position[_pid] < length -> take(_pid) }
	/* The first command is member 0's, as good as any. */
	:: d_step { IN(set, _pid) && running[_pid] && has_state[_pid] && IN(placed[_pid], _pid) &&
		proposed < COMMANDS && (proposed || _pid == 0) && heard[_pid] < COMMANDS && length < LOG - 6 ->
		proposed++;
		add(COMMAND, _pid, proposed) }
#define ASK(g) d_step { MAY_ASK(_pid, g) -> join(_pid, g) }
	:: ASK(0)
	:: ASK(1)
	:: ASK(2)
	:: d_step { MAY_HEAR(_pid) -> hear_aside(_pid) }
	od
}

active proctype world()
{
end:
	do
#define ALIKE(next) (SAME(next, 0, 1) && SAME(next, 0, 2) && SAME(next, 1, 2))
#define FORM(next) d_step { MAY_FORM(next) && ALIKE(next) -> form(next); j = 0 }
	:: FORM(3)
	:: FORM(5)
	:: FORM(6)
	:: FORM(7)
#ifdef MINORITY_GOES_ON
	:: FORM(1)
	:: FORM(4)
#endif
	:: d_step { !crashed && MAY_FORGET(0) ->
		crashed = true;
		forgetful = true;
		alive = 6;
		forget(0);
		seen[0] = 0;
		running[0] = false;
		set = set & 6; /* the others hear of it in the next ring */ }
	od
}
