/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_CREW_H
#define DVS_OS_CREW_H

/*
 * Work of many parts of which none needs another one: done by the caller and by threads on other CPUs, where the
 * program may use them. A thread begins with the namespaces and the rights of the caller.
 */

#include <stdint.h>

#define OS_CREW_WORKERS_MAX 4u /* the caller among them */

/* Does the parts from `from` on, before `to`. worker: its number; each is one thread, whose parts ascend. */
typedef void os_crew_fn(void *ctx, uint32_t worker, uint32_t from, uint32_t to);

/* Returns when all parts have been done, each once. Without further threads the caller does them all. */
void os_crew(uint32_t count, os_crew_fn *work, void *ctx);

#endif
