/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_TERMINAL_QUEUE_H
#define DVS_OS_TERMINAL_QUEUE_H

#include "os/terminal.h"

/*
 * The bytes under way in a pseudo-terminal. The kernel shows them to none but a reader, so that they are taken out and
 * put back; the processes that use the terminal stand meanwhile.
 *
 * Input is a row of units: bytes that a reader of the slave gets, and ends of file. Of a terminal that reads by lines,
 * those after the last end of a line can still be edited. The line discipline has OS_TERMINAL_ROOM units at most; the
 * kernel has not looked at those after them yet.
 */
#define OS_TERMINAL_QUEUE_MAX (32u << 10) /* the kernel has room for about 12 KiB */
#define OS_TERMINAL_ROOM      4095u

enum os_terminal_mark {
	OS_TERMINAL_BYTE,
	OS_TERMINAL_END_OF_FILE, /* without a byte */
	OS_TERMINAL_PUSHED,	 /* the last byte of the first read, which ends no line */
	OS_TERMINAL_MARKS,
};

enum os_terminal_flow {
	OS_TERMINAL_RUNS,
	OS_TERMINAL_STOPPED, /* by the character that stops (VSTOP) */
	OS_TERMINAL_HELD,    /* by tcflow() */
	OS_TERMINAL_FLOWS,
};

struct os_terminal_queue {
	uint32_t output_bytes, input_count;
	enum os_terminal_flow flow;
	uint8_t output[OS_TERMINAL_QUEUE_MAX]; /* which the master reads */
	uint8_t input[OS_TERMINAL_QUEUE_MAX], mark[OS_TERMINAL_QUEUE_MAX];
};

/* Leaves the terminal empty and with other settings, so that os_terminal_put() has to follow, also after an error. */
int os_terminal_take(int master, const struct os_terminal_state *state,
		     struct os_terminal_queue *queue);

/* Into an empty one; sets the settings, and the mode of packets. */
int os_terminal_put(int master, const struct os_terminal_state *state,
		    const struct os_terminal_queue *queue);

#endif
