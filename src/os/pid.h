/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_PID_H
#define DVS_OS_PID_H

/*
 * Names of tasks across pid namespaces, and descriptors that name one task for good. "Here" means the
 * namespace of the calling process. Everything is read from /proc, so a task that ends is an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Identity of a task's pid namespace, 0 if it has gone; pid 0: the caller's. */
uint64_t os_pidns_of(pid_t pid);
/* Number of a task in its own, innermost namespace; negative errno. */
int os_pid_innermost(pid_t tid);
/* Process (thread group) of a task; negative errno. */
pid_t os_tgid_of(pid_t tid);
/* Whether a process is stopped by a signal; not if it has ended, or a tracer holds it. */
bool os_is_stopped(pid_t pid);
/* The parent of a process, 0 if it is not in our pid namespace; negative errno. */
pid_t os_parent_of(pid_t pid);
/*
 * The thread of process `pid` (here) whose number in that process's namespace is `tid`; and the task that
 * process `asker` (here) calls `pid`. -ESRCH; -ENOSYS: this kernel (before 6.11) has to be searched. The
 * kernel is asked, so that the cost does not grow with the tasks of the machine.
 */
pid_t os_tid_here(pid_t pid, pid_t tid);
pid_t os_pid_here(pid_t asker, pid_t pid);
/* The same by looking at one task after the other. The cost grows with them: not under a lock. */
pid_t os_tid_search(pid_t pid, pid_t tid);
pid_t os_pid_search(pid_t asker, pid_t pid);
/* The exit status, as of wait(2), of a task that has ended and was not reaped yet; -1: not to be known. */
int os_exit_status_of(pid_t tid);
/* Effective user of a task; negative errno. */
int64_t os_euid_of(pid_t tid);
/* When a task was started, in ticks since the machine was: with its number, an identity. 0: gone. */
uint64_t os_start_of(pid_t tid);
/* Command name, terminated; "?" when the task has gone. */
void os_comm_of(pid_t tid, char *name, size_t size);

struct os_peer;

/* Owned by the caller; thread: name the thread rather than its process. -errno. */
int os_pidfd_open(pid_t pid, bool thread);
/*
 * The same, `count` of them, of one process that was in the pid namespace of its neighbour (here), and that is gone
 * altogether. 0, or -errno and none.
 */
int os_pidfds_of_nobody(pid_t neighbour, uint32_t count, const bool thread[], int fd[]);
/* A descriptor of ours for the open file of descriptor `number` of the process, close-on-exec; -errno. */
int os_pid_descriptor(pid_t pid, int number);
/*
 * Between the two, which nest, this thread finds the process of os_pid_descriptor() once for all descriptors that
 * it asks for one after the other.
 */
void os_pid_keep(void);
void os_pid_let_go(void);
/*
 * Whether it has a Unix socket whose other end is, or will be when it is accepted, the caller's, or one of packets that
 * is not connected yet.
 */
bool os_pid_connects_here(pid_t pid);
/* To a process whose number cannot be another one's meanwhile: the caller's child, or one that it traces. */
void os_pid_signal(pid_t pid, int signo);

int os_pidfd_signal(int pidfd, int signo);
/* Pid here of the process a descriptor names; -ESRCH once it was reaped. */
pid_t os_pidfd_pid(int pidfd);

/*
 * The process that made a connection: watched from now on, it is there as long as it lives and has the
 * user that it had then. Only then is peer->pid its number, and not that of one that came after it.
 */
void os_peer_watch(int fd, struct os_peer *peer);
/* *pidfd: of that process, or -1 as before the first look and where the kernel has none; the caller's to close. */
bool os_peer_is_there(int fd, const struct os_peer *peer, int *pidfd);
/* For tests: from now on as where the kernel gives no descriptor of a peer (before 6.5). By start time then. */
void os_peer_without_pidfd(void);

#endif
