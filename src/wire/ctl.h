/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_CTL_H
#define DVS_WIRE_CTL_H

/*
 * The control protocol between a node daemon and its clients on the same machine: programs (through
 * libdvk) and the command line. SOCK_SEQPACKET Unix sockets; host layout.
 *
 *	client: connect, one request packet (struct ctl_request + payload)
 *	daemon: zero or more CTL_ROW / CTL_DATA packets, then one CTL_END packet; descriptors, if
 *	        any, come with the CTL_END packet (SCM_RIGHTS)
 *	client: close
 *
 * The caller is known by its peer credentials. The daemon listens on the abstract name
 * CTL_ABSTRACT_NAME of its network namespace (what libdvk uses first) and on a path socket.
 * A client that closes early cancels what it was waiting for. A client that waits for a move may send
 * a second packet, a CTL_MOVE with CTL_FLAG_CANCEL: the move is cancelled if it is not committed yet,
 * and the answer to the first packet says which of both happened.
 *
 * A request for another node (ctl_request.node >= 0 and not this one) is passed on over the link
 * and answered from there; calls that hand out descriptors cannot be passed on.
 */

#include <stdint.h>

#include "base/address.h"
#include "dvk.h"
#include "wire/command.h"
#include "wire/protocol.h"

#define CTL_ABSTRACT_NAME   "dvs" /* after the leading zero byte */
/*
 * Where nobody listens by that name, a program asks by a path: its network namespace is another one than
 * its node's. The variable says which path; programs that a daemon has started have it, empty if there is none.
 */
#define CTL_SOCKET_VARIABLE "DVS_SOCKET"
#define CTL_SOCKET_FOLDER   "/run/dvs"
#define CTL_SOCKET_PATH	    CTL_SOCKET_FOLDER "/dvsd.sock"
#define CTL_MAGIC	    0x54435644u
#define CTL_VERSION	    2
#define CTL_PACKET_MAX	    (160 * 1024) /* arguments and environment of `run` must fit */
#define CTL_FDS_MAX	    4
#define CTL_SENTENCE	    240

enum ctl_call {
	CTL_NONE = 0,
	/* programs */
	CTL_HELLO = 1, /* reply: value = nodeid; fds: node bell, and if bound: own bell, status */
	CTL_BIND =
		2, /* arg: dcid, endpoint, pid, nodeid, cmd = bind type; name; fds as HELLO if own */
	CTL_UNBIND = 3, /* arg: dcid, endpoint, timeout */
	CTL_CHANNEL =
		4,     /* endpoint = peer; fds: channel page, peer's bell; value = peer endpoint */
	CTL_GETEP = 5, /* pid as the caller sees it */
	/* cmd, endpoint: state now, never blocks: EDVSAGAIN means wait and ask; timeout_ms 0: as the node knows it */
	CTL_WAIT4BIND = 6,
	CTL_PROCINFO = 7, /* dcid, endpoint = p_nr; payload: proc_usr_t */
	CTL_DCINFO = 8,	  /* payload: dc_usr_t */
	CTL_NODEINFO = 9, /* nodeid; payload: node_usr_t */
	CTL_DVSINFO =
		10, /* payload: dvs_usr_t; value = nodeid. cmd 1: takes name and debug mask from one */
	CTL_PRIV = 11, /* cmd 0 get, 1 set; payload: priv_usr_t */
	/* 12 was a data copy, which is asked for in a page now: struct copy_ask */
	CTL_WAKEUP = 13,
	CTL_NOTIFY = 14,  /* hardware notify, unbound callers */
	CTL_MIGRATE = 15, /* dvk_migrate_X: cmd, pid, dcid, endpoint, nodeid */
	CTL_DCINIT = 16,  /* payload: dc_usr_t, or struct ctl_dc_make */
	CTL_DCEND = 17,
	CTL_ADDNODE = 18,
	CTL_DELNODE = 19,
	CTL_WAITS = 20, /* between daemons: cmd enum ctl_waits, dcid, endpoint = p_nr; see below */
	/* the command line */
	CTL_PS = 32,	    /* dcid -1 all; rows: struct ctl_proc_row */
	CTL_NODES = 33,	    /* rows: struct ctl_node_row */
	CTL_DCS = 34,	    /* rows: struct ctl_dc_row */
	CTL_PROCTABLE = 35, /* this node's own table of dcid; rows: struct ctl_proc_row */
	CTL_RUN =
		36, /* dcid, endpoint, cmd = bind type, flags; payload: struct ctl_run + strings */
	CTL_LOGS = 37, /* dcid, endpoint, flags CTL_FLAG_FOLLOW; CTL_DATA packets */
	CTL_MOVE =
		38, /* dvs migrate: dcid, endpoint, nodeid = target, flags; row: struct ctl_move */
	CTL_DRAIN = 39,	   /* nodeid = whom to empty; rows: struct ctl_move, one per process */
	CTL_SHUTDOWN = 40, /* end the daemon in good order */
	CTL_STATUS = 41,   /* ready? value = nodeid; payload: struct ctl_node_status */
	CTL_SIGNAL = 42,   /* dcid, endpoint, cmd = signal or 0; row: struct ctl_signal_row */
	CTL_ENDED = 43,	   /* processes that have ended; dcid -1: all; rows: struct ctl_ended_row */
	CTL_COUNTERS = 44, /* the counters of this daemon; payload: struct ctl_counters */
	CTL_KEYS = 45,	   /* the daemon reads its key file again; payload: struct ctl_keys */
	CTL_ROSTER = 46,   /* another list of machines, for this node's files; payload: its text */
	CTL_CHECKPOINT =
		56, /* dcid, endpoint, cmd = file, flags CTL_FLAG_STOP; row: struct ctl_image */
	CTL_RESTORE = 57, /* endpoint NONE: as in the file; cmd = file; row: struct ctl_image */
	CTL_IMAGE =
		58, /* looks at a file. cmd = file; CTL_DATA: paths of files, each ended by 0; row: struct ctl_image */
	CTL_RESTART = 48, /* the daemon executes its program anew; payload: struct ctl_restart */
};

enum ctl_waits {
	CTL_WAITS_EDGE =
		0, /* the slot that it waits for, if `pid` waits for it: struct wait_edge */
	CTL_WAITS_LOCK = 1, /* its wait number addr[0] is in a ring and is to end: EDVSLOCKED */
};

#define CTL_FLAG_FOLLOW	     1u /* LOGS, RUN: stay attached until the process ends */
#define CTL_FLAG_DRY_RUN     2u
#define CTL_FLAG_HAND_COMMIT 4u
#define CTL_FLAG_CANCEL	     0x1000u /* MOVE: cancel the one under way; also as a second packet */
#define CTL_FLAG_ENDS	     8u	     /* UNBIND: because the thread that asks ends */
#define CTL_FLAG_CREATE	     16u     /* DCINIT: one that runs already is refused */
#define CTL_FLAG_CLASSIC     32u     /* DCINIT of the command line: the contract's rights */
#define CTL_FLAG_UNTIL_GONE  64u     /* SIGNAL: the answer comes when the process has gone */
#define CTL_FLAG_CARRY	     512u    /* MOVE, DRAIN: files that the target lacks go along */
#define CTL_FLAG_STOP	     256u /* CHECKPOINT: the process ends when its image is on the disk */
#define CTL_FLAG_UNBOUND     128u /* RUN: the program binds itself; endpoint may be NONE */
#define CTL_MODE_STOP	     0
#define CTL_MODE_PRE	     1
#define CTL_MODE_POST	     2
#define CTL_ENGINE_NATIVE    0
#define CTL_ENGINE_CRIU	     1

struct ctl_request {
	uint32_t magic;
	uint16_t version;
	uint16_t call; /* enum ctl_call */
	int32_t node;  /* the node to ask; -1 this one */
	int32_t tid;   /* calling thread in the caller's own pid namespace; 0: the process */
	int32_t dcid;
	int32_t endpoint;
	int32_t pid;
	int32_t nodeid;
	int32_t cmd;
	uint32_t flags;
	int32_t mode, engine;
	int64_t timeout_ms; /* < 0 none */
	uint64_t addr[2];
	int64_t bytes;
	char name[16];
	uint32_t payload_bytes;
	uint32_t pad;
};

enum ctl_packet {
	CTL_ROW = 1,
	CTL_DATA = 2, /* value: how many bytes of the whole there have been with these */
	CTL_END = 3
};

/* Every packet from the daemon starts with this; a row or data follows it. */
struct ctl_reply {
	uint32_t magic;
	uint16_t packet; /* enum ctl_packet */
	uint16_t fds;
	int64_t value; /* END: >= 0 or endpoint; meaning per call */
	int32_t error; /* END: 0 or a negative EDVS number */
	uint32_t payload_bytes;
	char sentence[CTL_SENTENCE]; /* END with an error: matter, reason, remedy; no newline */
};

/* Payload of CTL_RUN: counts, then argc + envc strings and the working directory, each ended by 0. */
/* How much of the output of a process is kept, in bytes. */
#define CTL_LOG_LEAST	4096
#define CTL_LOG_DEFAULT (1 << 20)
#define CTL_LOG_MOST	(4 << 20)

struct ctl_run {
	uint32_t argc;
	uint32_t envc;
	uint32_t uid, gid; /* filled by the daemon from the peer credentials */
	uint32_t umask;
	uint32_t log_bytes; /* kept of its output; 0: as the daemon has it */
};

/* First row of a CTL_RUN answer; with FOLLOW the log and at last an END with the wait status follow. */
struct ctl_run_row {
	int32_t lpid, vpid, endpoint, node;
	int32_t serves; /* 0: the DC is a classic one, and a slot so high may only call dvk_sendrec */
};

#define CTL_CHILDREN_MAX 32

struct ctl_proc_row {
	proc_usr_t proc;		 /* as the contract's table */
	int32_t owner;			 /* node that owns it */
	int32_t children;		 /* that came from it and live; -1: not known */
	uint64_t generation;		 /* the life that has the slot, or will have it next */
	int32_t child[CTL_CHILDREN_MAX]; /* their numbers on the owner, of the first of them */
};

/*
 * Of CTL_SIGNAL, once the signal has been sent. addr[0] of the request is 1 + the generation of the life that is
 * meant, 0: the present one. With UNTIL_GONE the value of the END is the wait status, -1 if nobody can
 * know it; EDVSMIGRATE, also in the middle of the wait: the process is on its way, ask again;
 * EDVSNOTBIND: that life is over.
 */
struct ctl_signal_row {
	int32_t dcid, endpoint, node, lpid;
	uint64_t generation;
	char name[16];
};

enum ctl_end_reason {
	CTL_ENDED_ITSELF = 0,	  /* as the wait status says */
	CTL_ENDED_STOP = 1,	  /* dvs stop had asked it to */
	CTL_ENDED_KILL = 2,	  /* by the signal that dvs kill had sent */
	CTL_ENDED_INIT = 3,	  /* its container ended on that node */
	CTL_ENDED_MOVED = 4,	  /* by hand: its endpoint went on in another process */
	CTL_ENDED_NODE = 5,	  /* its node left the cluster, or died */
	CTL_ENDED_CHECKPOINT = 6, /* its image is in a file: dvs checkpoint --stop */
	CTL_ENDED_REASONS
};

struct ctl_ended_row {
	int32_t dcid, p_nr, node, lpid, vpid;
	int32_t wait_status; /* as from wait(2); -1: not to be known */
	int32_t reason;	     /* enum ctl_end_reason */
	int32_t pad;
	uint64_t generation;
	int64_t ended_ns; /* real time */
	char name[16];
};

struct ctl_node_row {
	node_usr_t node;
	int32_t up;
	uint32_t incarnation;
	uint32_t pad;
	int32_t self;	 /* 1: the answering node */
	int32_t link_up; /* link from the answering node */
	int32_t silent_ms; /* nothing was heard over it for so long; a sign of life is due every second */
	uint64_t frames_sent, frames_received, bytes_sent, bytes_received;
	struct protocol_speaker
		speaker;     /* as it said itself; least 0: it has not met this node yet */
	uint32_t protocol;   /* that both speak; 0: none, or not known */
	int32_t clock_known; /* 1: the clock of the node is so far ahead, give or take */
	int64_t clock_ahead_ns, clock_error_ns;
	struct address address; /* where its links come from, as the order knows it */
};

#define CTL_SERVICES_MAX 4

struct ctl_dc_row {
	dc_usr_t dc;
	int32_t endpoints;	 /* bound now */
	uint32_t uid, gid, mode; /* base/right.h */
	uint32_t service_count;
	int32_t service_holder; /* endpoint whose node has the service addresses; NONE: there is none */
	int32_t service_node; /* that node; NONE */
	struct address_net service[CTL_SERVICES_MAX];
};

#define CTL_UNSAID UINT32_MAX

/*
 * Of CTL_DCINIT of the command line. A user or group that is not given is the asker's; a mode that
 * is not given is the default one.
 */
struct ctl_dc_make {
	dc_usr_t dc;
	uint32_t uid, gid, mode;
	uint32_t service_count;
	struct address_net service[CTL_SERVICES_MAX]; /* of all or of none the DC is made */
};

enum ctl_move_result {
	CTL_MOVE_COMMITTED = 0,
	CTL_MOVE_ROLLED_BACK = 1,
	CTL_MOVE_REFUSED = 2
};

struct ctl_move {
	int32_t dcid, endpoint, from, to;
	int32_t engine, mode, result; /* enum ctl_move_result */
	int32_t pid;		      /* lpid on the target */
	int32_t vpid;
	int32_t error; /* of a refusal or rollback */
	uint64_t total_ns, downtime_ns, transfer_ns, image_bytes, sent_bytes;
	uint32_t rounds;
	uint32_t dry_run;
	char name[16];
	char reason[CTL_SENTENCE];
	uint64_t cpu_used_ns; /* on the source; 0 from a daemon that does not say */
	uint32_t cpu_limited; /* 1: RLIMIT_CPU is lowered by that */
	uint32_t cpu_timed;   /* 1: has timers of CPU time, which keep what they had left */
	uint32_t fellows;     /* endpoints that move along */
	int32_t fellow[COMMAND_FELLOWS_MAX];
};

/*
 * Of CTL_CHECKPOINT, CTL_RESTORE and CTL_IMAGE. The file is open in the process that asks, under the number that
 * the request has: so it was opened with the rights of its user.
 */
struct ctl_image {
	int32_t dcid, endpoint;
	int32_t node;	   /* that answers */
	int32_t pid, vpid; /* of the first process; pid: of CTL_RESTORE */
	int32_t made_on;   /* node */
	uint32_t generation;
	uint32_t
		by_hand; /* CHECKPOINT, IMAGE: it was taken in a move by hand; RESTORE: waits for dvs_migrate -c */
	uint32_t ended; /* CHECKPOINT: the process was ended, or, by hand, stopped */
	uint32_t key;	/* number of the key of the file; 0 of CHECKPOINT */
	uint32_t uid;	/* real one of the process */
	int32_t fits;	/* IMAGE: 1: it would run on this node; 0: reason says why not */
	int64_t taken_ns;
	uint64_t raw_bytes, file_bytes, pages;
	uint64_t stopped_ns; /* CHECKPOINT: from the first stop until the image was whole */
	uint64_t total_ns;
	uint32_t processes, threads, maps, descriptors, files;
	uint32_t pad;
	char name[16];
	char reason[CTL_SENTENCE];
};

#define CTL_QUORUM_LOST (-1) /* this daemon will not have one again */

struct ctl_node_status {
	int32_t nodeid;
	int32_t nodes_up;
	int32_t links_up;
	int32_t quorum; /* 1, 0, or CTL_QUORUM_LOST */
	uint64_t order;
	int32_t processes; /* local bound or run */
	int32_t moves;	   /* under way on this node */
	int32_t groups;	   /* 1: its processes are in control groups of their own */
	int32_t pad;
};

#define CTL_REFUSALS_MAX 64

struct ctl_refusals {
	int32_t error; /* EDVS number */
	int32_t pad;
	uint64_t count;
};

/*
 * Numbers that a daemon and its predecessors have counted since the node was started. A move is counted where
 * the process was. "Begun" counts the moves that the order has let begin, "refused" those that the order or the target
 * has not. Moves by hand and dry runs are not counted. Times are those of committed moves.
 */
struct ctl_counters {
	int64_t since_ns; /* real time of the node's start */
	uint64_t moves_begun, moves_committed, moves_rolled_back, moves_refused;
	uint64_t moves_total_ns, moves_stopped_ns;
	uint64_t
		calls_forwarded; /* passed on to another node, because it has what they are about */
	uint64_t copies,
		copied_bytes; /* data copies that the daemon has done for processes of its node */
	/* Answers that were refusals, by number, first come first; a number without room counts as EDVSGENERIC. */
	struct ctl_refusals refusals[CTL_REFUSALS_MAX];
};

/* The keys that a daemon has now, by their numbers. */
struct ctl_keys {
	int32_t nodeid;
	uint32_t count;
	uint32_t key[2]; /* the primary one first */
	int32_t next;	 /* 1: the second one is to be the primary one; 0: it was */
	uint32_t ended;	 /* connections, because their key is gone */
	char path[256];	 /* of its file */
};

/* How the daemon became its successor; the answer comes from that one. */
struct ctl_restart {
	int32_t nodeid;
	int32_t pid;
	uint32_t restarts;  /* of this daemon so far */
	uint32_t processes; /* taken over */
	uint32_t pages;
	uint32_t links_down; /* that were not back within a second */
	uint64_t state_bytes;
	uint64_t total_ns;  /* from the question until the successor served */
	uint64_t paused_ns; /* of that, the time nobody served */
	uint64_t linked_ns; /* from when nobody served until the last link was back */
};

_Static_assert(sizeof(struct ctl_request) == 104, "one request layout");

#endif
