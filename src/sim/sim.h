/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_SIM_SIM_H
#define DVS_SIM_SIM_H

/*
 * A cluster in one process, on virtual time: the lines, the directory, the plans and the driver of moves
 * of core/ as they are, in a made-up world with nodes that crash, links that lose, delay, reorder, repeat
 * and are cut, and a group that delivers late, or is a council whose machines fall apart. A seed gives the
 * same run on every machine. After every step the checkers look for a broken invariant (I1, I2, I4, I5); at
 * the end the faults stop and every endpoint has to get an answer from every other.
 */

#include <stdbool.h>
#include <stdint.h>

/* One rule of the protocol left out, to see that the checkers notice. */
enum sim_mutation {
	SIM_SOUND = 0,
	SIM_NO_MARK_AT_FREEZE,	/* lines toward a frozen process stay FULL */
	SIM_NO_MARK_AT_RESUME,	/* its own lines come out of the image FULL */
	SIM_NO_MARK_ON_SENDING, /* a line is copied to another node unmarked */
	SIM_BOTH_STEP_BACK,	/* of two that call each other both take their request back */
	SIM_BOTH_STAY,		/* and neither */
	SIM_BOTH_SEND,		/* two plain senders wait for each other */
	SIM_REPLY_TO_ANY,	/* a receiver that waits for anybody takes a reply */
	SIM_UNPACK_BEFORE_COMMIT, /* lines that came with a process are joined before it is this node's */
	SIM_MERGE_WHILE_HELD,  /* a frame is joined into the page of an end that has been copied */
	SIM_LINES_LEFT_BEHIND, /* the image carries the process, not what was sent to it */
	SIM_NOTES_LEFT_BEHIND, /* the same of the notifications */
	SIM_THAW_ON_CUT,       /* the source resumes when the connection breaks after its COMMIT */
	SIM_RESUME_ON_CUT,     /* the target resumes when the connection breaks after LOADED */
	SIM_NO_GENERATION,     /* frames of an earlier life of an endpoint are accepted */
	SIM_ANSWER_TO_NEXT_LIFE, /* a server answers whatever has the number of its client by now */
	SIM_NO_OFFER,		 /* nobody asks for its lines after it has come to a node */
	SIM_OUT_OF_ORDER,	 /* one node applies two commands in the other order */
	SIM_COMMIT_IN_HASTE,	 /* by hand, while something is on its way between nodes */
	SIM_NUMBERS_AGAIN,	 /* a process that comes by hand counts anew */
	SIM_OLD_LIVES_ON,	 /* a commit by hand does not end the old process */
	SIM_UNMARK_ON_ROLLBACK,	 /* a rollback gives back what is on its way to the process */
	SIM_ASK_ALWAYS_AGAIN,	 /* a request is asked again whenever the link is lost */
	SIM_RESTART_IN_HASTE,	 /* a daemon restarts while it does what was asked */
	SIM_TOLD_OUTLIVES,	 /* a word over a link that has ended counts as heard */
	SIM_COMMIT_OF_ONE,	 /* of several endpoints the order gives one to the target */
	SIM_TAKE_ONE,		 /* and the target takes one over */
	SIM_THAW_ONE,		 /* or the source lets one go on */
	SIM_NO_PROGRESS,	 /* the driver does not see that a transfer gets on */
	SIM_NO_LIMIT,		 /* nobody looks at the time while a step runs */
	/* of a council */
	SIM_FIRST_OF_COUNCIL,
	SIM_AGREED_IS_DECIDED =
		SIM_FIRST_OF_COUNCIL, /* a command is acted upon before a quorum holds it */
	SIM_MINORITY_GOES_ON,	      /* machines that are no quorum decide */
	SIM_RING_UNMATCHED,	      /* the quorum of one ring counts for another one */
	SIM_OTHER_POINT,	      /* a joiner's state is of another point than it says */
	SIM_STALE_RUN_ON,	      /* a node that was put out does not stop its processes */
	SIM_NOTHING_STAYS,	      /* all proposers give up when the quorum is lost */
	SIM_HEARD_AGAIN,	      /* a message of an earlier ring counts in a later one */
	SIM_SEND_ALWAYS, /* a member sends as much as it has while the multicast takes nothing */
	SIM_ANY_LIFE,	 /* a node takes the NODE_JOIN of its earlier life for its own */
	SIM_WORD_OF_TWO, /* a word aside counts for its hearers as well */
	SIM_MUTATIONS,
};

enum sim_engine {
	SIM_BY_SEED = 0,
	SIM_SEQUENCER,
	SIM_COUNCIL,
};

struct sim_options {
	uint64_t seed;
	enum sim_engine engine;
	uint32_t steps; /* events until the faults stop; 0: the default */
	bool verbose;	/* print every event */
	enum sim_mutation mutation;
};

struct sim_report {
	bool failed;
	char violation[400]; /* the broken invariant, when failed */
	uint64_t time_us;    /* virtual, at the end */
	uint32_t steps;
	uint32_t messages, taken, withdrawn, answered, died, notes;
	uint32_t replies, stepped_back;
	uint32_t by_hand, held, said_again;
	uint32_t asked, asked_again, restarts;
	uint32_t states, joiners_lost, joins_together, givers_lost;
	uint32_t rings, minorities, fenced, flaps, fulls, joins_cut, words; /* of a council */
	uint32_t committed, rolled_back, refused, possible, lost, cancelled;
	uint32_t together, fellows_killed;	 /* moves of several endpoints */
	uint32_t overdue_source, overdue_target; /* bit by state whose limit has passed */
	uint32_t crashes, cuts, frames, frames_lost, frames_repeated, commands;
};

#define SIM_STEPS_DEFAULT 20000

/* Runs one seed. Uses static memory: one run at a time. */
void sim_run(const struct sim_options *options, struct sim_report *report);

const char *sim_mutation_name(enum sim_mutation mutation);

#endif
