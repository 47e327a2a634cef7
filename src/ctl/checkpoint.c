/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/image.h"
#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/file.h"
#include "os/options.h"
#include "os/socket.h"

#define NAME_MAX_BYTES 4096

static void tell(const char *sentence)
{
	fprintf(stderr, "%s: %s\n", program_name(), sentence);
}

static void print_people(const struct ctl_image *image, const char *path)
{
	char raw[32], file[32], stopped[32], total[32], name[MAXPROCNAME + 1];
	const char *then = !image->ended    ? "it goes on"
			   : image->by_hand ? "it stands until dvs_migrate -c or -r"
					    : "it has ended";

	printf("endpoint %d (%s) of DC %d is in %s: image %s, file %s; stopped %s, in all %s; %s\n",
	       image->endpoint, render_name(image->name, name, sizeof(name)), image->dcid, path,
	       render_bytes(image->raw_bytes, raw, sizeof(raw)),
	       render_bytes(image->file_bytes, file, sizeof(file)),
	       render_time(image->stopped_ns, stopped, sizeof(stopped)),
	       render_time(image->total_ns, total, sizeof(total)), then);
}

/* The file has its name only when it is whole. A process that has ended is in it: then it is not removed. */
static int write_file(int node, struct ctl_request *request, const char *path,
		      struct ctl_image *image, struct refusal *refusal)
{
	char name[NAME_MAX_BYTES], *paths;
	size_t bytes;
	int fd, r;

	if (os_folder_exists(path))
		return refusal_set(refusal, EDVSINVAL, "%.100s is a folder: name a file", path);
	fd = os_file_begin(path, name, sizeof(name));
	if (fd < 0)
		return refusal_set_errno(refusal, fd, "a file beside %.100s cannot be made: %s",
					 path, strerror(-fd));
	r = client_image(node, request, fd, image, &paths, &bytes, tell, refusal);
	os_close(fd);
	free(paths);
	if (r < 0) {
		os_file_drop(name);
		return r;
	}
	r = os_file_replace(path, name);
	return r < 0 ? refusal_set_errno(refusal, r, "%.100s cannot be given its name: %s", path,
					 strerror(-r))
		     : 0;
}

static int checkpoint(int node, struct ctl_request *request, const char *path, bool json)
{
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_image image = { 0 };
	int owner = client_find_owner(node, request->dcid, request->endpoint, &refusal);

	if (owner < -1 || write_file(owner, request, path, &image, &refusal) < 0)
		return verb_refuse(&refusal);
	if (json) {
		json_t *object = render_image_json(&image);

		json_object_set_new(object, "file", render_text(path, strlen(path) + 1));
		json_object_set_new(object, "stopped_ns",
				    json_integer((json_int_t)image.stopped_ns));
		return render_document(object);
	}
	print_people(&image, path);
	return DONE;
}

int verb_checkpoint(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false, stop = false, go_on = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "stop", 0, OPTION_FLAG, &stop },
		{ "go-on", 0, OPTION_FLAG, &go_on },
		VERB_OPTIONS_END,
	};
	struct ctl_request request = client_request(CTL_CHECKPOINT);
	const struct operand_row operands[] = {
		{ "DCID", &request.dcid },
		{ "EP", &request.endpoint },
		{ NULL, NULL },
	};
	struct options words;
	const char *path;
	int status = verb_options(verb, rows, argc, argv, &words);

	if (status != GO_ON)
		return status;
	if (words.count != 3)
		return verb_usage(verb, "DCID, EP and FILE are needed");
	if (stop && go_on)
		return verb_usage(verb, "--stop and --go-on exclude each other");
	path = words.operand[2];
	words.count = 2;
	status = verb_operands(verb, &words, operands, 2);
	if (status != GO_ON)
		return status;
	request.flags = stop ? CTL_FLAG_STOP : 0;
	return checkpoint(node, &request, path, json);
}
