/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_FAULT_H
#define DVS_MIGRATE_FAULT_H

#include <stdbool.h>

#include "base/refusal.h"

/*
 * Fault points: named places where a move can be made to fail, chosen by DVS_FAULT=name in the
 * environment, compiled in. Tests use them to go down every undo ladder.
 */
enum fault_point {
	FAULT_NONE,
	FAULT_SOURCE_CHECK,
	FAULT_SOURCE_OFFER,
	FAULT_SOURCE_SEIZED,   /* threads stopped, nothing injected */
	FAULT_SOURCE_FOOTHOLD, /* foothold in place */
	FAULT_SOURCE_STATE,    /* state read, nothing sent */
	FAULT_SOURCE_MEMORY,   /* half of the stream is out */
	FAULT_SOURCE_THREADS,  /* everything but the end is out */
	FAULT_TARGET_CHECK,
	FAULT_TARGET_SHELL,   /* shell started */
	FAULT_TARGET_CLEARED, /* the shell's own mappings are gone */
	FAULT_TARGET_MAPPED,
	FAULT_TARGET_FILLED,
	FAULT_TARGET_THREADS,
	FAULT_TARGET_LOADED,
	FAULT_COUNT,
};

/* The name of a point, as in DVS_FAULT; NULL for FAULT_NONE and beyond. */
const char *fault_name(enum fault_point point);

/* 0, or the refusal that stands for any failure at this place. */
int fault_here(enum fault_point point, struct refusal *refusal);

#endif
