/* SPDX-License-Identifier: Apache-2.0 */
#include "client/rig_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/socket.h"

struct rig *rig;
void (*rig_daemon)(const struct ctl_request *request);
int (*rig_connect)(const char *name);

static int theirs = -1; /* the daemon's end of the last connection */
static char connected_to[64];

/* ---- the way to the daemon ---- */

int __wrap_os_unix_connect_trusted(const char *name, enum os_socket_kind kind, int timeout_ms);
int __wrap_os_packet_sendv(int fd, const struct iovec *parts, int part_count, const int *fds,
			   int fd_count);
int __real_os_packet_sendv(int fd, const struct iovec *parts, int part_count, const int *fds,
			   int fd_count);

int __wrap_os_unix_connect_trusted(const char *name, enum os_socket_kind kind, int timeout_ms)
{
	int error = rig_connect ? rig_connect(name) : 0, fds[2];

	(void)timeout_ms;
	if (error)
		return error;
	if (os_unix_pair(kind, fds) < 0)
		abort();
	os_close(theirs);
	theirs = fds[1];
	snprintf(connected_to, sizeof(connected_to), "%s", name);
	return fds[0];
}

int __wrap_os_packet_sendv(int fd, const struct iovec *parts, int part_count, const int *fds,
			   int fd_count)
{
	unsigned index = rig->asked < RIG_REQUESTS ? rig->asked : RIG_REQUESTS - 1;
	struct rig_request *request = &rig->request[index];
	size_t bytes = part_count > 1 ? parts[1].iov_len : 0;

	(void)fd;
	(void)fds;
	if (fd_count || parts[0].iov_len != sizeof(request->head))
		abort();
	rig->asked++;
	memcpy(&request->head, parts[0].iov_base, sizeof(request->head));
	memcpy(request->payload, bytes ? parts[1].iov_base : "",
	       bytes < RIG_PAYLOAD ? bytes : RIG_PAYLOAD);
	snprintf(request->name, sizeof(request->name), "%s", connected_to);
	if (rig_daemon)
		rig_daemon(&request->head);
	return 0;
}

static void say(struct ctl_reply *reply, const void *payload, size_t bytes)
{
	struct iovec parts[2] = { { reply, sizeof(*reply) },
				  { (void *)(uintptr_t)payload, bytes } };

	reply->magic = CTL_MAGIC;
	reply->payload_bytes = (uint32_t)bytes;
	if (__real_os_packet_sendv(theirs, parts, bytes ? 2 : 1, NULL, 0) < 0)
		abort();
}

void rig_packet(const void *packet, size_t bytes)
{
	struct iovec part = { (void *)(uintptr_t)packet, bytes };

	if (__real_os_packet_sendv(theirs, &part, 1, NULL, 0) < 0)
		abort();
}

void rig_row(const void *row, size_t bytes)
{
	say(&(struct ctl_reply){ .packet = CTL_ROW }, row, bytes);
}

void rig_data(const char *text, int64_t total)
{
	say(&(struct ctl_reply){ .packet = CTL_DATA, .value = total }, text, strlen(text));
}

void rig_end(int64_t value)
{
	say(&(struct ctl_reply){ .packet = CTL_END, .value = value }, NULL, 0);
}

void rig_end_with(const void *payload, size_t bytes)
{
	say(&(struct ctl_reply){ .packet = CTL_END }, payload, bytes);
}

void rig_refuse(int error, const char *sentence)
{
	struct ctl_reply reply = { .packet = CTL_END, .error = error };

	snprintf(reply.sentence, sizeof(reply.sentence), "%s", sentence);
	say(&reply, NULL, 0);
}

void rig_hang_up(void)
{
	theirs = os_close(theirs);
}

/* ---- a run ---- */

static int file_new(void)
{
	char path[] = "/tmp/dvs-rig-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	unlink(path);
	return fd;
}

static void file_text(int fd, char text[RIG_TEXT])
{
	ssize_t length = pread(fd, text, RIG_TEXT - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	close(fd);
}

int rig_run_in_process(int (*function)(void *), void *context)
{
	int out = file_new(), err = file_new(), status = -1;
	pid_t pid;

	if (!rig)
		rig = mmap(NULL, sizeof(*rig), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	memset(rig, 0, sizeof(*rig));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		setenv("DVS_NODE", "", 1);
		exit(function(context));
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	file_text(out, rig->out);
	file_text(err, rig->err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_function(void *context)
{
	int (**function)(void) = context;

	return (*function)();
}

int rig_call(int (*function)(void))
{
	return rig_run_in_process(run_function, &function);
}

/* ---- what came out ---- */

void rig_append(char *to, size_t size, const char *text)
{
	size_t length = strlen(to);

	snprintf(to + length, size - length, "%s", text);
}

static bool found(const char *text, const char *in, const char *where)
{
	if (strstr(in, text))
		return true;
	printf("not on standard %s: %s\nbut: %s%s\n", where, text, rig->out, rig->err);
	return false;
}

bool rig_said(const char *text)
{
	return found(text, rig->out, "output");
}

bool rig_wrong(const char *text)
{
	return found(text, rig->err, "error");
}
