/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_RESULT_H
#define DVS_BASE_RESULT_H

/*
 * The error numbers of the calls, each once: X(name, number, meaning), in ascending order of the
 * number. Calls return the number negated (dvk.h defines the names so). Up to 40 the numbers are
 * Linux's; from 50 on they are not, so strerror() must not be used for them.
 */
/* clang-format off */
#define RESULT_LIST(X) \
	X(EDVSPERM, 1, "operation not permitted") \
	X(EDVSNOENT, 2, "no such file") \
	X(EDVSSRCH, 3, "no such process") \
	X(EDVSINTR, 4, "interrupted by a signal") \
	X(EDVSIO, 5, "input or output failed") \
	X(EDVSNXIO, 6, "no such device or address") \
	X(EDVS2BIG, 7, "argument too long or not readable") \
	X(EDVSNOEXEC, 8, "not an executable file") \
	X(EDVSBADF, 9, "bad file descriptor") \
	X(EDVSCHILD, 10, "no such child") \
	X(EDVSAGAIN, 11, "would block, try again") \
	X(EDVSNOMEM, 12, "out of memory") \
	X(EDVSACCES, 13, "access denied") \
	X(EDVSFAULT, 14, "bad address") \
	X(EDVSNOTBLK, 15, "not a block device") \
	X(EDVSBUSY, 16, "busy with another operation") \
	X(EDVSEXIST, 17, "exists already") \
	X(EDVSXDEV, 18, "crosses devices") \
	X(EDVSNODEV, 19, "no such device") \
	X(EDVSNOTDIR, 20, "not a directory") \
	X(EDVSISDIR, 21, "is a directory") \
	X(EDVSINVAL, 22, "invalid argument") \
	X(EDVSNFILE, 23, "too many files open in the system") \
	X(EDVSMFILE, 24, "too many files open in the process") \
	X(EDVSNOTTY, 25, "wrong control request for this device") \
	X(EDVSTXTBSY, 26, "text file busy") \
	X(EDVSFBIG, 27, "file too large") \
	X(EDVSNOSPC, 28, "no space left") \
	X(EDVSSPIPE, 29, "cannot seek") \
	X(EDVSROFS, 30, "read-only file system") \
	X(EDVSMLINK, 31, "too many links") \
	X(EDVSPIPE, 32, "broken pipe") \
	X(EDVSDOM, 33, "argument outside the domain") \
	X(EDVSRANGE, 34, "slot or length out of range") \
	X(EDVSDEADLK, 35, "deadlock avoided") \
	X(EDVSNAMETOOLONG, 36, "file name too long") \
	X(EDVSNOLCK, 37, "no locks left") \
	X(EDVSNOSYS, 38, "no such operation") \
	X(EDVSNOTEMPTY, 39, "directory not empty") \
	X(EDVSLOOP, 40, "too many symbolic links") \
	X(EDVSPACKSIZE, 50, "bad packet size") \
	X(EDVSOUTOFBUFS, 51, "out of buffers") \
	X(EDVSBADIOCTL, 52, "bad control request") \
	X(EDVSBADMODE, 53, "bad mode for a control request") \
	X(EDVSWOULDBLOCK, 54, "would block") \
	X(EDVSBADDEST, 55, "not a valid destination for this call") \
	X(EDVSDSTNOTRCH, 56, "destination not reachable") \
	X(EDVSISCONN, 57, "already connected") \
	X(EDVSADDRINUSE, 58, "address in use") \
	X(EDVSCONNREFUSED, 59, "connection refused") \
	X(EDVSCONNRESET, 60, "connection reset") \
	X(EDVSTIMEDOUT, 61, "time-out elapsed") \
	X(EDVSURG, 62, "urgent data present") \
	X(EDVSNOURG, 63, "no urgent data") \
	X(EDVSNOTCONN, 64, "not connected") \
	X(EDVSSHUTDOWN, 65, "woken because the other side was unbound or shut down") \
	X(EDVSNOCONN, 66, "no such connection") \
	X(EDVSAFNOSUPPORT, 67, "address family not supported") \
	X(EDVSPROTONOSUPPORT, 68, "protocol not supported") \
	X(EDVSPROTOTYPE, 69, "wrong type for this protocol") \
	X(EDVSINPROGRESS, 70, "in progress") \
	X(EDVSADDRNOTAVAIL, 71, "address not available") \
	X(EDVSALREADY, 72, "already in progress") \
	X(EDVSMSGSIZE, 73, "wrong message size") \
	X(EDVSNOTSOCK, 74, "not a socket") \
	X(EDVSNOPROTOOPT, 75, "no such protocol option") \
	X(EDVSGENERIC, 99, "failed, no reason given") \
	X(EDVSLOCKED, 101, "would deadlock") \
	X(EDVSBADCALL, 102, "this process may not make this call") \
	X(EDVSBADSRCDST, 103, "bad source or destination") \
	X(EDVSCALLDENIED, 104, "call denied") \
	X(EDVSDEADSRCDST, 105, "nobody is bound to this endpoint") \
	X(EDVSNOTREADY, 106, "not ready") \
	X(EDVSBADREQUEST, 107, "unknown request") \
	X(EDVSSRCDIED, 108, "the source is not bound or has just ended") \
	X(EDVSDSTDIED, 109, "the destination is not bound or has just ended") \
	X(EDVSTRAPDENIED, 110, "not permitted toward this destination") \
	X(EDVSDONTREPLY, 201, "no reply is to be sent") \
	X(EDVSERRCODE, 300, "boundary of the error numbers") \
	X(EDVSBADNODEID, 301, "node number out of range or of the wrong kind") \
	X(EDVSBADDCID, 302, "container number out of range or not the caller's") \
	X(EDVSDCNOTRUN, 303, "container not running") \
	X(EDVSBADPROC, 304, "bad process or slot") \
	X(EDVSBADPID, 305, "no such process id, or not the bound one") \
	X(EDVSENDPOINT, 306, "endpoint invalid or of another generation") \
	X(EDVSNOPROXY, 307, "no working link to that node") \
	X(EDVSRMTPROC, 308, "the process is on another node") \
	X(EDVSLCLPROC, 309, "the process is on this node") \
	X(EDVSNOTBIND, 310, "not bound") \
	X(EDVSPROXYRUN, 311, "proxy already running") \
	X(EDVSACKDST, 312, "acknowledgement for a process that awaits none") \
	X(EDVSACKSRC, 313, "acknowledgement from an unexpected endpoint") \
	X(EDVSACKWAIT, 314, "acknowledgement not awaited") \
	X(EDVSNODEBUSY, 315, "node busy") \
	X(EDVSNONODE, 316, "node not known, or the endpoint is registered on another") \
	X(EDVSDVSBUSY, 317, "already initialised") \
	X(EDVSDVSINIT, 318, "not initialised: no daemon on this node") \
	X(EDVSNODCNODE, 319, "the node is not in the container (dvs dc add adds it)") \
	X(EDVSPROCRUN, 320, "the process is in the wrong run state") \
	X(EDVSNOMSG, 321, "no message") \
	X(EDVSDCRUN, 323, "container already running") \
	X(EDVSPROCSTS, 324, "the state of the process does not permit it") \
	X(EDVSNODEFREE, 325, "node not attached") \
	X(EDVSDCNODE, 326, "the node is already in the container, or is not") \
	X(EDVSBADPROXY, 327, "the caller is not this link's sender") \
	X(EDVSONCOPY, 328, "copy in progress") \
	X(EDVSENQUEUED, 329, "remote request in use") \
	X(EDVSOVERRUN, 330, "notification already pending") \
	X(EDVSBADOWNER, 331, "held by another user") \
	X(EDVSMIGRATE, 332, "the process is migrating, or is not") \
	X(EDVSPROXYFREE, 333, "proxy pair not in use") \
	X(EDVSGRPLEADER, 334, "not the group leader") \
	X(EDVSPRIVILEGES, 335, "privilege missing") \
	X(EDVSBINDTYPE, 336, "bad kind of bind") \
	X(EDVSSLOTUSED, 337, "slot taken") \
	X(EDVSBADRANGE, 338, "value out of range") \
	X(EDVSBADVALUE, 339, "invalid value") \
	X(EDVSBADDIR, 340, "directory not created") \
	X(EDVSBADFILE, 341, "file not created") \
	X(EDVSRSCBUSY, 342, "name or resource taken") \
	X(EDVSNAMESIZE, 343, "name too long") \
	X(EDVSALLOCMEM, 344, "out of memory") \
	X(EDVSPROXYID, 345, "proxy pair number out of range") \
	X(EDVSREPLPROC, 346, "process is replicated") \
	X(EDVSALIGN, 347, "bad alignment") \
	X(EDVSWOKENUP, 348, "woken by a wake-up call") \
	X(EDVSBADTRAMP, 349, "bad delegated copy") \
	X(EDVSUSR2USR, 350, "copy between processes delegated") \
	X(EDVSKRN2USR, 351, "copy to a process delegated") \
	X(EDVSUSR2KRN, 352, "copy from a process delegated") \
	X(EDVSPRIMARY, 401, "no primary member") \
	X(EDVSNOREPLICA, 402, "no replica member") \
	X(EDVSVERSION, 403, "the library is of another release than the daemon") \
	X(EDVSUSERFULL, 404, "this user has as many as one may have at a time") \
	X(EDVSRESTARTSYS, 512, "interrupted, the call restarts")
/* clang-format on */

/*
 * RESULT_EDVSNOENT and the others: the numbers as calls return them. A macro that pastes RESULT_ before its
 * argument takes the literal name of one of these numbers and refuses everything else at compile time, above
 * all a variable that holds an errno.
 */
#define RESULT_CONSTANT(name, number, text) RESULT_##name = -(number),
enum result_constant {
	RESULT_LIST(RESULT_CONSTANT)
};

/* "EDVSTIMEDOUT" for -61; "OK" for 0 and above; "EDVSGENERIC" for a number that is not one of ours. */
const char *result_name(int result);

/* The meaning of the number, in a few words without a capital or a full stop. */
const char *result_text(int result);

/*
 * For a number that is not a literal: itself if it is one of ours, else EDVSGENERIC. A number that a peer sent
 * goes through this before it is used; an errno goes through result_of_errno().
 */
int result_checked(int result);

/*
 * Errors of the system are numbers of their own: up to 40 they are ours as well, beyond that they mean something
 * else (110 is a time-out there and a missing right here). The one place where they become ours. number: a
 * positive or negative errno. EDVSGENERIC for one that has no like.
 */
int result_of_errno(int number);

#endif
