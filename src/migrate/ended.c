/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/ended.h"

#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/procdir.h"

int ended_refuse(int dir, int r, const char *what, struct refusal *refusal)
{
	if (procdir_ended(dir))
		return refusal_set(refusal, EDVSSRCH, "the process has ended");
	return refusal_set_number(refusal, r == -ENOMEM ? EDVSNOMEM : EDVSIO,
				  "the %s of the process cannot be read: %s", what,
				  strerror(r < 0 ? -r : EIO));
}
