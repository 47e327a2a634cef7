/* SPDX-License-Identifier: Apache-2.0 */

/*
 * These must hold after every step.
 *
 * I1  A message is taken at most once, whole, by the endpoint it was sent to. A sender that was told
 *     "taken" is right, and one that was told "withdrawn" is right for ever.
 *     An answer is only ever posted to, and taken by, the life that asked.
 *     No notification is lost, nor taken more often than it was posted.
 * I2  A word never falls, except SENT to FULL by the daemon that knows its replica to be the only
 *     one; and no two replicas disagree whether a message was taken or withdrawn.
 * I4  Directories at the same order number are equal. A council decides one history, and each command of a node once.
 * I5  A running copy is owned by the node it runs on, as the whole log says; and a copy that the log says to
 *     be owned by a node exists there. A node that the council has put out, and that has not heard of it, may run
 *     what it had; but no process runs twice.
 */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sim/world.h"

/* The life that asked is the one that is answered; its number alone may be another one's by now. */
static void check_answer(struct world *w, const struct letter *letter)
{
	const struct letter *request = &w->letter[letter->request];

	assert(letter->op != LINE_OP_ANSWER || letter->request <= w->letter_count);
	if (letter->op != LINE_OP_ANSWER)
		return;
	if (request->from != letter->to || request->generation[0] != letter->generation[1])
		world_fail(w,
			   "I1: endpoint %d answers request %u to generation %u of %d, of which "
			   "generation %u had asked",
			   letter->from, letter->request, letter->generation[1], letter->to,
			   request->generation[0]);
	if (request->to != letter->from || request->generation[1] != letter->generation[0])
		world_fail(w, "I1: endpoint %d answers request %u, which was not for it",
			   letter->from, letter->request);
}

uint32_t checker_letter(struct world *w, int from, int to, uint32_t from_generation,
			uint32_t to_generation, enum line_op op, uint32_t request)
{
	struct letter *letter;

	assert(from != to);
	assert(w->letter_count <= w->letter_size);
	if (w->letter_count + 1 >= w->letter_size) {
		w->letter_size = w->letter_size ? 2 * w->letter_size : 1024;
		w->letter = realloc(w->letter, w->letter_size * sizeof(*w->letter));
		if (!w->letter)
			abort();
	}
	letter = &w->letter[++w->letter_count];
	*letter = (struct letter){ .from = from,
				   .to = to,
				   .generation = { from_generation, to_generation },
				   .op = op,
				   .request = request };
	w->report->messages++;
	check_answer(w, letter);
	return w->letter_count;
}

/* The ledger of these two lives; begun anew for new ones. NULL: a stale node has an earlier life still. */
static struct ledger *ledger_of(struct world *w, int from, uint32_t from_generation, int to,
				uint32_t to_generation)
{
	struct ledger *ledger = &w->ledger[from][to];

	assert(from != to);
	if (w->council &&
	    (ledger->generation[0] > from_generation || ledger->generation[1] > to_generation))
		return NULL;
	if (ledger->generation[0] != from_generation || ledger->generation[1] != to_generation)
		*ledger = (struct ledger){ .generation = { from_generation, to_generation } };
	return ledger;
}

void checker_noted(struct world *w, int from, uint32_t from_generation, int to,
		   uint32_t to_generation, int bit)
{
	struct ledger *ledger = ledger_of(w, from, from_generation, to, to_generation);

	assert(bit >= 0 && bit < 64);
	if (!ledger)
		return;
	world_log(w, "notification of %d for %d: bit %d", from, to, bit);
	ledger->posts++;
	ledger->ever |= UINT64_C(1) << bit;
	ledger->unseen |= UINT64_C(1) << bit;
	w->report->notes++;
}

void checker_note_taken(struct world *w, int from, uint32_t from_generation, int to,
			uint32_t to_generation, const struct notify_image *note)
{
	struct ledger *ledger = ledger_of(w, from, from_generation, to, to_generation);

	world_log(w, "notification of %d is taken by %d: %llu of %llu", from, to,
		  (unsigned long long)note->taken, (unsigned long long)note->posted);
	if (!ledger)
		return;
	if (++ledger->takes > ledger->posts)
		world_fail(w, "I1: endpoint %d took more notifications of %d than were posted", to,
			   from);
	if (note->nr != from || note->bits & ~ledger->ever)
		world_fail(w, "I1: endpoint %d took a notification that %d never posted", to, from);
	ledger->unseen &= ~note->bits;
}

void checker_notes_seen(struct world *w)
{
	for (int from = 0; from < w->procs; from++)
		for (int to = 0; to < w->procs; to++) {
			const struct ledger *ledger = &w->ledger[from][to];
			const struct directory_endpoint *a = world_endpoint(&w->truth, from);
			const struct directory_endpoint *b = world_endpoint(&w->truth, to);

			if (a->bound && b->bound && a->generation == ledger->generation[0] &&
			    b->generation == ledger->generation[1] && ledger->unseen)
				world_fail(w, "I1: endpoint %d never saw notifications of %d: %llx",
					   to, from, (unsigned long long)ledger->unseen);
		}
}

void checker_fill(uint32_t number, message *msg)
{
	memset(msg, (int)(number * 7 & 0xff), sizeof(*msg));
	msg->m_type = (int)number;
}

void checker_taken(struct world *w, uint32_t number, int by, uint32_t generation,
		   const message *msg, bool any)
{
	struct letter *letter;
	message whole;

	if (!number || number > w->letter_count) {
		world_fail(w, "I1: endpoint %d took a message that nobody sent", by);
		return;
	}
	letter = &w->letter[number];
	checker_fill(number, &whole);
	if (memcmp(&whole, msg, sizeof(whole)))
		world_fail(w, "I1: message %u was taken in pieces", number);
	if (letter->to != by || letter->generation[1] != generation)
		world_fail(w, "I1: message %u to %d generation %u was taken by %d generation %u",
			   number, letter->to, letter->generation[1], by, generation);
	if (letter->op == LINE_OP_REPLY && any)
		world_fail(w, "I1: reply %u was taken by %d, which did not wait for just %d",
			   number, by, letter->from);
	if (letter->taken++)
		world_fail(w, "I1: message %u from %d to %d was taken twice", number, letter->from,
			   letter->to);
	if (letter->told == TOLD_WITHDRAWN)
		world_fail(w, "I1: message %u from %d to %d was taken after its sender got it back",
			   number, letter->from, letter->to);
	w->report->taken++;
	w->report->replies += letter->op == LINE_OP_REPLY;
}

void checker_stepped_back(struct world *w, uint32_t number, uint32_t other)
{
	struct letter *letter = &w->letter[number];

	assert(number && number <= w->letter_count);
	if (!other || other > w->letter_count || w->letter[other].op != LINE_OP_SENDREC)
		return;
	letter->stepped_for = other;
	if (w->letter[other].stepped_for == number)
		world_fail(w, "I1: endpoints %d and %d call each other and both step back",
			   letter->from, letter->to);
	w->report->stepped_back++;
}

static bool lives(const struct world *w, int proc, uint32_t generation)
{
	const struct directory_endpoint *ep = world_endpoint(&w->truth, proc);

	return ep->bound && ep->generation == generation;
}

void checker_told(struct world *w, uint32_t number, enum told told)
{
	static const char *const words[] = { "nothing",	 "taken", "withdrawn",	 "unanswered",
					     "answered", "died",  "nothing more" };
	struct letter *letter = &w->letter[number];

	assert(number && number <= w->letter_count);
	assert(told != TOLD_NOTHING);
	world_log(w, "message %u: %d is told %s", number, letter->from, words[told]);
	if (letter->told != TOLD_NOTHING)
		world_fail(w, "I1: the sender of message %u was told twice", number);
	letter->told = told;
	if (told == TOLD_WITHDRAWN && letter->taken)
		world_fail(w, "I1: the sender of message %u got it back although it was taken",
			   number);
	/* An answer never waits for its client. */
	if ((told == TOLD_TAKEN || told == TOLD_UNANSWERED || told == TOLD_ANSWERED) &&
	    letter->op != LINE_OP_ANSWER && letter->taken != 1)
		world_fail(w, "I1: the sender of message %u was told of a success, taken %u times",
			   number, letter->taken);
	if (told == TOLD_DIED && lives(w, letter->to, letter->generation[1]))
		world_fail(w, "I1: the sender of message %u was told that %d died, which lives",
			   number, letter->to);
	w->report->withdrawn += told == TOLD_WITHDRAWN;
	w->report->answered += told == TOLD_ANSWERED;
	w->report->died += told == TOLD_DIED;
}

static bool word_step_allowed(uint64_t before, uint64_t after, bool unmarked)
{
	enum line_state from = line_word_state(before), to = line_word_state(after);

	if (before == after)
		return true;
	if (line_word_seq(before) != line_word_seq(after) || from == LINE_FREE)
		return line_word_compare(after, before) > 0;
	switch (from) {
	case LINE_FULL:
		return to == LINE_SENT || to == LINE_TAKEN || to == LINE_DONE ||
		       to == LINE_WITHDRAWN;
	case LINE_SENT:
		return to == LINE_TAKEN || to == LINE_DONE || to == LINE_WITHDRAWN ||
		       (to == LINE_FULL && unmarked);
	case LINE_TAKEN:
		return to == LINE_DONE;
	case LINE_FREE:
	case LINE_DONE:
	case LINE_WITHDRAWN:
		break;
	}
	return false;
}

static uint64_t page_word(const struct page *page, int side)
{
	return atomic_load_explicit(&page->shm.line[side].word, memory_order_relaxed);
}

static void check_page(struct world *w, int node, int pair)
{
	struct page *page = &w->node[node].page[pair];

	if (!page->exists)
		return;
	for (int side = 0; side < 2; side++) {
		uint64_t word = page_word(page, side);

		if (!word_step_allowed(page->checked[side], word, page->unmarked[side]))
			world_fail(w, "I2: node %d pair %d side %d fell from %llx to %llx", node,
				   pair, side, (unsigned long long)page->checked[side],
				   (unsigned long long)word);
		page->checked[side] = word;
		page->unmarked[side] = false;
	}
}

/* Taken here and withdrawn there: the sender and the receiver would both have the message. */
static bool words_disagree(uint64_t a, uint64_t b)
{
	enum line_state state_a = line_word_state(a), state_b = line_word_state(b);
	bool taken_a = state_a == LINE_TAKEN || (state_a == LINE_DONE && !line_word_result(a));
	bool taken_b = state_b == LINE_TAKEN || (state_b == LINE_DONE && !line_word_result(b));

	return line_word_seq(a) == line_word_seq(b) &&
	       ((taken_a && state_b == LINE_WITHDRAWN) || (taken_b && state_a == LINE_WITHDRAWN));
}

static void check_replicas(struct world *w, int pair)
{
	for (int i = 0; i < w->nodes; i++)
		for (int j = i + 1; j < w->nodes; j++) {
			const struct page *a = &w->node[i].page[pair], *b = &w->node[j].page[pair];

			if (!a->exists || !b->exists ||
			    memcmp(a->generation, b->generation, sizeof(a->generation)))
				continue;
			for (int side = 0; side < 2; side++)
				if (words_disagree(page_word(a, side), page_word(b, side)))
					world_fail(w,
						   "I2: pair %d side %d is taken at one of nodes "
						   "%d, %d and withdrawn at the other",
						   pair, side, i, j);
		}
}

/* The log has ended this life of the node, which has not been told so. */
static bool is_stale(const struct world *w, int node)
{
	const struct directory_node *known = &w->truth.node[node];

	return w->council && (!known->up || known->incarnation != w->node[node].incarnation);
}

static bool runs(const struct world *w, int node, int proc)
{
	const struct copy *copy = &w->node[node].copy[proc];

	return w->node[node].up && copy->state == COPY_RUNNING && !copy->held;
}

static void check_twins(struct world *w, int proc)
{
	assert(w->council);
	for (int a = 0; a < w->nodes; a++)
		for (int b = 0; b < a; b++)
			if (runs(w, a, proc) && runs(w, b, proc) &&
			    w->node[a].copy[proc].program.generation ==
				    w->node[b].copy[proc].program.generation)
				world_fail(w, "I5: endpoint %d runs at nodes %d and %d", proc, a,
					   b);
}

static void check_copy(struct world *w, int node, int proc)
{
	const struct copy *copy = &w->node[node].copy[proc];
	const struct directory_endpoint *true_ep = world_endpoint(&w->truth, proc);
	const struct directory_endpoint *own_ep = world_endpoint(&w->node[node].directory, proc);

	/* One that is held by hand is not stopped: it says and takes nothing until its node hears of the commit. */
	if (runs(w, node, proc) && !is_stale(w, node) &&
	    (!true_ep->bound || true_ep->generation != copy->program.generation ||
	     true_ep->node != node))
		world_fail(w, "I5: endpoint %d runs at node %d, the order says %s at %d", proc,
			   node, true_ep->bound ? "it is" : "it is nowhere, last", true_ep->node);
	/* Committed by hand: the process is still to come. */
	if (own_ep->bound && own_ep->node == node && own_ep->attached &&
	    (copy->state == COPY_NONE || copy->program.generation != own_ep->generation))
		world_fail(w, "I5: node %d owns endpoint %d and has no copy of it", node, proc);
}

/* From the commit on the target must have what it is going to resume. */
static void check_owner(struct world *w, int proc)
{
	const struct directory_endpoint *ep = world_endpoint(&w->truth, proc);
	const struct directory_endpoint *seen;
	const struct node *owner;

	if (!ep->bound)
		return;
	owner = &w->node[ep->node];
	seen = world_endpoint(&owner->directory, proc);
	if (!owner->up || is_stale(w, ep->node) || seen->generation != ep->generation ||
	    !seen->bound || !ep->move)
		return;
	/* By hand it is another process, which is there when the node has heard of the commit. */
	if (ep->lpid)
		return;
	if (owner->copy[proc].state == COPY_NONE && seen->node != ep->node)
		world_fail(w, "I5: the order gave endpoint %d to node %d, which has no copy", proc,
			   ep->node);
}

void checker_after_step(struct world *w)
{
	for (int pair = 0; pair < world_pair(w->procs - 1, w->procs - 2) + 1; pair++) {
		for (int node = 0; node < w->nodes; node++)
			if (w->node[node].up)
				check_page(w, node, pair);
		check_replicas(w, pair);
	}
	for (int proc = 0; proc < w->procs; proc++) {
		for (int node = 0; node < w->nodes; node++)
			if (w->node[node].up && w->node[node].incarnation)
				check_copy(w, node, proc);
		check_owner(w, proc);
		if (w->council)
			check_twins(w, proc);
	}
}

void checker_said_again(struct world *w, int code)
{
	const struct log_entry *entry = &w->log[w->log_count - 1];
	const struct command *cmd = &entry->command, *before = &entry[-1].command;

	w->last_code[1] = w->last_code[0];
	w->last_code[0] = code;
	if (w->log_count < 2 || !(cmd->flags & COMMAND_FLAG_BY_HAND) || cmd->kind != before->kind ||
	    cmd->p_nr != before->p_nr || cmd->generation != before->generation ||
	    cmd->flags != before->flags || cmd->target != before->target ||
	    cmd->lpid != before->lpid || cmd->origin != before->origin)
		return;
	w->report->said_again++;
	if (code != w->last_code[1])
		world_fail(w,
			   "I4: what was said by hand of endpoint %d twice was answered %d and %d",
			   cmd->p_nr - SLOT_BASE, w->last_code[1], code);
}

void checker_applied(struct world *w, int node, uint64_t order)
{
	static uint8_t bytes[1 << 20];
	const struct directory *dir = node < 0 ? &w->truth : &w->node[node].directory;
	size_t len = directory_encode(dir, bytes, sizeof(bytes));
	struct log_entry *entry;
	uint64_t hash = hash_bytes(HASH_SEED, bytes, len) | 1;

	assert(order);
	/* A seat that a mutation has misled gives numbers that the order has not come to. */
	if (order > w->log_count) {
		world_fail(w, "I4: node %d has come to command %llu, and the order has %u", node,
			   (unsigned long long)order, w->log_count);
		return;
	}
	entry = &w->log[order - 1];
	if (!len)
		world_fail(w, "I4: the directory of node %d does not fit", node);
	if (!entry->hash)
		entry->hash = hash;
	else if (entry->hash != hash)
		world_fail(w, "I4: node %d differs from the others after command %llu", node,
			   (unsigned long long)order);
}
