/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_PLAIN_TEST_H
#define DVS_OS_PLAIN_TEST_H

/* Both ends of a connection without keys, in one program. For tests of its users. */

#include "base/test.h"
#include "os/secure.h"
#include "os/socket.h"

TEST_LOOKS_UNUSED static void plain_pair(struct secure *ends[2])
{
	int fds[2];

	CHECK_EQ(os_unix_pair(OS_STREAM, fds), 0);
	for (int i = 0; i < 2; i++) {
		os_set_nonblock(fds[i], 1);
		ends[i] = secure_plain(fds[i]);
		CHECK(ends[i]);
	}
}

#endif
