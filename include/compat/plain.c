/* SPDX-License-Identifier: Apache-2.0 */
/* A program of today: dvk.h and nothing else, pedantic, no feature macros. Compiled, not linked. */
#include "../dvk.h"

int call_once(int server);

int call_once(int server)
{
	message m = { 0 };
	long result = dvk_open();

	if (result < 0)
		return (int)result;
	m.m_type = 1;
	m.m1_i1 = 2;
	result = dvk_sendrec_T(server, &m, TIMEOUT_MOLCALL);
	if (result == EDVSTIMEDOUT || result == EDVSDEADSRCDST)
		return (int)result;
	return m.m_type;
}
