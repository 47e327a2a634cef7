/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Nothing that is looked at is written by the other side except when there is something: the hot word,
 * the news if they matter, and the bell's seq, which the daemon counts for every other event.
 */

#include "libdvk/look.h"

#include "os/clock.h"
#include "os/thread.h"

#define LOOKS_PER_CLOCK 32
#define YIELDS_MAX	8
#define WAITS_PER_COUNT 64

static bool has_come(const struct wait *wait)
{
	return look_changed(wait, 0) || look_news(wait);
}

static bool is_late(const struct wait *wait, int64_t now)
{
	return wait->deadline_ns >= 0 && now >= wait->deadline_ns;
}

void look_learn(struct binding *binding)
{
	binding->costs = attention_costs_of(binding->node_bell);
}

/* ---- who has the CPU ---- */

void look_give_cpu(struct binding *binding, int64_t now_ns)
{
	atomic_store_explicit(&binding->bell->cpu, 0, memory_order_relaxed);
	binding->ran_ns += now_ns - binding->got_cpu_ns;
}

void look_got_cpu(struct binding *binding, int64_t now_ns)
{
	atomic_store_explicit(&binding->bell->cpu, os_thread_cpu() + 1, memory_order_relaxed);
	binding->got_cpu_ns = now_ns;
}

/* How long it took until we had a CPU again. */
static int64_t yield(struct binding *binding)
{
	int64_t begin = os_now_ns();

	look_give_cpu(binding, begin);
	os_thread_yield();
	look_got_cpu(binding, os_now_ns());
	return binding->got_cpu_ns - begin;
}

/*
 * Another process wanted our CPU: the yield took as long as a switch, or the awaited change came during it.
 * The second rule needs no clock. Two processes that share a CPU learn by it to hand the CPU over at once, also
 * on a machine whose costs were measured wrongly.
 */
static bool was_wanted(const struct wait *wait, int64_t yield_took_ns, bool come)
{
	return come || yield_took_ns >= attention_wanted_ns(&wait->binding->costs);
}

static _Atomic uint64_t *talk_of(const struct binding *binding, unsigned cpu)
{
	return &binding->node_bell->talk[cpu % SHM_TALK_CPUS].ns;
}

/* Says for all what we ran to talk; where that is long for so many waits, it was for something else. */
static void count_talk(struct binding *binding)
{
	int64_t now = os_now_ns();
	int64_t ran = binding->ran_ns + now - binding->got_cpu_ns;
	int64_t most = (int64_t)binding->waits * ATTENTION_TALK_NS(&binding->costs);

	DVK_ASSERT(binding->waits == WAITS_PER_COUNT);
	/* Less than nothing: a move has brought us to another clock. */
	if (ran > 0)
		atomic_fetch_add_explicit(talk_of(binding, os_thread_cpu()),
					  (uint64_t)(ran < most ? ran : most),
					  memory_order_relaxed);
	binding->ran_ns = 0;
	binding->got_cpu_ns = now;
	binding->waits = 0;
}

/* Since we last asked, this CPU went to processes that do not talk, for the most part. */
static bool strangers_had_it(struct binding *binding)
{
	unsigned cpu = os_thread_cpu();
	uint64_t talked = atomic_load_explicit(talk_of(binding, cpu), memory_order_relaxed);
	int64_t now = os_now_ns();
	bool strange = binding->asked_cpu == cpu + 1 &&
		       talked - binding->asked_talk < (uint64_t)(now - binding->asked_ns) / 2;

	binding->asked_cpu = cpu + 1;
	binding->asked_talk = talked;
	binding->asked_ns = now;
	return strange;
}

/* The peer runs, and not on our CPU. The peer may be wrong about that, or lie: it costs us ATTENTION_BESIDE_NS. */
static bool runs_beside(const struct wait *wait)
{
	uint32_t cpu;

	if (!wait->peer)
		return false;
	cpu = atomic_load_explicit(&wait->peer->cpu, memory_order_relaxed);
	return cpu && cpu != os_thread_cpu() + 1;
}

/* Then its daemon holds the bell, and what it says takes longer than a look. */
static bool is_elsewhere(const struct wait *wait)
{
	return wait->peer &&
	       atomic_load_explicit(&wait->peer->holder, memory_order_relaxed) != BELL_PROCESS;
}

/* ---- the ways of looking on ---- */

static bool beside_step(const struct wait *wait)
{
	struct attention *attention = &wait->binding->beside;
	int64_t begin = 0, now;

	if (!runs_beside(wait) || !attention_begin(attention))
		return false;
	do {
		for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
			if (has_come(wait)) {
				attention_rewarded(attention);
				return true;
			}
			attention_pause();
		}
		/* The first answer, as a rule the only one, comes before the clock was ever read. */
		now = os_now_ns();
		if (!begin)
			begin = now;
	} while (now - begin < ATTENTION_BESIDE_NS(&wait->binding->costs) && runs_beside(wait));
	attention_missed(attention, 0, 0);
	return false;
}

static bool spin(const struct wait *wait, int64_t for_ns)
{
	const struct bell_page *bell = wait->binding->bell;
	int64_t begin = 0, now = 0;

	do {
		for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
			if (has_come(wait) ||
			    atomic_load_explicit(&bell->seq, memory_order_acquire) != wait->seq)
				return true;
			attention_pause();
		}
		now = os_now_ns();
		if (!begin)
			begin = now;
		if (is_late(wait, now))
			return false;
	} while (now - begin < for_ns);
	return false;
}

/* Looks on for as long as nobody else wants this CPU. *wantedp: somebody does. */
static bool spin_step(const struct wait *wait, bool may_yield, bool *wantedp)
{
	int64_t begin = os_now_ns(), now = begin, took;
	int64_t most = ATTENTION_LOCAL_NS(&wait->binding->costs);
	bool come;

	DVK_ASSERT(!*wantedp);
	while (now - begin < most && !is_late(wait, now)) {
		if (spin(wait, may_yield ? ATTENTION_UNASKED_NS(&wait->binding->costs) : most))
			return true;
		if (may_yield) {
			took = yield(wait->binding);
			come = has_come(wait);
			if (was_wanted(wait, took, come)) {
				*wantedp = true;
				return come;
			}
		}
		now = os_now_ns();
	}
	return false;
}

/*
 * The other side may be waiting for this very CPU. If a yield comes back at once, nobody is; if it takes
 * very long because of strangers, they will not let us on for a while: a yield goes to them, and a wake to the
 * woken process, so that counts as a miss.
 */
static bool yield_step(const struct wait *wait, bool *wantedp)
{
	struct binding *binding = wait->binding;
	int64_t took = 0, total = 0;
	bool found = false;

	for (int i = 0; i < YIELDS_MAX && !found; i++) {
		took = yield(binding);
		found = has_come(wait);
		if (!was_wanted(wait, took, found))
			break;
		*wantedp = true;
		total += took;
		found = found || beside_step(wait);
	}
	if (total > ATTENTION_OCCUPIED_NS(&wait->binding->costs) && strangers_had_it(binding))
		attention_missed(&binding->yielding, 0, 0);
	else if (found)
		attention_rewarded(&binding->yielding);
	return found;
}

/*
 * The daemon looks on with our CPU, and nobody else to speak of wants that: a wake by it is cheaper than all
 * the turns that we would take from it. With many who wait, its wakes are what would cost most.
 */
static bool is_better_asleep(const struct wait *wait, int64_t yield_took_ns)
{
	return yield_took_ns < ATTENTION_CROWDED_NS(&wait->binding->costs) &&
	       atomic_load_explicit(&wait->binding->node_bell->cpu, memory_order_relaxed) ==
		       os_thread_cpu() + 1;
}

/*
 * The daemon that is to bring it may have no other CPU than this one, so it is let go first all the time.
 * *missedp: it did not come in the time that we gave it.
 */
static bool far_step(const struct wait *wait, bool *missedp)
{
	int64_t begin = os_now_ns(), now = begin, before;

	DVK_ASSERT(!*missedp);
	/* No pause, and no more than one look: a message is on its way through processes that may want this CPU. */
	do {
		before = now;
		os_thread_yield();
		if (has_come(wait))
			return true;
		now = os_now_ns();
		if (is_late(wait, now) || is_better_asleep(wait, now - before))
			return false;
	} while (now - begin < ATTENTION_FAR_NS(&wait->binding->costs));
	*missedp = true;
	return false;
}

static bool look_far(struct wait *wait, struct attention **missedp)
{
	struct attention *attention = &wait->binding->far;
	bool missed = false;

	if (!attention_begin(attention))
		return false;
	if (far_step(wait, &missed)) {
		attention_rewarded(attention);
		return true;
	}
	if (missed)
		*missedp = attention;
	return false;
}

bool look_on(struct wait *wait, struct attention **missedp)
{
	struct binding *binding = wait->binding;
	bool wanted = false, found = false, may_yield;

	DVK_ASSERT(!*missedp);
	if (++binding->waits == WAITS_PER_COUNT) {
		look_learn(binding);
		count_talk(binding);
	}
	if (has_come(wait))
		return true;
	if (is_elsewhere(wait))
		return look_far(wait, missedp);
	if (beside_step(wait))
		return true;
	may_yield = attention_begin(&binding->yielding);
	if (attention_begin(&binding->looking)) {
		found = spin_step(wait, may_yield, &wanted);
		if (found && !wanted) {
			attention_rewarded(&binding->looking);
			return true;
		}
		*missedp = &binding->looking;
	}
	if (!found && may_yield)
		found = yield_step(wait, &wanted);
	/* We took the CPU from somebody, whenever it is that ours comes. */
	if (*missedp && (found || wanted)) {
		attention_missed(*missedp, 0, 0);
		*missedp = NULL;
	}
	return found;
}

void look_missed(const struct binding *binding, struct attention *missed, int64_t took_ns)
{
	DVK_ASSERT(missed == &binding->looking || missed == &binding->far);
	attention_missed(missed, took_ns, ATTENTION_SOON_NS(&binding->costs));
}
