/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One move, as core/plan_source.c, core/plan_target.c and core/directory_move.c have it, explored completely with a
 * message to the process under way: the connection may break and each side may give up whenever it is allowed to, each
 * node may crash, or be cut off from the order and come back to it. A third node has the sender, which may want its
 * message back. Nodes apply the order in their own time.
 *
 *	source (node 0)                 order                 target (node 1)
 *	freezes, sends the image        ->                    holds the copy, says LOADED
 *	proposes COMMIT          COMMIT, or ROLLBACK,         resumes, or discards, when it applies that
 *	kills, or thaws, when    or LEAVE of a node
 *	it applies that
 *
 *	on_target_loaded, give_up, on_commit_applied, on_rolled_back  ->  source()
 *	on_commit, on_rolled_back of the target                       ->  target()
 *	directory_commit_check, leave_apply                           ->  order()
 *	channel_pack, channel_unpack, line_merge                      ->  image, MERGE
 *
 * Checked: the process runs at one node at most, and at the owner alone unless that node is cut off (I5); where the
 * order has come to its end the owner runs it; the message is taken once at most, and never after it was given
 * back (I1); replicas agree on which of both (I2).
 *
 * must fail with: -DTHAW_ON_CUT
 * must fail with: -DRESUME_ON_CUT
 * must fail with: -DSTALE_RUN_ON
 * must fail with: -DLINES_LEFT_BEHIND
 * must fail with: -DDECIDES_WHILE_FROZEN
 */

#define NONE 0
#define RUNS 1
#define FROZEN 2
#define HELD 3

/* A line, in the order in which it grows. */
#define FREE 0
#define FULL 1
#define TAKEN 2
#define WITHDRAWN 3

#define COMMIT 1
#define ROLLBACK 2
#define LEAVE_0 3
#define LEAVE_1 4
#define DEAD 2

#define LOG 5

byte log[LOG], length;
byte owner, owner_seen[3]; /* by the whole log, and by each node */
bool moving = true, moving_seen[3] = true;
byte applied[3];
bool left[2];

byte copy[2] = { RUNS, NONE };
bool up[2] = true, cut[2];
bool connected = true, frozen_once, loaded, is_loaded, committing, source_over, commit_asked, rollback_asked;

byte line[3], image;
bool wanted, posted;
byte taken, faults;
hidden byte command;

#define MERGE(to, with) to = (to > with -> to : with)
#define HOSTS(n) (up[n] && owner_seen[n] == n && copy[n] == RUNS)
#ifdef DECIDES_WHILE_FROZEN
#define DECIDES(n) (up[n] && owner_seen[n] == n && (copy[n] == RUNS || copy[n] == FROZEN))
#else
#define DECIDES(n) HOSTS(n)
#endif

inline append(c)
{
	assert(length < LOG);
	log[length] = c;
	length++;
	if
	:: c == COMMIT && moving -> owner = 1; moving = false
	:: c == ROLLBACK && moving -> moving = false
	:: c == LEAVE_0 -> left[0] = true; owner = (owner == 0 -> DEAD : owner); moving = false
	:: c == LEAVE_1 -> left[1] = true; owner = (owner == 1 -> DEAD : owner); moving = false
	:: else
	fi
}

inline thaw()
{
	if
	:: copy[0] == FROZEN -> copy[0] = RUNS
	:: else
	fi
}

/* The process is node 1's, with what came with it. */
inline resume()
{
	if
	:: copy[1] == HELD ->
		copy[1] = RUNS;
#ifndef LINES_LEFT_BEHIND
		MERGE(line[1], image)
#endif
	:: else
	fi
}

inline apply(n)
{
	command = log[applied[n]];
	applied[n]++;
	if
	:: command == COMMIT && moving_seen[n] ->
		owner_seen[n] = 1;
		moving_seen[n] = false;
		if
		:: n == 0 -> copy[0] = NONE; source_over = true
		:: n == 1 -> resume()
		:: else
		fi
	:: command == COMMIT && !moving_seen[n] && n == 0 && !source_over -> thaw(); source_over = true
	:: (command == ROLLBACK || command == LEAVE_1) && moving_seen[n] ->
		moving_seen[n] = false;
		if
		:: n == 0 -> thaw(); source_over = true
		:: n == 1 -> copy[1] = NONE
		:: else
		fi
	:: command == LEAVE_0 && owner_seen[n] == 0 ->
		owner_seen[n] = DEAD;
		moving_seen[n] = false;
		if
		:: n == 1 -> copy[1] = NONE
		:: else
		fi
	:: command == LEAVE_1 && owner_seen[n] == 1 -> owner_seen[n] = DEAD
	:: else
	fi
}

active proctype source()
{
end:
	do
	:: d_step { up[0] && copy[0] == RUNS && !frozen_once && moving_seen[0] -> copy[0] = FROZEN; frozen_once = true }
	/* Before the commit is proposed it may give up at any moment. */
	:: d_step { up[0] && !committing && !source_over && moving_seen[0] && !rollback_asked ->
		frozen_once = true;
		thaw();
		rollback_asked = true }
	:: d_step { up[0] && copy[0] == FROZEN && loaded && connected && !committing && !cut[0] ->
		committing = true;
		commit_asked = true }
#ifdef THAW_ON_CUT
	:: d_step { up[0] && committing && !connected -> thaw() }
#endif
	od
}

active proctype target()
{
end:
	do
	:: d_step { up[0] && up[1] && copy[0] == FROZEN && connected && !is_loaded && moving_seen[1] &&
		!committing ->
		image = line[0];
		copy[1] = HELD;
		is_loaded = true;
		loaded = true }
#ifdef RESUME_ON_CUT
	:: d_step { up[1] && copy[1] == HELD && !connected -> resume(); owner_seen[1] = 1 }
#endif
	od
}

active proctype order()
{
end:
	do
	/* A proposal of a node that has left is dropped. */
	:: d_step { commit_asked && !left[0] -> commit_asked = false; append(COMMIT) }
	:: d_step { rollback_asked && !left[0] && length < LOG - 3 -> rollback_asked = false; append(ROLLBACK) }
	:: d_step { (!up[0] || cut[0]) && !left[0] -> append(LEAVE_0) }
	:: d_step { (!up[1] || cut[1]) && !left[1] -> append(LEAVE_1) }
	:: d_step { up[0] && !cut[0] && !left[0] && applied[0] < length -> apply(0) }
	:: d_step { up[1] && !cut[1] && !left[1] && applied[1] < length -> apply(1) }
	:: d_step { applied[2] < length -> apply(2) }
	od
}

#define FAULT(n) \
	:: d_step { up[n] && faults < 2 -> faults++; up[n] = false; copy[n] = NONE; line[n] = FREE; connected = false } \
	:: d_step { up[n] && !cut[n] && !left[n] && faults < 2 -> faults++; cut[n] = true } \
	:: d_step { up[n] && cut[n] -> cut[n] = false; \
		copy[n] = (left[n] && !STALE -> NONE : copy[n]); up[n] = (left[n] && !STALE -> false : up[n]) }
#ifdef STALE_RUN_ON
#define STALE true
#else
#define STALE false
#endif

active proctype world()
{
end:
	do
	FAULT(0)
	FAULT(1)
	:: d_step { connected -> connected = false }
	od
}

#define TALK(n) \
	:: d_step { posted && owner_seen[2] == n && DECIDES(n) -> MERGE(line[n], line[2]) } \
	:: d_step { posted && owner_seen[2] == n && DECIDES(n) -> MERGE(line[2], line[n]) } \
	:: d_step { HOSTS(n) && line[n] == FULL -> line[n] = TAKEN; taken++ } \
	:: d_step { DECIDES(n) && line[n] == FULL && wanted && owner_seen[2] == n -> line[n] = WITHDRAWN }

active proctype talk()
{
end:
	do
	:: d_step { !posted -> posted = true; line[2] = FULL }
	:: d_step { posted && !wanted -> wanted = true }
	TALK(0)
	TALK(1)
	od
}

#define QUIET(n) (up[n] && !cut[n] && !left[n] && applied[n] == length)

active proctype checker()
{
end:
	do
	:: d_step { true ->
		assert(!(copy[0] == RUNS && copy[1] == RUNS));
		assert(taken <= 1);
		assert(!(taken && line[2] == WITHDRAWN));
		assert(!(copy[0] == RUNS && !cut[0] && left[0]));
		assert(!(copy[1] == RUNS && !cut[1] && left[1]));
		assert(!(copy[1] == RUNS && owner != 1 && !left[1] && !cut[1]));
		assert(!(QUIET(0) && QUIET(1) && !moving && owner == 1 && copy[1] != RUNS));
		assert(!(QUIET(0) && QUIET(1) && !moving && owner == 0 && copy[0] != RUNS)) }
	od
}
