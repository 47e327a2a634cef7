/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_STAGE_INIT_TEST_H
#define DVS_MIGRATE_STAGE_INIT_TEST_H

#include <stdint.h>

/* The init of a side of the stage: starts programs on request, and tells which ones have ended. */
#define STAGE_ARGS_MAX 8

struct stage_request {
	int vpid;
	uint32_t argc;
	char arg[STAGE_ARGS_MAX][256];
	uint32_t fd_count; /* become 0, 1, ...; or, for one, descriptor 3 */
};

struct stage_news {
	int vpid, status; /* of a child that ended; or the result of a request, with ended 0 */
	int ended;
};

/* A request of the test, with its fd_count descriptors. 0 or -errno; the init answers with news. */
int stage_init_send(int sock, const struct stage_request *request, const int *fds);

/* In the init, until its socket is closed: does not return. */
void stage_init_run(int sock);

#endif
