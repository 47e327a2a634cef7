/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_LIMITS_H
#define DVK_LIMITS_H
/*
 * Numbers of the interface. Part of dvk.h; include that.
 *
 * Unguarded names such as ANY or OK are those of the programs this interface is for.
 */

#if defined(__GNUC__) || defined(__clang__)
#define DVK_EXPORT __attribute__((visibility("default")))
#else
#define DVK_EXPORT
#endif

#ifdef __cplusplus
#define DVK_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define DVK_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

/* ---- sizes of the tables ---- */

#define _NR_FIXED_TASKS 3
#define _NR_NODES	32
#define _NR_SYSTASKS	_NR_NODES /* one system task per node */
#define _NR_TASKS	(_NR_FIXED_TASKS + _NR_SYSTASKS)
#define _NR_PROCS	(256 - _NR_TASKS)
#define _NR_SERVERS	29
#define _NR_SYS_PROCS	(_NR_SERVERS + _NR_TASKS)
#define _NR_USR_PROCS	(_NR_PROCS - _NR_SYS_PROCS)
#define _NR_DCS		32

#define NR_FIXED_TASKS _NR_FIXED_TASKS
#define NR_NODES       _NR_NODES
#define NR_SYSTASKS    _NR_SYSTASKS
#define NR_TASKS       _NR_TASKS
#define NR_PROCS       _NR_PROCS
#define NR_SERVERS     _NR_SERVERS
#define NR_SYS_PROCS   _NR_SYS_PROCS
#define NR_USR_PROCS   _NR_USR_PROCS
#define NR_DCS	       _NR_DCS

#define MAXPROCNAME  16 /* all four with the terminating zero */
#define MAXDCNAME    16
#define MAXNODENAME  16
#define MAXPROXYNAME 16

#define MAXCOPYBUF 65536	     /* bytes per copy command */
#define MAXCOPYLEN (16 * MAXCOPYBUF) /* bytes per dvk_vcopy */
#define MAXBATCMD  (MAXCOPYBUF / sizeof(cmd_t))

#define SLOTS_BY_MSG  4
#define M3_STRING     14
#define MC_STRING     (M3_STRING - sizeof(int))
#define MD5_SIZE      16
#define BITMAP_32BITS 32
#define BYTE_MASK     0377

#ifndef PID_MAX_LIMIT
#define PID_MAX_LIMIT (4 * 1024 * 1024)
#endif
#define PID_MAX PID_MAX_LIMIT

#ifndef OK
#define OK 0
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

#ifndef EXTERN
#define EXTERN extern
#endif

#define DVS_VERSION	 202202
#define DVS_CAPABILITIES 1
#define CAP_VOS_ADMIN	 CAP_SYS_ADMIN
#define CAP_DVS_ADMIN	 CAP_VOS_ADMIN

/* ---- endpoints ---- */

#define ANY		0x7ACE /* receive from any sender */
#define NONE		0x6ACE /* nobody */
#define SELF		0x8ACE /* the caller */
#define _MAX_MAGIC_PROC SELF

#define KERNEL	      (-1)
#define HARDWARE      KERNEL
#define SYSTEM	      (-2)
#define SYSTASK(node) (SYSTEM - (node))
#define SLOTS	      (SYSTEM - _NR_SYSTASKS)
#define CLOCK	      (SLOTS - 1)
#define IDLE	      (CLOCK - 1)
#define PROXY	      IDLE

#define LOCALNODE   (-1) /* node of a local bind */
#define PROC_NO_PID (-1) /* no pid; in binds: the calling thread */
#define NO_PROXIES  (-1)
#define PROXY_NO_DC (-1)

/* An endpoint is generation * size + process number; 0 is the first generation. */
#define _ENDPOINT_GENERATION_SIZE (NR_TASKS + _MAX_MAGIC_PROC + 1)
#define _ENDPOINT_MAX_GENERATION  (0x7FFFFFFF / _ENDPOINT_GENERATION_SIZE - 1)
#define _ENDPOINT(g, p)		  ((g)*_ENDPOINT_GENERATION_SIZE + (p))
/* Any int may be asked: 0LL keeps the sum from an overflow at the end of int. */
#define _ENDPOINT_G(e)		  ((int)(((e) + 0LL + NR_TASKS) / _ENDPOINT_GENERATION_SIZE))
#define _ENDPOINT_P(e)		  ((int)(((e) + 0LL + NR_TASKS) % _ENDPOINT_GENERATION_SIZE - NR_TASKS))

/* ---- notifications: fields of the message that arrives ---- */

#define NOTIFY_MESSAGE	  0x1000
#define NOTIFY_FROM(p_nr) (NOTIFY_MESSAGE | (p_nr)) /* of a negative slot: the slot */
#define NOTIFY_SOURCE	  m_source
#define NOTIFY_TYPE	  m_type
#define NOTIFY_FLAGS	  m9_i1
#define NOTIFY_ARG	  m9_l1
#define NOTIFY_TIMESTAMP  m9_t1

/* ---- time-outs, in milliseconds ---- */

#define TIMEOUT_NOWAIT	0
#define TIMEOUT_FOREVER (-1) /* any negative value */
#define TIMEOUT_MOLCALL 30000
#define TIMEOUT_MS	60000
#define HELLO_PERIOD	30000

/* ---- selectors ---- */

#define MIGR_START    0 /* dvk_migrate_X */
#define MIGR_COMMIT   1
#define MIGR_ROLLBACK 2

#define SELF_BIND     0 /* dvk_bind_X */
#define LCL_BIND      1
#define RMT_BIND      2
#define BKUP_BIND     3
#define REPLICA_BIND  4
#define USERMODE_BIND 5
#define MAX_BIND_TYPE USERMODE_BIND

#define WAIT_BIND   0 /* dvk_wait4bindep_X */
#define WAIT_UNBIND 1

#define CONNECT_SPROXY	  1 /* dvk_proxy_conn */
#define CONNECT_RPROXY	  2
#define DISCONNECT_SPROXY 3
#define DISCONNECT_RPROXY 4

#define USER_PRIV   0 /* priv_level */
#define SERVER_PRIV 1
#define TASK_PRIV   2
#define SYSTEM_PRIV 3
#define KERNEL_PRIV 4
#define PROXY_PRIV  5
#define SYS_PROC    0x10

#define M1	  1 /* kinds of message payload */
#define M3	  3
#define M4	  4
#define MINIX_MSG 1

/* ---- headers between proxies ---- */

#define BIT_ACKNOWLEDGE	 13
#define MASK_ACKNOWLEDGE (1 << BIT_ACKNOWLEDGE)
#define FLAG_BATCH_BIT	 0
#define FLAG_LZ4_BIT	 1
#define FLAG_CHECK_HDR	 2
#define PROXY_NO_REPLY	 0
#define PROXY_REPLY	 1
#define ETHERNET_MTU	 1500
#define IPV4_HEADER	 20
#define UPD_HEADER	 8
#define PROXY_HEADER	 (sizeof(cmd_t) + 4)
#define MAXMTUSIZE	 (ETHERNET_MTU - IPV4_HEADER - UPD_HEADER)
#define MAXBUFSIZE	 (MAXMTUSIZE - PROXY_HEADER)

/* Commands (c_cmd); an acknowledgement is its command with MASK_ACKNOWLEDGE. */
enum proxy_cmd {
	CMD_NONE, /* greeting */
	CMD_SEND_MSG,
	CMD_NTFY_MSG, /* c_rcode: the value, or -1 */
	CMD_SNDREC_MSG,
	CMD_REPLY_MSG,
	CMD_COPYIN_DATA,  /* with data: store it */
	CMD_COPYOUT_RQST, /* send me a block */
	CMD_COPYLCL_RQST, /* both parties are on your node */
	CMD_COPYRMT_RQST, /* send a block to a third node */
	CMD_COPYIN_RQST,  /* with data, on behalf of a third node */
	CMD_HELLO,
	CMD_SHUTDOWN,
	CMD_PROCINFO,
	CMD_PROCBIND,
	CMD_PROCUNBIND,
	CMD_LAST_CMD
};

#define CMD_SEND_ACK	   (CMD_SEND_MSG | MASK_ACKNOWLEDGE)
#define CMD_NTFY_ACK	   (CMD_NTFY_MSG | MASK_ACKNOWLEDGE)
#define CMD_SNDREC_ACK	   (CMD_SNDREC_MSG | MASK_ACKNOWLEDGE)
#define CMD_REPLY_ACK	   (CMD_REPLY_MSG | MASK_ACKNOWLEDGE)
#define CMD_COPYIN_ACK	   (CMD_COPYIN_DATA | MASK_ACKNOWLEDGE)
#define CMD_COPYOUT_DATA   (CMD_COPYOUT_RQST | MASK_ACKNOWLEDGE)
#define CMD_COPYLCL_ACK	   (CMD_COPYLCL_RQST | MASK_ACKNOWLEDGE)
#define CMD_COPYRMT_ACK	   (CMD_COPYRMT_RQST | MASK_ACKNOWLEDGE)
#define CMD_PROCINFO_ACK   (CMD_PROCINFO | MASK_ACKNOWLEDGE)
#define CMD_PROCBIND_ACK   (CMD_PROCBIND | MASK_ACKNOWLEDGE)
#define CMD_PROCUNBIND_ACK (CMD_PROCUNBIND | MASK_ACKNOWLEDGE)

/* ---- call numbers: the bits of priv_dvk_allowed ---- */

#define DVK_VOID1	 0
#define DVK_DCINIT	 1
#define DVK_SEND	 2
#define DVK_RECEIVE	 3
#define DVK_NOTIFY	 4
#define DVK_SENDREC	 5
#define DVK_RCVRQST	 6
#define DVK_REPLY	 7
#define DVK_DCEND	 8
#define DVK_BIND	 9
#define DVK_UNBIND	 10
#define DVK_GETPRIV	 11
#define DVK_SETPRIV	 12
#define DVK_VCOPY	 13
#define DVK_GETDCINFO	 14
#define DVK_GETPROCINFO	 15
#define DVK_RELAY	 16
#define DVK_PROXYBIND	 17
#define DVK_PROXYUNBIND	 18
#define DVK_GETNODEINFO	 19
#define DVK_PUT2LCL	 20
#define DVK_GET2RMT	 21
#define DVK_ADDNODE	 22
#define DVK_DELNODE	 23
#define DVK_DVSINIT	 24
#define DVK_DVSEND	 25
#define DVK_GETEP	 26
#define DVK_GETDVSINFO	 27
#define DVK_PROXYCONN	 28
#define DVK_WAIT4BIND	 29
#define DVK_MIGRATE	 30
#define DVK_NODEUP	 31
#define DVK_NODEDOWN	 32
#define DVK_GETPROXYINFO 33
#define DVK_WAKEUPEP	 34
#define DVK_NR_CALLS	 35
#define NR_DVK_CALLS	 DVK_NR_CALLS

#define DVK_FILE_NAME "/dev/dvk" /* of the kernel module; nothing opens it here */
#define DVK_MAJOR     33

/* ---- debug mask (d_dbglvl) ---- */

#define NODEBUG	     0x0
#define DBGLVL0	     0x1
#define GENERIC	     0x2
#define INTERNAL     0x4
#define DBGLVL3	     0x8
#define DBGLVL4	     0x10
#define DBGLVL5	     0x20
#define DBGLVL6	     0x40
#define DBGLVL7	     0x80
#define DBGPROCLOCK  0x100
#define DBGDCLOCK    0x200
#define DBGNODELOCK  0x400
#define DBGTASKLOCK  0x800
#define DBGMESSAGE   0x1000
#define DBGCMD	     0x2000
#define DBGVCOPY     0x4000
#define DBGPARAMS    0x8000
#define DBGPROC	     0x10000
#define DBGPRIV	     0x20000
#define DBGPROCSEM   0x40000
#define DBGNODE	     0x80000
#define DBGPROXYLOCK 0x100000
#define DBGREFCOUNT  0x200000
#define DEBUGALL     0xFFFFFFFF

/* ---- small tools ---- */

/* On an integer variable; n up to 31. TEST_BIT gives the bit in its place, not 0 or 1. */
#define SET_BIT(map, n)	 ((map) |= (1 << (n)))
#define CLR_BIT(map, n)	 ((map) &= ~(1 << (n)))
#define TEST_BIT(map, n) ((map) & (1 << (n)))

/* Spelled as <sys/param.h> does, so that both may be included. */
#ifndef MIN
#define MIN(a, b) (((a) < (b)) ? (a) : (b))
#endif
#ifndef MAX
#define MAX(a, b) (((a) > (b)) ? (a) : (b))
#endif

#endif
