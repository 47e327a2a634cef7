/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BENCH_MEASURE_H
#define DVS_BENCH_MEASURE_H

/* What the programs that measure round trips between nodes share. All of it ends the program on failure. */

void measure_fail(const char *what) __attribute__((noreturn));
/* Keeps the caller on one CPU; below 0: on any. */
void measure_on(int cpu);

/* Makes count round trips in batches, after one that does not count; prints the median batch's in us. */
void measure(int count, void (*trip)(void *ctx), void *ctx);

/* The first connection to a port (says "ready" before it waits), or one to it; without delay. */
int measure_accept(int port);
int measure_connect(const char *address, int port);

#endif
