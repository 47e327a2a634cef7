/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/cpu_time.h"

#include "os/kernel.h"

#define SECOND_NS 1000000000ull

static bool has_timers(const struct inventory *inventory)
{
	for (uint32_t i = 0; i < inventory->timer_count; i++)
		if (inventory->timer[i].clock == CLOCK_PROCESS_CPUTIME_ID)
			return true;
	return false;
}

uint32_t cpu_time_counted(const struct inventory *inventory)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	uint32_t counted = has_timers(inventory) ? MIGRATE_CPU_TIMERS : 0;

	prlimit(inventory->pid, RLIMIT_CPU, NULL, &limit);
	if (limit.rlim_cur != RLIM_INFINITY || limit.rlim_max != RLIM_INFINITY)
		counted |= MIGRATE_CPU_LIMIT;
	return counted;
}

uint32_t cpu_time_counted_frozen(const struct inventory *inventory)
{
	const struct image_itimer *timers = inventory->process.itimer;
	uint32_t counted = cpu_time_counted(inventory);

	for (int i = ITIMER_VIRTUAL; i <= ITIMER_PROF; i++)
		if (timers[i].value_s || timers[i].value_us)
			counted |= MIGRATE_CPU_TIMERS;
	return counted;
}

uint64_t cpu_time_used_ns(struct inventory *inventory)
{
	long ticks = sysconf(_SC_CLK_TCK);

	if (ticks <= 0 || procdir_read(inventory->dir, "stat", &inventory->text) < 0)
		return 0;
	return (inventory_stat_field(inventory->text.text, 14) +
		inventory_stat_field(inventory->text.text, 15)) *
	       (SECOND_NS / (uint64_t)ticks);
}

/* A limit of 0 would mean 1 to the kernel, and one that has been reached shall be reached again at once. */
static void lower(uint64_t *limit, uint64_t seconds)
{
	if (*limit == RLIM_INFINITY)
		return;
	*limit = *limit > seconds + 1 ? *limit - seconds : 1;
}

void cpu_time_lower(struct image_process *process, uint64_t used_ns, uint64_t owed_ns)
{
	uint64_t sum = used_ns + owed_ns;

	lower(&process->rlimit[RLIMIT_CPU].current, sum / SECOND_NS);
	lower(&process->rlimit[RLIMIT_CPU].maximum, sum / SECOND_NS);
	process->cpu_owed_ns = sum % SECOND_NS;
}
