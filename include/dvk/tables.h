/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_TABLES_H
#define DVK_TABLES_H
/*
 * Rows of the tables as programs see them, and what proxies exchange. The layout is part of the
 * interface: sizes are checked below. Part of dvk.h; include that.
 */
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>
#include "limits.h"
#include "message.h"

/* ---- bit maps of privileges ---- */

typedef unsigned short bitchunk_t;

#define DVK_CHAR_BITS	 8
#define BITCHUNK_BITS	 (sizeof(bitchunk_t) * DVK_CHAR_BITS)
#define BITMAP_CHUNKS(n) (((n) + BITCHUNK_BITS - 1) / BITCHUNK_BITS)
#define NR_SYS_CHUNKS	 BITMAP_CHUNKS(NR_SYS_PROCS)
#define NR_DVK_CHUNKS	 BITMAP_CHUNKS(NR_DVK_CALLS)
#define NR_DC_CHUNKS	 BITMAP_CHUNKS(NR_DCS)
#define NR_NODE_CHUNKS	 BITMAP_CHUNKS(NR_NODES)

typedef struct {
	bitchunk_t chunk[NR_SYS_CHUNKS];
} ipc_map_t;
typedef struct {
	bitchunk_t chunk[NR_DVK_CHUNKS];
} dvk_map_t;
typedef struct {
	bitchunk_t chunk[NR_DC_CHUNKS];
} dc_map_t;
typedef struct {
	bitchunk_t chunk[NR_NODE_CHUNKS];
} node_map_t;

typedef short dvk_id_t;
typedef unsigned long irq_id_t;
typedef unsigned long ksigset_t;
typedef unsigned long update_t;

/* ---- timers: kept for the layout of priv_usr_t, nothing runs them ---- */

typedef unsigned long dvkclock_t;
struct dvktimer;
typedef void (*dvk_tmr_func_t)(struct dvktimer *tp);
typedef union {
	int ta_int;
	long ta_long;
	void *ta_ptr;
} dvk_tmr_arg_t;

typedef struct dvktimer {
	struct dvktimer *dvk_tmr_next;
	dvkclock_t dvk_tmr_exp_time;
	dvk_tmr_func_t dvk_tmr_func;
	dvk_tmr_arg_t dvk_tmr_arg;
} dvktimer_t;

#define TMR_NEVER	     ((dvkclock_t)LONG_MAX) /* of one that does not run */
#define dvk_tmr_arg(tp)	     (&(tp)->dvk_tmr_arg)
#define dvk_tmr_exp_time(tp) (&(tp)->dvk_tmr_exp_time)
#define dvk_tmr_inittimer(tp) \
	((void)((tp)->dvk_tmr_exp_time = TMR_NEVER, (tp)->dvk_tmr_next = NULL))

/* ---- the whole DVS ---- */

typedef struct dvs_usr {
	char d_name[MAXDCNAME];
	int d_nr_dcs; /* maxima for every DC */
	int d_nr_nodes;
	int d_nr_procs;
	int d_nr_tasks;
	int d_nr_sysprocs;
	int d_max_copybuf; /* bytes per copy command */
	int d_max_copylen; /* bytes per dvk_vcopy */
	unsigned long d_dbglvl;
	int d_version; /* DVS_VERSION */
	unsigned long d_flags;
	int d_size_proc; /* bytes of one descriptor */
} dvs_usr_t;

/* ---- a DC ---- */

typedef struct dc_usr {
	int dc_dcid;
	int dc_flags; /* DC_RUNNING or DC_FREE */
	int dc_nr_procs;
	int dc_nr_tasks;
	int dc_nr_sysprocs;
	int dc_nr_nodes;
	unsigned long dc_nodes; /* bit n: node n belongs to it */
	int dc_warn2proc;	/* told when a bound process ends; NONE: nobody */
	int dc_warnmsg;		/* type of that message */
	pid_t dc_pid;		/* init of its pid name space on this node */
	char dc_name[MAXDCNAME];
	cpu_set_t dc_cpumask;
} dc_usr_t;

/* ---- a node ---- */

typedef struct node_usr {
	int n_nodeid;
	volatile unsigned long n_flags;
	int n_proxies;		      /* pair towards it, or NO_PROXIES */
	unsigned long n_dcs;	      /* bit n: it belongs to DC n */
	struct timespec n_stimestamp; /* last command sent to it */
	struct timespec n_rtimestamp; /* last command received from it */
	unsigned long n_pxsent;
	unsigned long n_pxrcvd;
	char n_name[MAXNODENAME];
} node_usr_t;

/* ---- a process ---- */

typedef struct proc_usr {
	int p_nr;
	int p_endpoint;
	int p_dcid;
	volatile unsigned long p_rts_flags;
	int p_lpid;		 /* pid of the machine; -1 if it runs elsewhere */
	int p_vpid;		 /* pid inside the DC */
	int p_nodeid;		 /* node it runs on; -1: slot free */
	unsigned long p_nodemap; /* nodes it runs or ran on */
	volatile unsigned long p_misc_flags;
	int p_getfrom;		 /* receives from this endpoint, ANY, or NONE */
	int p_sendto;		 /* sends to this endpoint, or NONE */
	int p_waitmigr;		 /* waits until this endpoint has moved, or NONE */
	int p_waitunbind;	 /* waits until this endpoint is unbound, or NONE */
	int p_proxy;		 /* waits for this proxy pair, or NONE */
	unsigned long p_lclsent; /* messages to processes of its node, and of others */
	unsigned long p_rmtsent;
	unsigned long p_lclcopy; /* copies made as source: on its node, and to others */
	unsigned long p_rmtcopy;
	char p_name[MAXPROCNAME];
	cpu_set_t p_cpumask;
} proc_usr_t;

typedef struct priv_usr {
	dvk_id_t priv_id; /* table index; dc_nr_sysprocs for all of the user range */
	int priv_warn;
	int priv_level;		     /* USER_PRIV ... PROXY_PRIV */
	short priv_trap_mask;	     /* unused */
	ipc_map_t priv_ipc_from;     /* unused */
	ipc_map_t priv_ipc_to;	     /* bit slot + nr_tasks: may send to that system process */
	dvk_map_t priv_dvk_allowed;  /* bit n: may use call n (DVK_SEND, ...) */
	dvktimer_t priv_alarm_timer; /* unused */
} priv_usr_t;

/* ---- proxies ---- */

typedef struct proxies_usr_s {
	unsigned int px_id;
	unsigned long px_flags;
	int px_maxbytes; /* per copy command */
	int px_maxbcmds; /* per batch */
	char px_name[MAXPROXYNAME];
} proxies_usr_t;

typedef struct vcopy_s {
	int v_src;
	int v_dst;
	int v_rqtr; /* who asked */
	void *v_saddr;
	void *v_daddr;
	int v_bytes;
} vcopy_t;

typedef vcopy_t parm_vcopy_t;

typedef struct cmd_s {
	int c_cmd; /* CMD_... */
	int c_dcid;
	int c_src;
	int c_dst;
	int c_snode;
	int c_dnode;
	int c_rcode;	       /* of acknowledgements: the result */
	int c_len;	       /* bytes of payload behind the header */
	int c_pid;	       /* originator, if local */
	int c_batch_nr;	       /* commands in a batch payload */
	unsigned long c_flags; /* these three belong to the proxies */
	unsigned long c_snd_seq;
	unsigned long c_ack_seq;
	struct timespec c_timestamp;
	message c_msg;
	vcopy_t c_vcopy;
} cmd_t;

typedef cmd_t proxy_hdr_t;

typedef union proxy_payload {
	cmd_t pay_cmd[MAXBATCMD];
	char pay_data[MAXCOPYBUF];
	proc_usr_t pay_proc_usr;
} proxy_payload_t;

#if defined(__x86_64__) && defined(__GLIBC__)
DVK_STATIC_ASSERT(sizeof(dvs_usr_t) == 80, "dvs_usr_t");
DVK_STATIC_ASSERT(sizeof(dc_usr_t) == 192, "dc_usr_t");
DVK_STATIC_ASSERT(sizeof(node_usr_t) == 96, "node_usr_t");
DVK_STATIC_ASSERT(sizeof(proc_usr_t) == 256, "proc_usr_t");
DVK_STATIC_ASSERT(sizeof(priv_usr_t) == 72, "priv_usr_t");
DVK_STATIC_ASSERT(sizeof(proxies_usr_t) == 40, "proxies_usr_t");
DVK_STATIC_ASSERT(sizeof(vcopy_t) == 40, "vcopy_t");
DVK_STATIC_ASSERT(sizeof(cmd_t) == 168, "cmd_t");
DVK_STATIC_ASSERT(MAXBATCMD == 390, "MAXBATCMD");
DVK_STATIC_ASSERT(sizeof(proxy_payload_t) == MAXCOPYBUF, "proxy_payload_t");
#endif

#endif
