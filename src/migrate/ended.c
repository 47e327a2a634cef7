/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/ended.h"

#include "dvk/errors.h"
#include "os/procdir.h"

#include <errno.h>
#include <string.h>

int ended_refuse(int dir, int result, const char *what, struct refusal *refusal)
{
	if (procdir_ended(dir))
		return refusal_set(refusal, EDVSSRCH, "the process has ended");
	return refusal_set_number(refusal, result == -ENOMEM ? EDVSNOMEM : EDVSIO,
				  "the %s of the process cannot be read: %s", what,
				  strerror(result < 0 ? -result : EIO));
}
