/* SPDX-License-Identifier: Apache-2.0 */
#include "os/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static bool number(const char *text, uint32_t *value)
{
	unsigned long long read;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	read = strtoull(text, NULL, 10);
	if (errno || read >= UINT32_MAX)
		return false;
	*value = (uint32_t)read;
	return true;
}

bool os_account_user(const char *text, uint32_t *uid)
{
	const struct passwd *entry;

	if (number(text, uid))
		return true;
	entry = getpwnam(text);
	if (entry)
		*uid = entry->pw_uid;
	return entry;
}

bool os_account_group(const char *text, uint32_t *gid)
{
	const struct group *entry;

	if (number(text, gid))
		return true;
	entry = getgrnam(text);
	if (entry)
		*gid = entry->gr_gid;
	return entry;
}
