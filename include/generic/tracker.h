/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_GENERIC_TRACKER_H
#define DVK_GENERIC_TRACKER_H
/*
 * Messages of the tracker: a service bound at SYSTASK(node) that tells on which node an endpoint
 * is. Programs written for the original may ask it; the library finds endpoints without it.
 */
#include "../dvk.h"

#define TRACKER_REQUEST	     1
#define TRACKER_REPLY	     2
#define TRACKER_EP	     SYSTASK /* of a node: TRACKER_EP(nodeid) */
#define TRACKER_TIMEOUT_SEC  5
#define TRACKER_TIMEOUT_MSEC 0
#define TRACKER_ERROR_SPEEP  5

/* Fields of m_type TRACKER_...; the last three are integers kept in pointers. */
#define rqtr_ep	       m1_i1
#define rqtr_nodeid    m1_i2
#define rply_nodeid    m1_i3
#define sch_ep	       m1_p1
#define sch_rts_flags  m1_p2
#define sch_misc_flags m1_p3

typedef struct trk_msg_s {
	message tk_message;
	char tk_name[MAXPROCNAME];
} trk_msg_t;

#define TRK_FORMAT                                                               \
	"source=%d type=%d rqtr_ep=%d rqtr_nodeid=%d rply_nodeid=%d sch_ep=%ld " \
	"sch_rts_flags=%lX sch_misc_flags=%lX\n"
#define TRK_FIELDS(p)                                                                 \
	(p)->m_source, (p)->m_type, (p)->rqtr_ep, (p)->rqtr_nodeid, (p)->rply_nodeid, \
		(long)(p)->sch_ep, (unsigned long)(p)->sch_rts_flags,                 \
		(unsigned long)(p)->sch_misc_flags

#endif
