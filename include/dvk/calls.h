/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_CALLS_H
#define DVK_CALLS_H
/*
 * The calls. Part of dvk.h; include that.
 *
 * Results. Every call returns long: 0 or what is stated; a negative EDVS number if it failed.
 * bind, getep and wait4bind return endpoints, and those of tasks are negative: for these a
 * result is an error only below EDVSERRCODE (-300).
 *
 * Time-outs are in milliseconds. Where a call would have to wait: TIMEOUT_NOWAIT gives
 * EDVSAGAIN at once, a positive time gives EDVSTIMEDOUT when it is over, TIMEOUT_FOREVER (any
 * negative value) waits without limit. A signal that runs a handler ends the wait with EDVSINTR.
 *
 * The caller: a thread that is bound itself acts as its endpoint, any other thread of a process acts as the
 * endpoint of its main thread. Calls marked [bound] give EDVSNOTBIND to a caller that is neither. Before
 * dvk_open, and without a daemon, calls give EDVSDVSINIT.
 *
 * A message argument may be given as message * or as an integer that holds the pointer.
 */
#include <stdint.h>
#include "limits.h"
#include "message.h"
#include "tables.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The number that dvk_open returned, and the number of this node (-1: not asked yet). */
DVK_EXPORT extern int dvk_fd;
DVK_EXPORT extern int local_nodeid;

/* ---- the system ---- */

/*
 * Needed once in every process image before any other call. Does not block. Returns a value >= 0,
 * or a negative error number if no daemon serves this node.
 */
DVK_EXPORT long dvk_open(void);

/*
 * The daemon of a node is the DVS there, so this only states that it runs under number nodeid, with
 * maxima that leave room for *dvsu (NULL: the defaults). Returns nodeid.
 * DVSINIT (no daemon), DVSBUSY (another number), BADNODEID, BADRANGE, BADVALUE.
 */
DVK_EXPORT long dvk_dvs_init(int nodeid, dvs_usr_t *dvsu);

/*
 * Copies the parameters of the DVS. Returns the number of this node, or DVS_NO_INIT (-1) with the
 * parameters still copied.
 */
DVK_EXPORT long dvk_getdvsinfo(dvs_usr_t *dvsu);

/* The operator that started the daemon ends it: NOSYS. Without one, DVSINIT. */
DVK_EXPORT long dvk_dvs_end(void);

/* ---- containers ---- */

/*
 * Makes the DC described by *dcu. Returns the number of this node, not 0.
 * PRIVILEGES, DVSINIT, BADRANGE, NAMESIZE, RSCBUSY.
 */
DVK_EXPORT long dvk_dc_init(dc_usr_t *dcu);

/* Ends a DC and its processes on this node. PRIVILEGES, DVSINIT, BADDCID, DCNOTRUN. */
DVK_EXPORT long dvk_dc_end(int dcid);

/* Copies the row of a DC; -1 is the caller's. A free one is no error: see dc_flags. BADDCID. */
DVK_EXPORT long dvk_getdcinfo(int dcid, dc_usr_t *dcu);

/*
 * Adds a node to a DC, takes it out. Stated once on any node; stating what is so succeeds.
 * PRIVILEGES, DVSINIT, BADNODEID, NODEFREE, BADDCID, DCNOTRUN, DCNODE, RSCBUSY.
 */
DVK_EXPORT long dvk_add_node(int dcid, int nodeid);
DVK_EXPORT long dvk_del_node(int dcid, int nodeid);

/* ---- nodes, and proxies of one's own ---- */

/*
 * The daemons' links join the nodes, and no pair of proxies is ever in use. The calls below that make,
 * serve or end pairs check their arguments and then say so: NOSYS, PROXYFREE or NOPROXY.
 */

/* Makes two tasks the sender and receiver of pair pxid. PRIVILEGES, BADNODEID, BADPID, RSCBUSY. */
DVK_EXPORT long dvk_proxies_bind(char *name, int pxid, int spid, int rpid, int maxcopybuf);

/* Releases a pair. PROXYID, PROXYFREE. */
DVK_EXPORT long dvk_proxies_unbind(int pxid);

/* Reports CONNECT_SPROXY, CONNECT_RPROXY, DISCONNECT_SPROXY or DISCONNECT_RPROXY. */
DVK_EXPORT long dvk_proxy_conn(int pxid, int status);

/* Attaches a node to a pair, detaches it. BADNODEID, PROXYID, PROXYFREE, NOPROXY. */
DVK_EXPORT long dvk_node_up(char *name, int nodeid, int pxid);
DVK_EXPORT long dvk_node_down(int nodeid);

/* Copies the row of a node; -1 is the caller's. A free one is no error. BADNODEID. */
DVK_EXPORT long dvk_getnodeinfo(int nodeid, node_usr_t *node);

/* Copies the rows of both proxies of a pair. PROXYID, PROXYFREE. */
DVK_EXPORT long dvk_getproxyinfo(int pxid, proc_usr_t *sender, proc_usr_t *receiver);

/*
 * The sender proxy takes the oldest command waiting for its pair. Blocks; here TIMEOUT_NOWAIT
 * gives EDVSTIMEDOUT. NOTBIND, BADCALL, NOPROXY.
 */
DVK_EXPORT long dvk_get2rmt_T(cmd_t *hdr, proxy_payload_t *pay, long timeout);
#define dvk_get2rmt(hdr, pay) dvk_get2rmt_T((hdr), (pay), HELLO_PERIOD)

/* The receiver proxy delivers a command that came in. Does not block. Returns 0 or a byte count. */
DVK_EXPORT long dvk_put2lcl(cmd_t *hdr, proxy_payload_t *pay);

/* ---- bind and unbind ---- */

/*
 * Gives a task an endpoint of a DC. cmd is one of SELF_BIND ... USERMODE_BIND; pid PROC_NO_PID (or
 * any value <= 0) is the calling thread, else a pid of the DC's name space; nodeid is LOCALNODE,
 * or for RMT_BIND and BKUP_BIND the node of the process meant. Returns the endpoint.
 *
 * A child and a new thread start unbound; exec keeps the binding; the end of the task releases it.
 * RMT_BIND through this call names the process "remote": a pid cannot carry the address of a name,
 * which dvk_rmtbind passes to dvk_rmtbind_N.
 * A backup (BKUP_BIND) waits in its next call until a commit by hand makes it the endpoint's process;
 * NOTBIND and NONODE if its primary is not where it is said to be.
 * PRIVILEGES, DVSINIT, BADNODEID, BINDTYPE, BADDCID, DCNOTRUN, NODCNODE, SLOTUSED, BADPID, NOPROXY.
 */
DVK_EXPORT long dvk_bind_X(int cmd, int dcid, int pid, int endpoint, int nodeid);

/*
 * RMT_BIND with a name: of it, at most 15 bytes are kept. States that an endpoint is on that node, or will
 * be: then the slot is kept for that node until the bind, and a receive from it waits. Unbind takes it back.
 */
DVK_EXPORT long dvk_rmtbind_N(int dcid, const char *name, int endpoint, int nodeid);

#define dvk_bind(dcid, ep)	   dvk_bind_X(SELF_BIND, (dcid), PROC_NO_PID, (ep), LOCALNODE)
#define dvk_tbind(dcid, ep)	   dvk_bind_X(SELF_BIND, (dcid), PROC_NO_PID, (ep), LOCALNODE)
#define dvk_lclbind(dcid, pid, ep) dvk_bind_X(LCL_BIND, (dcid), (pid), (ep), LOCALNODE)
#define dvk_rmtbind(dcid, name, ep, nodeid) \
	dvk_rmtbind_N((dcid), (const char *)(uintptr_t)(name), (ep), (nodeid))
#define dvk_bkupbind(dcid, pid, ep, nodeid) dvk_bind_X(BKUP_BIND, (dcid), (pid), (ep), (nodeid))
#define dvk_replbind(dcid, pid, ep)	    dvk_bind_X(REPLICA_BIND, (dcid), (pid), (ep), LOCALNODE)
#define dvk_umbind(dcid, pid, ep)	    dvk_bind_X(USERMODE_BIND, (dcid), (pid), (ep), LOCALNODE)

/*
 * Releases an endpoint. The caller's own, or a backup: at once. One elsewhere: nothing is to be done
 * here. Another local process is asked
 * to end (SIGTERM) and waited for; an unbound caller gets EDVSAGAIN instead of waiting. A call that waits for
 * the endpoint gets EDVSDSTDIED or EDVSSRCDIED, one that waits for its unbind 0. PRIVILEGES, DVSINIT, BADDCID,
 * DCNOTRUN, ENDPOINT, NOTBIND, BADPROC, ONCOPY, MIGRATE, TIMEDOUT.
 */
DVK_EXPORT long dvk_unbind_T(int dcid, int endpoint, unsigned long timeout);
#define dvk_unbind(dcid, ep) dvk_unbind_T((dcid), (ep), (unsigned long)TIMEOUT_FOREVER)

/*
 * WAIT_BIND: waits until the endpoint is bound (SELF: the caller) and returns it. WAIT_UNBIND:
 * waits until it is not, returns 0. Only SELF may be waited for by an unbound caller.
 * BADCALL, NOTBIND, ENDPOINT (its own), BADDCID, DCNOTRUN, RANGE, TIMEDOUT, AGAIN, INTR.
 */
DVK_EXPORT long dvk_wait4bindep_X(int cmd, int endpoint, unsigned long timeout);
#define dvk_wait4bind()		  dvk_wait4bindep_X(WAIT_BIND, SELF, (unsigned long)TIMEOUT_FOREVER)
#define dvk_wait4bind_T(ms)	  dvk_wait4bindep_X(WAIT_BIND, SELF, (unsigned long)(ms))
#define dvk_wait4bindep(ep)	  dvk_wait4bindep_X(WAIT_BIND, (ep), (unsigned long)TIMEOUT_FOREVER)
#define dvk_wait4bindep_T(ep, ms) dvk_wait4bindep_X(WAIT_BIND, (ep), (unsigned long)(ms))
#define dvk_wait4unbind(ep)	  dvk_wait4bindep_X(WAIT_UNBIND, (ep), (unsigned long)TIMEOUT_FOREVER)
#define dvk_wait4unbind_T(ep, ms) dvk_wait4bindep_X(WAIT_UNBIND, (ep), (unsigned long)(ms))

/* The endpoint of a task by its pid. [bound] BADRANGE, BADPID, NOTBIND, BADPROC, DCNOTRUN. */
DVK_EXPORT long dvk_getep(int pid);

/* Copies the row of a slot; dcid -1 is the caller's. A free one is no error. BADDCID, BADPROC. */
DVK_EXPORT long dvk_getprocinfo(int dcid, int p_nr, proc_usr_t *proc);

/* ---- messages ---- */

#define DVK_MESSAGE(m) ((message *)(uintptr_t)(m))

/*
 * Delivers *m; blocks until the receiver has it. m->m_source becomes the caller. [bound]
 * BADCALL, BADDEST (HARDWARE, self), RANGE, TRAPDENIED, ENDPOINT, DSTDIED, FAULT,
 * AGAIN, TIMEDOUT, INTR, SHUTDOWN, LOCKED.
 */
DVK_EXPORT long dvk_send_T(int dst_ep, message *m, long timeout);
#define dvk_send(ep, m) dvk_send_T((ep), DVK_MESSAGE(m), TIMEOUT_FOREVER)

/*
 * Gets one message from src_ep, or ANY. Notifications come first, whatever src_ep says. A source that an
 * RMT_BIND has stated and nobody has bound yet is waited for. [bound]
 * BADCALL, RANGE, ENDPOINT (self), SRCDIED, FAULT, AGAIN, TIMEDOUT, INTR, WOKENUP, SHUTDOWN.
 */
DVK_EXPORT long dvk_receive_T(int src_ep, message *m, long timeout);
#define dvk_receive(ep, m) dvk_receive_T((ep), DVK_MESSAGE(m), TIMEOUT_FOREVER)

/*
 * Sends *m and waits for the answer of the same endpoint, into *m. [bound]
 * Errors as dvk_send_T, but ENDPOINT for self, DEADSRCDST if the endpoint is not bound, and SRCDIED
 * if it ends after taking the request.
 */
DVK_EXPORT long dvk_sendrec_T(int srcdst_ep, message *m, long timeout);
#define dvk_sendrec(ep, m) dvk_sendrec_T((ep), DVK_MESSAGE(m), TIMEOUT_FOREVER)

/*
 * Answers a process that waits for the caller in dvk_receive or dvk_sendrec; never waits for it
 * to do so: PROCSTS. System processes only. [bound] Errors as dvk_send_T, but ENDPOINT for self.
 */
DVK_EXPORT long dvk_reply_T(int dst_ep, message *m, long timeout);
#define dvk_reply(ep, m) dvk_reply_T((ep), DVK_MESSAGE(m), TIMEOUT_FOREVER)

/*
 * Gets one message from any sender and leaves notifications alone. System processes only. [bound]
 * BADCALL, TRAPDENIED, FAULT, AGAIN, TIMEDOUT, INTR, WOKENUP, SHUTDOWN.
 */
DVK_EXPORT long dvk_rcvrqst_T(message *m, long timeout);
#define dvk_rcvrqst(m) dvk_rcvrqst_T(DVK_MESSAGE(m), TIMEOUT_FOREVER)

/*
 * Posts a notification in the name of slot nr (SELF: the caller) to a system process; never waits.
 * Several to one process merge into one. value 0 ... 63 adds that bit to the update bits of the
 * name. [bound]
 * BADCALL, BADDEST, RANGE, ENDPOINT (self), TRAPDENIED (not a system process), DSTDIED.
 */
DVK_EXPORT long dvk_notify_X(int nr, int dst_ep, int value);
#define dvk_notify(dst)		   dvk_notify_X(SELF, (dst), HARDWARE)
#define dvk_src_notify(nr, dst)	   dvk_notify_X((nr), (dst), HARDWARE)
#define dvk_ntfy_value(nr, dst, v) dvk_notify_X((nr), (dst), (v))
/* In the name of HARDWARE, to any DC, also by an unbound caller. PRIVILEGES, OVERRUN. */
#define dvk_hdw_notify(dcid, dst)  dvk_notify_X(HARDWARE, (dst), (dcid))

/* Does nothing. Returns 0. */
DVK_EXPORT long dvk_relay(int ep, message *m);

/*
 * Ends the dvk_receive from ANY of a local process with EDVSWOKENUP. If it is not in one, its next
 * ends so, and this call returns PROCRUN. PRIVILEGES, BADDCID, RANGE, BADPROC (self), DSTDIED.
 */
DVK_EXPORT long dvk_wakeup(int dcid, int ep);

/* ---- copies between address spaces ---- */

/*
 * Copies bytes from src_addr of src_ep to dst_addr of dst_ep; SELF is the caller, who may be either
 * or neither. Blocks until done; returns 0. The others must be blocked in a receive or sendrec.
 * System processes only. [bound]
 * RANGE, ENDPOINT (both the same, or of another generation), BADCALL, BADDEST (HARDWARE), TRAPDENIED,
 * SRCDIED, DSTDIED, PROCSTS, FAULT, TIMEDOUT, INTR.
 */
DVK_EXPORT long dvk_vcopy(int src_ep, void *src_addr, int dst_ep, void *dst_addr, int bytes);

/* ---- privileges ---- */

/*
 * Reads them; stores priv_warn, priv_level, priv_ipc_to and priv_dvk_allowed.
 * PRIVILEGES, BADDCID, DCNOTRUN, BADPROC (slot, priv_warn), DSTDIED, BADVALUE (priv_level).
 */
DVK_EXPORT long dvk_getpriv(int dcid, int ep, priv_usr_t *priv);
DVK_EXPORT long dvk_setpriv(int dcid, int ep, priv_usr_t *priv);

/* ---- migration by hand ---- */

/*
 * MIGR_START stops the process to be moved, MIGR_ROLLBACK lets it go on, MIGR_COMMIT makes task pid
 * (PROC_NO_PID on the new node: the caller) of nodeid its owner. Stated once, on any node.
 * A backup there takes the endpoint over when the commit names it or nobody.
 * PRIVILEGES, DVSINIT, NOSYS (cmd), BADDCID, DCNOTRUN, RANGE, BADPROC (not bound), BADPID, PROCSTS (commit
 * without start), MIGRATE (rollback without start), NOPROXY, DCNODE, LCLPROC (it is there already).
 */
DVK_EXPORT long dvk_migrate_X(int cmd, int pid, int dcid, int ep, int nodeid);
#define dvk_migr_start(dcid, ep)    dvk_migrate_X(MIGR_START, PROC_NO_PID, (dcid), (ep), -1)
#define dvk_migr_rollback(dcid, ep) dvk_migrate_X(MIGR_ROLLBACK, PROC_NO_PID, (dcid), (ep), -1)
#define dvk_migr_commit(pid, dcid, ep, new_node) \
	dvk_migrate_X(MIGR_COMMIT, (pid), (dcid), (ep), (new_node))

#ifdef __cplusplus
}
#endif

#endif
