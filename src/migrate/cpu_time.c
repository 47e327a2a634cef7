/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/cpu_time.h"

#include "os/machine.h"
#include "os/limit.h"

#define SECOND_NS	 1000000000ull
#define CLOCK_OF_PROCESS 2 /* CLOCK_PROCESS_CPUTIME_ID */

/* The interval timers in the order of setitimer(2). */
enum interval_timer {
	TIMER_REAL,
	TIMER_VIRTUAL,
	TIMER_PROFILE,
};

static bool has_timers(const struct inventory *inventory)
{
	for (uint32_t i = 0; i < inventory->timer_count; i++)
		if (inventory->timer[i].clock == CLOCK_OF_PROCESS || inventory->timer[i].clock < 0)
			return true;
	return false;
}

uint32_t cpu_time_counted(const struct inventory *inventory)
{
	struct os_limit limit = { OS_LIMIT_NONE, OS_LIMIT_NONE };
	uint32_t counted = has_timers(inventory) ? MIGRATE_CPU_TIMERS : 0;

	os_limit(inventory->pid, OS_LIMIT_CPU, &limit);
	if (limit.soft != OS_LIMIT_NONE || limit.hard != OS_LIMIT_NONE)
		counted |= MIGRATE_CPU_LIMIT;
	return counted;
}

uint32_t cpu_time_counted_frozen(const struct inventory *inventory)
{
	const struct image_itimer *timers = inventory->process.itimer;
	uint32_t counted = cpu_time_counted(inventory);

	for (int i = TIMER_VIRTUAL; i <= TIMER_PROFILE; i++)
		if (timers[i].value_s || timers[i].value_us)
			counted |= MIGRATE_CPU_TIMERS;
	return counted;
}

uint64_t cpu_time_used_ns(struct inventory *inventory)
{
	if (procdir_read(inventory->dir, "stat", &inventory->text) < 0)
		return 0;
	return (inventory_stat_field(inventory->text.text, 14) +
		inventory_stat_field(inventory->text.text, 15)) *
	       (SECOND_NS / os_ticks_per_second());
}

/* A limit of 0 would mean 1 to the kernel, and one that has been reached shall be reached again at once. */
static void lower(uint64_t *limit, uint64_t seconds)
{
	if (*limit == OS_LIMIT_NONE)
		return;
	*limit = *limit > seconds + 1 ? *limit - seconds : 1;
}

void cpu_time_lower(struct image_process *process, uint64_t used_ns, uint64_t owed_ns)
{
	uint64_t sum = used_ns + owed_ns;

	lower(&process->rlimit[OS_LIMIT_CPU].current, sum / SECOND_NS);
	lower(&process->rlimit[OS_LIMIT_CPU].maximum, sum / SECOND_NS);
	process->cpu_owed_ns = sum % SECOND_NS;
}
