/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_STATE_H
#define DVK_STATE_H
/*
 * Flag words of the tables. Names with BIT are bit numbers, the others the bits themselves. Part of
 * dvk.h; include that.
 */

/* ---- p_rts_flags: why a process does not run; 0 if it does ---- */

#define PROC_RUNNING 0

#define BIT_SLOT_FREE	0
#define BIT_NO_MAP	1
#define BIT_SENDING	2
#define BIT_RECEIVING	3
#define BIT_SIGNALED	4
#define BIT_SIG_PENDING 5
#define BIT_P_STOP	6
#define BIT_NO_PRIV	7
#define BIT_NO_PRIORITY 8
#define BIT_NO_ENDPOINT 9
#define BIT_ONCOPY	10
#define BIT_MIGRATE	11
#define BIT_REMOTE	12
#define BIT_RMTOPER	13
#define BIT_FREE14	14
#define BIT_WAITMIGR	15
#define BIT_FREE16	16
#define BIT_WAITUNBIND	17
#define BIT_WAITBIND	18

enum proc_status {
	SLOT_FREE = 1 << BIT_SLOT_FREE,
	NO_MAP = 1 << BIT_NO_MAP,	    /* unused */
	SENDING = 1 << BIT_SENDING,	    /* its message has not been taken yet */
	RECEIVING = 1 << BIT_RECEIVING,	    /* waits for a message */
	SIGNALED = 1 << BIT_SIGNALED,	    /* an unbind was refused while it moved or copied */
	SIG_PENDING = 1 << BIT_SIG_PENDING, /* unused */
	P_STOP = 1 << BIT_P_STOP,	    /* unused */
	NO_PRIV = 1 << BIT_NO_PRIV,	    /* unused */
	NO_PRIORITY = 1 << BIT_NO_PRIORITY, /* unused */
	NO_ENDPOINT = 1 << BIT_NO_ENDPOINT, /* unused */
	ONCOPY = 1 << BIT_ONCOPY,	    /* party to, or asker of, a copy under way */
	MIGRATING = 1 << BIT_MIGRATE,	    /* stopped for migration */
	REMOTE = 1 << BIT_REMOTE,	    /* lives on another node */
	RMTOPER = 1 << BIT_RMTOPER,	    /* waits for the link to another node */
	WAITMIGR = 1 << BIT_WAITMIGR,	    /* waits until p_waitmigr has moved */
	WAITUNBIND = 1 << BIT_WAITUNBIND,   /* waits until p_waitunbind is unbound */
	WAITBIND = 1 << BIT_WAITBIND	    /* unused */
};

/* ---- p_misc_flags ---- */

#define GENERIC_PROC 0

#define MIS_BIT_PROXY	   0
#define MIS_BIT_CONNECTED  1
#define MIS_BIT_NOTIFY	   2
#define MIS_BIT_NEEDMIGR   3
#define MIS_BIT_RMTBACKUP  4
#define MIS_BIT_GRPLEADER  5
#define MIS_BIT_KTHREAD	   6
#define MIS_BIT_REPLICATED 7
#define MIS_BIT_KILLED	   8
#define MIS_BIT_WOKENUP	   9
#define MIS_BIT_USERMODE   10
#define MIS_BIT_RMTINFO	   11
#define MIS_BIT_NOMIGRATE  12
#define MIS_BIT_ATOMIC	   13
#define MIS_BIT_ENQUEUED   14

enum mis_status {
	MIS_PROXY = 1 << MIS_BIT_PROXY,
	MIS_CONNECTED = 1 << MIS_BIT_CONNECTED, /* a proxy with a connection */
	MIS_NOTIFY = 1 << MIS_BIT_NOTIFY,	/* a notification ended the wait */
	MIS_NEEDMIG = 1 << MIS_BIT_NEEDMIGR,	/* stops for migration at its next call */
	MIS_RMTBACKUP = 1 << MIS_BIT_RMTBACKUP, /* stands by for a primary elsewhere */
	MIS_GRPLEADER = 1 << MIS_BIT_GRPLEADER, /* bound as the main thread */
	MIS_KTHREAD = 1 << MIS_BIT_KTHREAD,	/* unused */
	MIS_REPLICATED = 1 << MIS_BIT_REPLICATED,
	MIS_KILLED = 1 << MIS_BIT_KILLED,   /* its exit warning has been sent */
	MIS_WOKENUP = 1 << MIS_BIT_WOKENUP, /* a dvk_wakeup waits for it */
	MIS_USERMODE = 1 << MIS_BIT_USERMODE,
	MIS_RMTINFO = 1 << MIS_BIT_RMTINFO,	/* unused */
	MIS_NOMIGRATE = 1 << MIS_BIT_NOMIGRATE, /* owes an answer */
	MIS_ATOMIC = 1 << MIS_BIT_ATOMIC,	/* inside a sendrec */
	MIS_ENQUEUED = 1 << MIS_BIT_ENQUEUED	/* unused */
};

/* ---- d_flags ---- */

#define DVS_RUNNING 0
#define DVS_NO_INIT (-1)

#define DVS_BIT_IPC	    0
#define DVS_BIT_IOCTL	    1
#define DVS_BIT_USERMODE    2
#define DVS_BIT_INITIALIZED 8

enum dvs_flags {
	DVK_IPC = 1 << DVS_BIT_IPC,
	DVK_IOCTL = 1 << DVS_BIT_IOCTL,
	DVK_USERMODE = 1 << DVS_BIT_USERMODE,
	DVK_INITIALIZED = 1 << DVS_BIT_INITIALIZED
};

/* ---- dc_flags ---- */

#define DC_RUNNING  0
#define BIT_DC_FREE 1
#define DC_FREE	    (1 << BIT_DC_FREE)

/* ---- n_flags: 6 for the node itself, 0xE for another one that is connected ---- */

#define NODE_FREE	    0
#define NODE_RUNNING	    0
#define NODE_BIT_ATTACHED   1
#define NODE_BIT_SCONNECTED 2
#define NODE_BIT_RCONNECTED 3
#define NODE_ATTACHED	    (1 << NODE_BIT_ATTACHED)
#define NODE_SCONNECTED	    (1 << NODE_BIT_SCONNECTED)
#define NODE_RCONNECTED	    (1 << NODE_BIT_RCONNECTED)

/* ---- px_flags ---- */

#define PROXIES_FREE 0

#define PX_BIT_INUSE	  0
#define PX_BIT_SCONNECTED 1
#define PX_BIT_RCONNECTED 2

enum px_status {
	PROXIES_INUSE = 1 << PX_BIT_INUSE,
	PROXIES_SCONNECTED = 1 << PX_BIT_SCONNECTED,
	PROXIES_RCONNECTED = 1 << PX_BIT_RCONNECTED
};

#endif
