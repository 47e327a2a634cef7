/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_STARTS_TEST_H
#define DVS_CTL_STARTS_TEST_H

/* For the tests of the verbs that start a program: a daemon that does so, and the request that it was sent. */

#include <string.h>

#include "ctl/rig_test.h"

static void starts(const struct ctl_request *request)
{
	struct ctl_run_row row = { .lpid = 77, .endpoint = request->endpoint, .serves = 1 };

	rig_row(&row, sizeof(row));
	rig_end(0);
}

#define HEAD (rig->request[0].head)

static struct ctl_run sent(void)
{
	struct ctl_run run;

	memcpy(&run, rig->request[0].payload, sizeof(run));
	return run;
}

#endif
