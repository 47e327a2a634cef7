/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BENCH_COPIER_H
#define DVS_BENCH_COPIER_H

/*
 * The least that a copy of memory between processes of two nodes costs, one call after the other as
 * dvk_vcopy makes them: a process on each node that reads or writes the memory of another one there, part by
 * part, and a TCP connection between both. Each copy of 1 MB is asked for when the one before has arrived.
 * Nothing is checked; both ends look at the socket and yield, and never sleep.
 *
 *	memory  - process_vm_readv ->  copier  - TCP ->  copier  - process_vm_writev ->  memory
 */
int copier_serve(int port);
/* Prints the median time of a copy in us. */
int copier_call(const char *address, int port, int count);

#endif
