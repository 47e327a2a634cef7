/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_ASSERTION_H
#define DVS_LIBDVK_ASSERTION_H

#include "os/fatal.h"

/*
 * Assertions of the library, which runs inside programs of others. One states what this library alone has done and
 * kept in memory of its own, never what a caller passed, what stands in a page, or what the daemon said. One that
 * fires ends the program with a sentence that says it was not the program's fault.
 */
#define DVK_ASSERT(cond)                                                                          \
	do {                                                                                      \
		if (__builtin_expect(!(cond), 0))                                                 \
			os_fatal("libdvk ends this program, because its own state is wrong: the " \
				 "rule \"" #cond "\" does not hold in " __FILE__ ". This is a "   \
				 "fault of libdvk; please report it.\n");                         \
	} while (0)

#endif
