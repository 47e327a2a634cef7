/* SPDX-License-Identifier: Apache-2.0 */
#include "client/image.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "os/self.h"

/* The places for rows and data, which come before the END. */
struct image_answer {
	struct ctl_image *row;
	char **paths;
	size_t *path_bytes;
};

static int keep_paths(struct image_answer *answer, const void *bytes, size_t count,
		      struct refusal *refusal)
{
	char *more = realloc(*answer->paths, *answer->path_bytes + count);

	if (!more)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	memcpy(more + *answer->path_bytes, bytes, count);
	*answer->paths = more;
	*answer->path_bytes += count;
	return 0;
}

static int give_up(struct client *client, struct ctl_request *request, client_tell_fn *tell,
		   struct refusal *refusal)
{
	if (request->call != CTL_CHECKPOINT)
		return EDVSINTR;
	tell("interrupted: the checkpoint is being given up");
	refusal_clear(refusal);
	request->flags |= CTL_FLAG_CANCEL;
	return client_send(client, request, NULL, 0, refusal);
}

static int await(struct client *client, struct ctl_request *request, struct image_answer *answer,
		 client_tell_fn *tell, struct refusal *refusal)
{
	struct ctl_reply *reply;
	const void *payload;
	size_t bytes;
	bool interrupted = false;
	int r;

	do {
		r = client_next(client, &reply, &payload, &bytes, -1, refusal);
		if (r == EDVSINTR && os_self_interrupted() && !interrupted) {
			interrupted = true;
			r = give_up(client, request, tell, refusal);
		} else if (r == CTL_ROW) {
			client_copy(answer->row, sizeof(*answer->row), payload, bytes);
		} else if (r == CTL_DATA && bytes) {
			r = keep_paths(answer, payload, bytes, refusal);
		}
	} while (r >= 0 && r != CTL_END);
	return r == CTL_END ? 0 : r;
}

int client_image(int node, struct ctl_request *request, int file, struct ctl_image *row,
		 char **paths, size_t *path_bytes, client_tell_fn *tell, struct refusal *refusal)
{
	struct image_answer answer = { row, paths, path_bytes };
	struct client client;
	int r = client_open(&client, node, refusal);

	assert(file >= 0);
	*row = (struct ctl_image){ 0 };
	*paths = NULL;
	*path_bytes = 0;
	if (r < 0)
		return r;
	os_self_catch_interrupt();
	request->cmd = file;
	r = client_send(&client, request, NULL, 0, refusal);
	if (r >= 0)
		r = await(&client, request, &answer, tell, refusal);
	client_close(&client);
	return r;
}

int client_find_owner(int node, int dcid, int p_nr, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_PS);
	struct ctl_proc_row *rows;
	void *found;
	size_t count;
	int r;

	request.dcid = dcid;
	r = client_rows(node, &request, sizeof(*rows), &found, &count, refusal);
	rows = found;
	if (r >= 0)
		r = node;
	for (size_t i = 0; i < count && r >= -1; i++)
		if (rows[i].proc.p_nr == p_nr)
			r = rows[i].owner;
	free(found);
	return r;
}
