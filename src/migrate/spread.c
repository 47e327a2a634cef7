/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/spread.h"

#include <assert.h>

#include "migrate/kind.h"
#include "os/crew.h"
#include "os/pid.h"

/* A worker takes its descriptions in ascending order, so that its first refusal is that of the lowest. */
struct worker {
	struct refusal refusal;
	uint32_t refused; /* its place; the count: none */
};

struct doing {
	const struct spread *spread;
	struct worker worker[OS_CREW_WORKERS_MAX];
};

static void do_some(void *ctx, uint32_t number, uint32_t from, uint32_t to)
{
	struct doing *doing = ctx;
	const struct spread *spread = doing->spread;
	struct worker *worker = &doing->worker[number];

	os_pid_keep();
	for (uint32_t i = from; i < to && !worker->refusal.error; i++) {
		struct description *description = &spread->descriptions->description[i];

		assert(description->kind);
		if (!description->kind->may_spread ||
		    spread->each(spread->ctx, description, &worker->refusal) == 0)
			continue;
		assert(worker->refusal.error);
		worker->refused = i;
	}
	os_pid_let_go();
}

/* The place of the first one that was refused, with the refusal; or the count. */
static uint32_t do_spread(const struct spread *spread, struct refusal *refusal)
{
	const uint32_t count = spread->descriptions->count;
	struct doing doing = { .spread = spread };
	const struct worker *first = &doing.worker[0];

	for (uint32_t i = 0; i < OS_CREW_WORKERS_MAX; i++)
		doing.worker[i].refused = count;
	os_crew(count, do_some, &doing);
	for (uint32_t i = 1; i < OS_CREW_WORKERS_MAX; i++)
		if (doing.worker[i].refused < first->refused)
			first = &doing.worker[i];
	*refusal = first->refusal;
	return first->refused;
}

int spread_do(const struct spread *spread, struct refusal *refusal)
{
	struct refusal late = REFUSAL_NONE;
	uint32_t end = do_spread(spread, &late);
	int r = 0;

	assert(end <= spread->descriptions->count);
	for (uint32_t i = 0; i < end && r == 0; i++) {
		struct description *description = &spread->descriptions->description[i];

		if (!description->kind->may_spread)
			r = spread->each(spread->ctx, description, refusal);
	}
	if (r == 0 && late.error)
		*refusal = late;
	return r ? r : late.error;
}
