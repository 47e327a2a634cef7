/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the original's headers beyond the calls and the rows, with the kind they had: a macro that #if
 * may ask, a tag, a type. It is compiled, in C and C++, beside the headers and against the installed ones.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define DVS_USERSPACE 1
#include "../../include/com/dvs_config.h"
#include "../../include/com/config.h"
#include "../../include/com/com.h"
#include "../../include/com/const.h"
#include "../../include/com/cmd.h"
#include "../../include/com/priv_usr.h"
#include "../../include/com/dc_usr.h"
#include "../../include/com/node_usr.h"
#include "../../include/com/proc_sts.h"
#include "../../include/com/proc_usr.h"
#include "../../include/com/proxy_sts.h"
#include "../../include/com/proxy_usr.h"
#include "../../include/com/dvs_usr.h"
#include "../../include/dvk/dvk_ioparm.h"
#include "../../include/com/stub_dvkcall.h"
#include "../../include/com/timers.h"
#include "../../include/com/types.h"
#include "../../include/com/macros.h"
#include "../../include/generic/tracker.h"

#if PX_BIT_INUSE != 0 || PX_BIT_SCONNECTED != 1 || PX_BIT_RCONNECTED != 2
#error "bits of a pair of proxies"
#endif
#if NODE_BIT_ATTACHED != 1 || NODE_BIT_SCONNECTED != 2 || NODE_BIT_RCONNECTED != 3
#error "bits of a node"
#endif
#if BIT_SLOT_FREE != 0 || BIT_RECEIVING != 3 || BIT_ONCOPY != 10 || BIT_WAITBIND != 18
#error "bits of p_rts_flags"
#endif
#if MIS_BIT_PROXY != 0 || MIS_BIT_GRPLEADER != 5 || MIS_BIT_ATOMIC != 13 || MIS_BIT_ENQUEUED != 14
#error "bits of p_misc_flags"
#endif
#if DVS_BIT_INITIALIZED != 8 || DVK_CHAR_BITS != 8 || BIT_DC_FREE != 1
#error "bits of the DVS and of a DC"
#endif
#ifndef EXTERN
#error "EXTERN"
#endif

EXTERN int nobody_defines_it;
enum proxy_cmd a_command(void);
enum proc_status a_state(void);
enum mis_status a_mark(void);
enum px_status a_pair(void);
enum dvs_flags a_flag(void);
unsigned long sizes(void);
dvkclock_t begin_timer(dvktimer_t *timer);

enum proxy_cmd a_command(void)
{
	return CMD_SHUTDOWN;
}
enum proc_status a_state(void)
{
	return WAITMIGR;
}
enum mis_status a_mark(void)
{
	return MIS_KILLED;
}
enum px_status a_pair(void)
{
	return PROXIES_RCONNECTED;
}
enum dvs_flags a_flag(void)
{
	return DVK_INITIALIZED;
}

unsigned long sizes(void)
{
	return sizeof(struct dvs_usr) + sizeof(struct dc_usr) + sizeof(struct node_usr) +
	       sizeof(struct proc_usr) + sizeof(struct priv_usr) + sizeof(struct proxies_usr_s) +
	       sizeof(struct cmd_s) + sizeof(struct vcopy_s) + sizeof(struct trk_msg_s) +
	       sizeof(struct parm_bind_s) + sizeof(struct parm_ipc_s) + sizeof(struct dvktimer) +
	       sizeof(dvk_tmr_arg_t) + sizeof(dvk_tmr_func_t) + sizeof(dvk_id_t) +
	       sizeof(irq_id_t) + sizeof(ksigset_t) + sizeof(update_t) + sizeof(dc_map_t) +
	       sizeof(node_map_t);
}

dvkclock_t begin_timer(dvktimer_t *timer)
{
	dvk_tmr_inittimer(timer);
	dvk_tmr_arg(timer)->ta_int = 1;
	return *dvk_tmr_exp_time(timer) == TMR_NEVER ? TMR_NEVER : timer->dvk_tmr_exp_time;
}
