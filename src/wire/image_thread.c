/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/image_thread.h"

#include <string.h>

#include "wire/image_description.h"

bool image_thread_ok(const struct image_thread *thread)
{
	if (thread->tid <= 0 || !memchr(thread->comm, 0, sizeof(thread->comm)))
		return false;
	if (thread->seccomp_mode > 2 || thread->seccomp_count > IMAGE_SECCOMP_MAX ||
	    (thread->seccomp_mode == 2) != (thread->seccomp_count != 0) ||
	    thread->seccomp_common > thread->seccomp_count)
		return false;
	const uint32_t policies = IMAGE_THREAD_MCE_EARLY | IMAGE_THREAD_MCE_LATE;

	if (thread->settings & ~(uint32_t)IMAGE_THREAD_SETTINGS_ALL ||
	    (thread->settings & policies) == policies)
		return false;
	if (thread->ended > 1 || thread->exit_code > 255 || (!thread->ended && thread->exit_code) ||
	    (thread->ended && thread->seccomp_mode))
		return false;
	if (!thread->cwd_file && (thread->root_file || thread->umask))
		return false;
	if (thread->table < 0 || thread->place < 0 || thread->umask > 0777 ||
	    (thread->place == thread->tid) != (thread->cwd_file != 0))
		return false;
	if (thread->ended && (thread->table || thread->place))
		return false;
	return thread->credentials.group_count <= 64 && thread->affinity_bytes <= 128;
}

bool image_table_ok(const struct image_table *table)
{
	return table->tid > 0 && table->fd_count <= IMAGE_FDS_MAX;
}

bool image_seccomp_ok(const struct image_seccomp *seccomp, uint32_t length)
{
	return seccomp->count && seccomp->count <= IMAGE_SECCOMP_CODE_MAX &&
	       length == sizeof(*seccomp) + seccomp->count * 8;
}
