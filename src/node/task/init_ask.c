/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/init_ask.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "os/spawn.h"

/* The text of argv, envp and cwd as they go over the socket. */
struct strings {
	char *bytes;
	size_t len, room;
};

static int strings_add(struct strings *s, const char *text)
{
	size_t n = strlen(text) + 1;

	if (s->len + n > s->room)
		return -E2BIG;
	memcpy(s->bytes + s->len, text, n);
	s->len += n;
	return 0;
}

static int strings_add_all(struct strings *s, char *const *list, uint32_t *count)
{
	int r = 0;

	for (; *list && r >= 0; list++, (*count)++)
		r = strings_add(s, *list);
	return r;
}

struct init_ask *init_ask_free(struct init_ask *ask)
{
	if (!ask)
		return NULL;
	assert(!ask->next); /* it was taken out of the queue, or was the last */
	while (ask->fd_count > 0)
		os_close(ask->fds[--ask->fd_count]);
	free(ask->strings);
	free(ask);
	return NULL;
}

static struct init_ask *ask_new(enum init_call call, int vpid)
{
	struct init_ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return NULL;
	ask->request.call = call;
	ask->request.vpid = vpid;
	return ask;
}

/* The fields of a SPAWN and its strings, for which the caller gives the room. */
static int fill_spawn(struct init_request *request, const struct dc_spawn *spawn,
		      struct strings *strings)
{
	int r;

	if (!spawn->argv[0] || spawn->group_count < 0 || spawn->group_count > DC_INIT_GROUPS_MAX)
		return -EINVAL;
	request->umask = spawn->umask;
	request->uid = spawn->uid;
	request->gid = spawn->gid;
	request->group_count = (uint32_t)spawn->group_count;
	if (spawn->group_count)
		memcpy(request->groups, spawn->groups, sizeof(gid_t) * (size_t)spawn->group_count);
	if (spawn->taken)
		memcpy(request->taken, spawn->taken, sizeof(request->taken));
	for (int i = 0; i < 3; i++)
		if (spawn->fds[i] >= 0)
			request->streams |= 1u << i;
	r = strings_add_all(strings, spawn->argv, &request->argc);
	if (!r)
		r = strings_add_all(strings, spawn->envp, &request->envc);
	if (!r)
		r = strings_add(strings, spawn->cwd);
	request->string_bytes = (uint32_t)strings->len;
	return r;
}

int init_ask_spawn(struct init_ask **askp, const struct dc_spawn *spawn)
{
	struct init_ask *ask = ask_new(INIT_SPAWN, 0);
	struct strings strings = { .bytes = malloc(CTL_PACKET_MAX), .room = CTL_PACKET_MAX };
	int r = ask && strings.bytes ? fill_spawn(&ask->request, spawn, &strings) : -ENOMEM;

	if (r < 0) {
		free(strings.bytes);
		init_ask_free(ask);
		return r;
	}
	/* It may have to wait, and most are short. */
	ask->strings = realloc(strings.bytes, strings.len);
	if (!ask->strings)
		ask->strings = strings.bytes;
	snprintf(ask->what, sizeof(ask->what), "start %s", spawn->argv[0]);
	*askp = ask;
	return 0;
}

struct init_ask *init_ask_go(int vpid)
{
	struct init_ask *ask = ask_new(INIT_GO, vpid);

	if (ask)
		snprintf(ask->what, sizeof(ask->what), "execute the command");
	return ask;
}

struct init_ask *init_ask_shell(int vpid, const char *path)
{
	struct init_ask *ask = ask_new(INIT_SHELL, vpid);

	if (!ask)
		return NULL;
	ask->strings = strdup(path);
	if (!ask->strings)
		return init_ask_free(ask);
	ask->request.string_bytes = (uint32_t)strlen(path) + 1;
	snprintf(ask->what, sizeof(ask->what), "start process %d", vpid);
	return ask;
}

int init_ask_explain(const struct init_ask *ask, pid_t pid, int dcid, int error,
		     const struct init_reply *reply, struct refusal *why)
{
	if (!reply && error == -ETIMEDOUT)
		return refusal_set_errno(
			why, error,
			"cannot %s: process %d, the init of DC %d on this node, has not "
			"answered for %d ms: if it is stopped, let it go on (kill -CONT %d)",
			ask->what, pid, dcid, DC_INIT_TIMEOUT_MS, pid);
	if (!reply && error == -ECONNRESET)
		return refusal_set_errno(
			why, error,
			"cannot %s: the init of DC %d on this node has ended: try again if "
			"the DC is still there (dvs dc list)",
			ask->what, dcid);
	if (ask->request.call == INIT_GO)
		return refusal_set_errno(why, error,
					 "could not %s: %s: check the command's name and rights",
					 os_spawn_step_text(OS_SPAWN_EXECUTE), strerror(-error));
	return refusal_set_errno(why, error, "cannot %s: could not %s: %s", ask->what,
				 os_spawn_step_text(reply ? (enum os_spawn_step)reply->step
							  : OS_SPAWN_NONE),
				 strerror(-error));
}
