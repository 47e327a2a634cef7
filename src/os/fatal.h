/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_FATAL_H
#define DVS_OS_FATAL_H

/*
 * Ends the process, for code that runs inside a program of somebody else and finds its own state broken. Writes the
 * sentence to descriptor 2 in one piece, past the program's streams and whatever they still hold, and aborts.
 */
__attribute__((cold)) _Noreturn void os_fatal(const char *sentence);

#endif
