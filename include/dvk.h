/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_H
#define DVK_H
/*
 * The public interface of DVS: the header that a program includes to talk to the other programs of its
 * Distributed Container. Link with -ldvk.
 *
 * This is the one header to include. Its parts, each about one thing:
 *
 *	dvk/limits.h	numbers: table sizes, endpoints, time-outs, selectors, call numbers
 *	dvk/errors.h	the EDVS error numbers
 *	dvk/message.h	the 48-byte message and its access macros
 *	dvk/state.h	the flag words of a process, a node, a DC
 *	dvk/tables.h	rows of the tables: DVS, DC, node, process, privileges, proxies, commands
 *	dvk/print.h	printf formats of all of these
 *	dvk/calls.h	the calls
 *
 * C17 and C++. cpu_set_t is part of two rows: on C libraries that hide it, define _GNU_SOURCE.
 */
#include "dvk/limits.h"
#include "dvk/errors.h"
#include "dvk/message.h"
#include "dvk/state.h"
#include "dvk/tables.h"
#include "dvk/print.h"
#include "dvk/calls.h"

#endif
