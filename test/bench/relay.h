/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BENCH_RELAY_H
#define DVS_BENCH_RELAY_H

/*
 * The least that any system costs in which programs speak through a process of their node: a client and
 * a server that share one page with a relay each, and a TCP connection between the relays. Nothing is
 * checked, queued or counted; everybody looks at memory or the socket and yields, and never sleeps.
 *
 *	client  <- page ->  relay  <- TCP ->  relay  <- page ->  server
 *
 * cpu: of the client or server; the relays run on any, each in a session of its own, as daemons do.
 */
int relay_serve(int port, int cpu);
int relay_call(const char *address, int port, int count, int cpu);

#endif
