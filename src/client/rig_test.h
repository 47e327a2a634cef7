/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CLIENT_RIG_TEST_H
#define DVS_CLIENT_RIG_TEST_H

/*
 * A daemon that is the test, for any client. Each run is a process of its own, as with people: its exit
 * status, what it printed and what it asked come out. Connections are real sockets, whose other end the test's
 * function `daemon` answers on as soon as a request is sent.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/test.h"
#include "client/client.h"
#include "wire/ctl.h"

#define RIG_REQUESTS 24
#define RIG_TEXT     16384
#define RIG_PAYLOAD  512

struct rig_request {
	struct ctl_request head;
	uint8_t payload[RIG_PAYLOAD];
	char name[64]; /* of the socket that was connected to */
};

/* All in memory that the run and the test share. */
struct rig {
	unsigned asked;
	struct rig_request request[RIG_REQUESTS]; /* the first of them, and the last */
	char out[RIG_TEXT], err[RIG_TEXT];
	int note[8]; /* numbers from the fakes of a test, which ran in the other process */
	char text[512];
};

extern struct rig *rig;

/* Answers the request that was just sent, with the functions below; runs inside the verb's process. */
extern void (*rig_daemon)(const struct ctl_request *request);
/* In place of a connection: negative errno by this name, 0: there is one. NULL: always. */
extern int (*rig_connect)(const char *name);

void rig_row(const void *row, size_t bytes);
void rig_data(const char *text, int64_t total);
void rig_end(int64_t value);
void rig_end_with(const void *payload, size_t bytes);
void rig_refuse(int error, const char *sentence);
/* No answer: the daemon ends. */
void rig_hang_up(void);

/* Runs a function so. Its result is the exit status, which is returned; -1: it was killed. */
int rig_run_in_process(int (*function)(void *), void *context);
int rig_call(int (*function)(void));

bool rig_said(const char *text);  /* on standard output */
bool rig_wrong(const char *text); /* on standard error */
/* Adds text at the end of another, as much of it as fits. */
void rig_append(char *to, size_t size, const char *text);
/* One packet as it stands, whatever it says of itself. */
void rig_packet(const void *packet, size_t bytes);

#endif
