/* SPDX-License-Identifier: Apache-2.0 */
/* dvs-sequencer: the server of the local group engine as a program. */
#include "group/sequencer.h"
#include "group/serve.h"

static int start(void **server, struct os_loop *loop, const char *path)
{
	struct sequencer *seq = NULL;
	int r = sequencer_new(&seq, loop, path);

	*server = seq;
	return r;
}

static void end(void *server)
{
	sequencer_free(server);
}

static const struct serve serve = {
	{ "dvs-sequencer",
	  "usage: dvs-sequencer --socket PATH [--ready-fd FD]\n"
	  "\n"
	  "The server of the group engine `local`: puts the commands of the nodes of one host in order.\n"
	  "\n"
	  "  --socket PATH  where it listens; dvsd --group local:PATH joins it\n"
	  "  --ready-fd FD  one byte is written here when it listens\n" },
	start,
	end,
	.opens_files = false,
};

int main(int argc, char **argv)
{
	return serve_main(&serve, argc, argv);
}
