/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/image.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/refusal.h"
#include "dvk.h"
#include "node/ask/request.h"
#include "node/ask/share.h"
#include "node/move/move.h"
#include "node/state/order.h"
#include "os/inode.h"
#include "os/lock.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

bool image_may(struct request *request)
{
	assert(os_lock_protects());
	if (!request->requests->moves->keys) {
		request_fail(
			request, EDVSINVAL,
			"node %d was started without a key file, and images are sealed with the "
			"cluster's key: start it with --key FILE (dvs key make)",
			request->requests->order->self);
		return false;
	}
	if (share_take(&request->requests->shares, request->uid, SHARE_IMAGES))
		return true;
	request_fail_share(request, SHARE_IMAGES);
	return false;
}

/*
 * The process is the one that asked, as the user that it was. One that has executed a program with other rights since
 * then may have files open that its user may not: the kernel gives such a process to root, also when it has dropped
 * those rights again.
 */
static bool is_own(struct moves *moves, struct request *request)
{
	struct os_status status;
	char name[32];
	bool there;

	os_lock_take(moves->lock);
	there = request_caller_is_there(request);
	os_lock_release(moves->lock);
	snprintf(name, sizeof(name), "/proc/%d", (int)request->pid);
	return there &&
	       (request->uid == 0 || (os_status_at(OS_FOLDER_CURRENT, name, &status) == 0 &&
				      status.uid == request->uid));
}

/* A pipe or a socket could keep a worker waiting for as long as its user likes. */
static bool is_file(int fd)
{
	struct os_status status;

	return os_status(fd, &status) == 0 && (status.mode & OS_MODE_KIND) == OS_MODE_FILE;
}

int image_open(struct moves *moves, struct request *request, struct refusal *refusal)
{
	int fd = -EBADF;

	assert(!os_lock_is_held());
	if (is_own(moves, request))
		fd = os_pid_descriptor(request->pid, request->head.cmd);
	/* And it still was when the file was taken. */
	if (fd >= 0 && is_own(moves, request) && is_file(fd))
		return fd;
	if (fd >= 0)
		os_close(fd);
	refusal_set(
		refusal, EDVSINVAL,
		"an image is in a plain file, and the process that asks has none open: name one");
	return -1;
}
