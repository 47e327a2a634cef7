/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_COM_STUB_DVKCALL_H
#define DVK_COM_STUB_DVKCALL_H
/*
 * The calls, for programs that name the headers of old. These pass a message to the timed calls as
 * (long)&m, which compilers refuse to turn back into a pointer by themselves; here they may.
 *
 * A macro of a function's own name is not expanded again inside itself.
 */
#include "../dvk.h"

#define dvk_send_T(ep, m, t)	dvk_send_T((ep), DVK_MESSAGE(m), (t))
#define dvk_receive_T(ep, m, t) dvk_receive_T((ep), DVK_MESSAGE(m), (t))
#define dvk_sendrec_T(ep, m, t) dvk_sendrec_T((ep), DVK_MESSAGE(m), (t))
#define dvk_reply_T(ep, m, t)	dvk_reply_T((ep), DVK_MESSAGE(m), (t))
#define dvk_rcvrqst_T(m, t)	dvk_rcvrqst_T(DVK_MESSAGE(m), (t))
#define dvk_relay(ep, m)	dvk_relay((ep), DVK_MESSAGE(m))

/* The name it was declared by, and the one it was implemented under. */
#define dvk_delnode(dcid, nodeid) dvk_del_node((dcid), (nodeid))

#endif
