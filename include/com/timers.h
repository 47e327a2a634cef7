/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_COM_TIMERS_H
#define DVK_COM_TIMERS_H
/*
 * Timers of old. The types are in dvk.h; the functions that keep queues of them are a program's own, with
 * these names.
 */
#include "../dvk.h"

#ifdef __cplusplus
extern "C" {
#endif

dvkclock_t tmrs_settimer(dvktimer_t **tmrs, dvktimer_t *tp, dvkclock_t exp_time,
			 dvk_tmr_func_t watchdog, dvkclock_t *new_head);
dvkclock_t tmrs_clrtimer(dvktimer_t **tmrs, dvktimer_t *tp, dvkclock_t *next_time);
void tmrs_exptimers(dvktimer_t **tmrs, dvkclock_t now, dvkclock_t *new_head);

#ifdef __cplusplus
}
#endif

#endif
