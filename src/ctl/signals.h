/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_SIGNALS_H
#define DVS_CTL_SIGNALS_H

/* Names of signals, and how a process ended in words. */

#include <stdbool.h>
#include <stddef.h>

/* "TERM", "SIGTERM", "15", "RTMIN+2", in any case of letters; 1 to the highest there is. */
bool signals_number(const char *text, int *number);
/* "SIGTERM", "SIGRTMIN+2", "signal 99". */
const char *signals_name(int number, char *buf, size_t size);

/* Of a status as from wait(2), or -1: the number it exited with, else -1; the signal that killed it, else 0. */
int signals_exit(int wait_status);
int signals_killer(int wait_status);
bool signals_core(int wait_status);
/* The same in words: "exited with 3", "killed by SIGKILL", "... (core dumped)", "ended". */
const char *signals_end(int wait_status, char *buf, size_t size);

#endif
