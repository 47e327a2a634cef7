/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that cannot be carried, refused by the name people know it by. */
#include "migrate/kind.h"

#include <string.h>

#include "dvk/errors.h"
#include "os/pid.h"
#include "os/socket.h"

static const char *socket_name(pid_t pid, int number)
{
	int fd = os_pid_descriptor(pid, number);
	const char *name = fd < 0 ? "a socket (TCP, UDP or another kind)" : os_socket_text(fd);

	os_close(fd);
	return name;
}

/* The name of the object behind a link that is no path; NULL: a path. */
static const char *object_name(pid_t pid, int number, const char *link)
{
	static const struct {
		const char *prefix, *name;
	} known[] = {
		{ "anon_inode:[fanotify]", "a fanotify group" },
		{ "anon_inode:[io_uring]", "an io_uring" },
		{ "anon_inode:[perf_event]", "a perf event" },
		{ "anon_inode:[userfaultfd]", "a userfaultfd" },
		{ "anon_inode:bpf", "a BPF object" },
		{ "anon_inode:[landlock", "a Landlock ruleset" },
		{ "anon_inode:seccomp", "a seccomp listener" },
		{ "anon_inode:", "a kernel object" },
		{ "(unreachable)", "a file that lies outside its root directory" },
		{ "/SYSV", "a System V shared memory segment" },
	};

	if (strncmp(link, "socket:[", 8) == 0)
		return socket_name(pid, number);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(link, known[i].prefix, strlen(known[i].prefix)) == 0)
			return known[i].name;
	}
	return link[0] == '/' ? NULL : "a kernel object";
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const char *what = object_name(seen->pid, seen->number, seen->link);

	(void)image;
	if (!what)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has %s open (descriptor %d), which cannot move to another "
			   "node",
			   what, seen->number);
}

/* No image has one: only find() is asked. */
const struct kind kind_refused = { .name = "a kernel object", .find = find };
