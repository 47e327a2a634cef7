/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_ERRORS_H
#define DVK_ERRORS_H
/*
 * The numbers that a call returns when it did not do its work. Part of dvk.h; include that.
 *
 * Every call returns the negative number itself and leaves errno alone. From -50 on the numbers
 * are not those of <errno.h> (61 is "timed out" here), so strerror does not know them.
 *
 * dvk_bind_X, dvk_getep and dvk_wait4bindep_X return endpoints, which are negative for tasks:
 * their result is an error only if it is below EDVSERRCODE.
 */

#define _SIGN	-
#define _NERROR 70

/* ---- like POSIX ---- */

#define EDVSGENERIC	(_SIGN 99) /* anything else */
#define EDVSPERM	(_SIGN 1)  /* not permitted; vcopy: what the kernel would refuse */
#define EDVSNOENT	(_SIGN 2)  /* no such file */
#define EDVSSRCH	(_SIGN 3)  /* no such process */
#define EDVSINTR	(_SIGN 4)  /* interrupted by a signal */
#define EDVSIO		(_SIGN 5)  /* I/O error */
#define EDVSNXIO	(_SIGN 6)  /* no such device or address */
#define EDVS2BIG	(_SIGN 7)  /* too long; parameter or copy buffer too big */
#define EDVSNOEXEC	(_SIGN 8)  /* bad executable */
#define EDVSBADF	(_SIGN 9)  /* bad descriptor */
#define EDVSCHILD	(_SIGN 10) /* no child */
#define EDVSAGAIN	(_SIGN 11) /* would block; unbind: asked the other to end */
#define EDVSNOMEM	(_SIGN 12) /* no memory */
#define EDVSACCES	(_SIGN 13) /* access denied */
#define EDVSFAULT	(_SIGN 14) /* bad address */
#define EDVSNOTBLK	(_SIGN 15) /* not a block device */
#define EDVSBUSY	(_SIGN 16) /* busy with a copy or remote operation */
#define EDVSEXIST	(_SIGN 17) /* exists */
#define EDVSXDEV	(_SIGN 18) /* cross-device */
#define EDVSNODEV	(_SIGN 19) /* no such device */
#define EDVSNOTDIR	(_SIGN 20) /* not a directory */
#define EDVSISDIR	(_SIGN 21) /* is a directory */
#define EDVSINVAL	(_SIGN 22) /* bad argument */
#define EDVSNFILE	(_SIGN 23) /* system file table full */
#define EDVSMFILE	(_SIGN 24) /* too many open files */
#define EDVSNOTTY	(_SIGN 25) /* wrong device control request */
#define EDVSTXTBSY	(_SIGN 26) /* text busy (unused) */
#define EDVSFBIG	(_SIGN 27) /* file too large */
#define EDVSNOSPC	(_SIGN 28) /* no space */
#define EDVSSPIPE	(_SIGN 29) /* cannot seek */
#define EDVSROFS	(_SIGN 30) /* read-only */
#define EDVSMLINK	(_SIGN 31) /* too many links */
#define EDVSPIPE	(_SIGN 32) /* broken pipe */
#define EDVSDOM		(_SIGN 33) /* domain error */
#define EDVSRANGE	(_SIGN 34) /* slot or length out of range */
#define EDVSDEADLK	(_SIGN 35) /* deadlock avoided */
#define EDVSNAMETOOLONG (_SIGN 36) /* name too long */
#define EDVSNOLCK	(_SIGN 37) /* no locks */
#define EDVSNOSYS	(_SIGN 38) /* no such operation */
#define EDVSNOTEMPTY	(_SIGN 39) /* directory not empty */
#define EDVSLOOP	(_SIGN 40) /* too many symbolic links */

/* ---- like the network errors of POSIX, with numbers of their own ---- */

#define EDVSPACKSIZE	   (_SIGN 50) /* bad packet size */
#define EDVSOUTOFBUFS	   (_SIGN 51) /* no buffers */
#define EDVSBADIOCTL	   (_SIGN 52) /* bad ioctl */
#define EDVSBADMODE	   (_SIGN 53) /* bad ioctl mode */
#define EDVSWOULDBLOCK	   (_SIGN 54) /* would block */
#define EDVSBADDEST	   (_SIGN 55) /* invalid destination: HARDWARE, or self */
#define EDVSDSTNOTRCH	   (_SIGN 56) /* unreachable */
#define EDVSISCONN	   (_SIGN 57) /* already connected */
#define EDVSADDRINUSE	   (_SIGN 58) /* address in use */
#define EDVSCONNREFUSED	   (_SIGN 59) /* refused */
#define EDVSCONNRESET	   (_SIGN 60) /* reset */
#define EDVSTIMEDOUT	   (_SIGN 61) /* DVK timeout elapsed */
#define EDVSURG		   (_SIGN 62) /* urgent data */
#define EDVSNOURG	   (_SIGN 63) /* no urgent data */
#define EDVSNOTCONN	   (_SIGN 64) /* proxy pair not connected */
#define EDVSSHUTDOWN	   (_SIGN 65) /* woken because of unbind / proxy shutdown */
#define EDVSNOCONN	   (_SIGN 66) /* no such connection */
#define EDVSAFNOSUPPORT	   (_SIGN 67) /* address family */
#define EDVSPROTONOSUPPORT (_SIGN 68) /* protocol */
#define EDVSPROTOTYPE	   (_SIGN 69) /* wrong protocol type */
#define EDVSINPROGRESS	   (_SIGN 70) /* in progress */
#define EDVSADDRNOTAVAIL   (_SIGN 71) /* address not available */
#define EDVSALREADY	   (_SIGN 72) /* already in progress */
#define EDVSMSGSIZE	   (_SIGN 73) /* message copy failed / wrong size */
#define EDVSNOTSOCK	   (_SIGN 74) /* not a socket */
#define EDVSNOPROTOOPT	   (_SIGN 75) /* protocol option */

/* ---- message passing ---- */

#define EDVSLOCKED     (_SIGN 101) /* everybody in this circle would wait for ever */
#define EDVSBADCALL    (_SIGN 102) /* call not allowed for this process */
#define EDVSBADSRCDST  (_SIGN 103) /* bad endpoint (unused) */
#define EDVSCALLDENIED (_SIGN 104) /* call denied (unused) */
#define EDVSDEADSRCDST (_SIGN 105) /* sendrec to a free slot */
#define EDVSNOTREADY   (_SIGN 106) /* not ready (guide only; now PROCRUN) */
#define EDVSBADREQUEST (_SIGN 107) /* unknown proxy command */
#define EDVSSRCDIED    (_SIGN 108) /* source not bound or just unbound */
#define EDVSDSTDIED    (_SIGN 109) /* destination not bound or just unbound */
#define EDVSTRAPDENIED (_SIGN 110) /* not permitted towards this destination */
#define EDVSDONTREPLY  (_SIGN 201) /* server-internal: send no reply */

/* ---- DVS ---- */

#define EDVSERRCODE    (_SIGN 300) /* boundary: lower values are always errors */
#define EDVSBADNODEID  (_SIGN 301) /* node number out of range, or local for remote */
#define EDVSBADDCID    (_SIGN 302) /* no such DC; bind: slot out of range */
#define EDVSDCNOTRUN   (_SIGN 303) /* DC not running */
#define EDVSBADPROC    (_SIGN 304) /* no such slot, or not a process for this */
#define EDVSBADPID     (_SIGN 305) /* no such pid or not the bound one */
#define EDVSENDPOINT   (_SIGN 306) /* no such endpoint, or the caller itself */
#define EDVSNOPROXY    (_SIGN 307) /* node has no working proxy pair */
#define EDVSRMTPROC    (_SIGN 308) /* process is remote (here) */
#define EDVSLCLPROC    (_SIGN 309) /* process is local (here) */
#define EDVSNOTBIND    (_SIGN 310) /* not bound */
#define EDVSPROXYRUN   (_SIGN 311) /* proxy already running (unused) */
#define EDVSACKDST     (_SIGN 312) /* acknowledgement nobody waits for */
#define EDVSACKSRC     (_SIGN 313) /* acknowledgement from an unexpected endpoint */
#define EDVSACKWAIT    (_SIGN 314) /* acknowledgement not awaited (unused) */
#define EDVSNODEBUSY   (_SIGN 315) /* node busy (unused) */
#define EDVSNONODE     (_SIGN 316) /* node not served, or endpoint is elsewhere */
#define EDVSDVSBUSY    (_SIGN 317) /* DVS already initialised */
#define EDVSDVSINIT    (_SIGN 318) /* DVS not initialised */
#define EDVSNODCNODE   (_SIGN 319) /* node is not in the DC */
#define EDVSPROCRUN    (_SIGN 320) /* caller not idle, or party not blocked */
#define EDVSNOMSG      (_SIGN 321) /* list empty (unused) */
#define EDVSDCRUN      (_SIGN 323) /* unused, see EDVSRSCBUSY */
#define EDVSPROCSTS    (_SIGN 324) /* status does not permit the operation */
#define EDVSNODEFREE   (_SIGN 325) /* node not attached */
#define EDVSDCNODE     (_SIGN 326) /* add: in the DC already; del: not in it */
#define EDVSBADPROXY   (_SIGN 327) /* caller is not that pair's sender */
#define EDVSONCOPY     (_SIGN 328) /* copy in progress */
#define EDVSENQUEUED   (_SIGN 329) /* remote descriptor in use */
#define EDVSOVERRUN    (_SIGN 330) /* notification already pending */
#define EDVSBADOWNER   (_SIGN 331) /* the daemon's name is held by another user */
#define EDVSMIGRATE    (_SIGN 332) /* is migrating; rollback: is not migrating */
#define EDVSPROXYFREE  (_SIGN 333) /* pair not in use */
#define EDVSGRPLEADER  (_SIGN 334) /* not the group leader (test removed) */
#define EDVSPRIVILEGES (_SIGN 335) /* capability or privilege id missing */
#define EDVSBINDTYPE   (_SIGN 336) /* bad bind type */
#define EDVSSLOTUSED   (_SIGN 337) /* slot taken */
#define EDVSBADRANGE   (_SIGN 338) /* value out of range */
#define EDVSBADVALUE   (_SIGN 339) /* invalid value */
#define EDVSBADDIR     (_SIGN 340) /* directory not created */
#define EDVSBADFILE    (_SIGN 341) /* file not created */
#define EDVSRSCBUSY    (_SIGN 342) /* name, DC, node quota or pair taken */
#define EDVSNAMESIZE   (_SIGN 343) /* name too long */
#define EDVSALLOCMEM   (_SIGN 344) /* no memory */
#define EDVSPROXYID    (_SIGN 345) /* pair number out of range */
#define EDVSREPLPROC   (_SIGN 346) /* process is replicated (unused) */
#define EDVSALIGN      (_SIGN 347) /* alignment (unused) */
#define EDVSWOKENUP    (_SIGN 348) /* woken by wakeup */
#define EDVSBADTRAMP   (_SIGN 349) /* bad delegated-copy command (internal) */
#define EDVSUSR2USR    (_SIGN 350) /* internal: a blocked process is asked to copy */
#define EDVSKRN2USR    (_SIGN 351) /* internal */
#define EDVSUSR2KRN    (_SIGN 352) /* internal */
#define EDVSPRIMARY    (_SIGN 401) /* no primary member (replication) */
#define EDVSNOREPLICA  (_SIGN 402) /* no replica member */
#define EDVSVERSION    (_SIGN 403) /* the library is of another release than the daemon (new) */
#define EDVSUSERFULL   (_SIGN 404) /* the caller's user has as many of them as one may (new) */
#define EDVSRESTARTSYS (_SIGN 512) /* interrupted, kernel-internal */

#endif
