/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_GENERIC_HELLO_H
#define DVK_GENERIC_HELLO_H
/* Messages that proxies of several nodes exchange inside CMD_HELLO: values of m_type. */

#define MT_ACKNOWLEDGE 0x1000 /* set in every answer */

#define MT_CLT_WAIT_BIND   1 /* m1_i1 dcid, m1_i2 endpoint; these three */
#define MT_CLT_WAIT_UNBIND 2
#define MT_SVR_WAIT_UNBIND 3
#define MT_LOAD_THRESHOLDS 4 /* m_source node, m1_i1 low, m1_i2 high, m1_i3 period */
#define MT_LOAD_LEVEL	   5 /* m9_i1 level, m9_l1 cpu percent, m9_t1 time */
#define MT_RUN_COMMAND	   6 /* payload: the command; the answer's m_type: its result */
#define MT_RMTBIND	   7
#define MT_GET_DVSINFO	   8
#define MT_GET_DCINFO	   9
#define MT_GET_PROCINFO	   10

#define LVL_IDLE      0
#define LVL_BUSY      1
#define LVL_SATURATED 2

#endif
