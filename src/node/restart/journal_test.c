/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/journal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "core/directory.h"
#include "dvk.h"
#include "node/restart/handover.h"
#include "node/restart/state.h"

static struct directory directory, decoded;
static struct directory_effect effects[DIRECTORY_EFFECTS_MAX];
static uint8_t image[1 << 20];

/* ---- parts ---- */

static void begin(struct journal *journal, struct handover_cursor *c)
{
	size_t room;
	uint8_t *out = journal_end(journal, &room);

	*c = (struct handover_cursor){ .out = out, .at = HANDOVER_HEAD_BYTES, .size = room };
}

static void end(struct journal *journal, struct handover_cursor *c)
{
	CHECK_OR_RETURN(c->at <= c->size);
	handover_seal(c->out, c->at, &handover_own_versions);
	journal_add(journal, c->at);
}

static void put_node(struct handover_cursor *c, unsigned restarts)
{
	state_put(c, &(struct state_record){ .kind = HANDOVER_NODE,
					     .number = 1,
					     .node = { .nodeid = 3,
						       .control_fd = 7,
						       .path_fd = -1,
						       .link_fd = 8,
						       .cgroup_fd = -1,
						       .restarts = restarts } });
}

static void put_task(struct handover_cursor *c, uint64_t number, int lpid)
{
	state_put(c, &(struct state_record){
			     .kind = HANDOVER_TASK,
			     .number = number,
			     .task = { .task = { .lpid = lpid, .tgid = 1, .pidfd = 9, .dcid = -1 },
				       .output = { { -1, -1, -1, 0, 0, 0, 0 }, 0 } } });
}

static void put_gone(struct handover_cursor *c, int kind, uint64_t number)
{
	state_put(c, &(struct state_record){
			     .kind = HANDOVER_GONE, .number = number, .gone = { kind } });
}

static void put_directory(struct handover_cursor *c)
{
	size_t len = directory_encode(&directory, image, sizeof(image));

	state_put(c, &(struct state_record){ .kind = HANDOVER_DIRECTORY,
					     .number = 1,
					     .directory = { image, (uint32_t)len } });
}

/* Applies it here as well. */
static void put_command(struct handover_cursor *c, struct command cmd)
{
	struct directory_effects told = { .item = effects };
	struct directory_result result;
	uint8_t bytes[COMMAND_BYTES];

	cmd.version = COMMAND_VERSION;
	directory_apply(&directory, directory.order + 1, &cmd, &told, &result);
	CHECK(result.code >= 0);
	command_encode(&cmd, bytes);
	state_put(c, &(struct state_record){ .kind = HANDOVER_COMMAND,
					     .number = directory.order,
					     .command = { bytes, sizeof(bytes) } });
}

/* ---- what comes back ---- */

static int read_journal(const void *file, size_t size, uint8_t **state, size_t *bytes)
{
	uint32_t version;

	return journal_read(file, size, &handover_own_versions, state, bytes, &version);
}

/* "kind number value" of each record, in their order; of a task its lpid, of the node its restarts. */
static const char *told(const struct journal *journal)
{
	static char text[1024];
	struct state_record record;
	size_t bytes, at = HANDOVER_HEAD_BYTES, len = 0;
	uint8_t *state;
	uint32_t version;

	text[0] = 0;
	if (read_journal(journal->map, journal->room, &state, &bytes) < 0)
		return "unreadable";
	CHECK_EQ(handover_open(state, bytes, &handover_own_versions, &version), 0);
	while (state_next(state, bytes, &at, NULL, NULL, &record) > 0) {
		int value = record.kind == HANDOVER_TASK ? record.task.task.lpid : 0;

		if (record.kind == HANDOVER_NODE)
			value = (int)record.node.restarts;
		if (record.kind == HANDOVER_DIRECTORY)
			CHECK_EQ(directory_decode(&decoded, record.directory.image,
						  record.directory.bytes),
				 0);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%u %llu %d; ",
					(unsigned)record.kind, (unsigned long long)record.number,
					value);
	}
	free(state);
	return text;
}

static bool is(const struct journal *journal, const char *want)
{
	const char *have = told(journal);

	if (strcmp(have, want))
		printf("have: %s\n", have);
	return !strcmp(have, want);
}

static struct journal whole(void)
{
	struct handover_cursor c;
	struct journal journal;

	directory_init(&directory);
	CHECK_EQ(journal_init(&journal, 65536), 0);
	begin(&journal, &c);
	put_node(&c, 1);
	put_task(&c, 12, 112);
	put_task(&c, 11, 111);
	put_directory(&c);
	end(&journal, &c);
	return journal;
}

static void test_the_newest_of_each_counts(void)
{
	struct journal journal = whole();
	struct handover_cursor c;

	CHECK(is(&journal, "1 1 1; 2 1 0; 6 12 112; 6 11 111; "));
	begin(&journal, &c);
	put_task(&c, 11, 211);
	put_task(&c, 13, 113);
	end(&journal, &c);
	CHECK(is(&journal, "1 1 1; 2 1 0; 6 13 113; 6 12 112; 6 11 211; "));
	begin(&journal, &c);
	put_gone(&c, HANDOVER_TASK, 12);
	put_gone(&c, HANDOVER_TASK, 99); /* there never was one */
	put_gone(&c, HANDOVER_BINDING, 11);
	put_node(&c, 2);
	end(&journal, &c);
	CHECK(is(&journal, "1 1 2; 2 1 0; 6 13 113; 6 11 211; "));
	begin(&journal, &c);
	put_task(&c, 12, 312); /* is there again */
	end(&journal, &c);
	CHECK(is(&journal, "1 1 2; 2 1 0; 6 13 113; 6 12 312; 6 11 211; "));
	journal_clear(&journal);
	CHECK(is(&journal, "unreadable"));
	journal_deinit(&journal);
}

static const struct command join = { .kind = COMMAND_NODE_JOIN, .node = 3, .name = "three" };
static const struct command create = { .kind = COMMAND_DC_CREATE, .dcid = 2, .name = "dc" };
static const struct command bind = {
	.kind = COMMAND_BIND, .dcid = 2, .p_nr = 5, .node = 3, .lpid = 77, .name = "bound"
};

static void check_directory(const struct journal *journal)
{
	told(journal);
	CHECK(!memcmp(&decoded, &directory, sizeof(directory)));
}

static void test_commands_are_applied(void)
{
	struct journal journal = whole();
	struct handover_cursor c;

	begin(&journal, &c);
	put_command(&c, join);
	put_command(&c, create);
	end(&journal, &c);
	check_directory(&journal);
	CHECK(decoded.dc[2].running);
	begin(&journal, &c);
	put_command(&c, bind);
	end(&journal, &c);
	check_directory(&journal);
	CHECK(directory_endpoint(&decoded, 2, 5)->bound);
	/* Another directory: the commands before it are in it. */
	begin(&journal, &c);
	put_directory(&c);
	end(&journal, &c);
	check_directory(&journal);
	begin(&journal, &c);
	put_command(&c, (struct command){ .kind = COMMAND_UNBIND,
					  .dcid = 2,
					  .p_nr = 5,
					  .generation = COMMAND_GENERATION_ANY });
	end(&journal, &c);
	check_directory(&journal);
	CHECK(!directory_endpoint(&decoded, 2, 5)->bound);
	journal_deinit(&journal);
}

/* ---- death ---- */

static void change(struct journal *journal)
{
	struct handover_cursor c;

	begin(journal, &c);
	put_task(&c, 11, 211);
	put_gone(&c, HANDOVER_TASK, 12);
	put_task(&c, 14, 114);
	end(journal, &c);
}

#define BEFORE "1 1 1; 2 1 0; 6 12 112; 6 11 111; "
#define AFTER  "1 1 1; 2 1 0; 6 14 114; 6 11 211; "

/* Stores in any order but the last one: bytes behind the end are nobody's. */
static void test_any_stores_behind_the_end(void)
{
	struct journal journal = whole();
	size_t room = journal.room;
	uint8_t *before = malloc(room), *after = malloc(room), *map = journal.map;
	unsigned seed = 1;

	memcpy(before, map, room);
	change(&journal);
	CHECK(is(&journal, AFTER));
	memcpy(after, map, room);
	for (int round = 0; round < 300; round++) {
		memcpy(map, before, room);
		for (size_t i = JOURNAL_HEAD_BYTES; i < room; i++)
			if (after[i] != before[i] && (seed = seed * 1103515245 + 12345) >> 16 & 1)
				map[i] = after[i];
		CHECK(is(&journal, BEFORE));
	}
	memcpy(map, after, room);
	CHECK(is(&journal, AFTER));
	free(before);
	free(after);
	journal_deinit(&journal);
}

/* A part that is counted and is not whole is refused, and not read in part. */
static void test_a_part_is_whole_or_nothing(void)
{
	struct journal journal = whole();
	size_t was = JOURNAL_HEAD_BYTES + journal.bytes;
	uint8_t *map = journal.map;

	change(&journal);
	for (size_t i = was; i < JOURNAL_HEAD_BYTES + journal.bytes; i++) {
		map[i] ^= 0x10;
		CHECK(is(&journal, "unreadable"));
		map[i] ^= 0x10;
	}
	CHECK(is(&journal, AFTER));
	*(uint64_t *)journal.map += 1;
	CHECK(is(&journal, "unreadable"));
	*(uint64_t *)journal.map = UINT64_MAX;
	CHECK(is(&journal, "unreadable"));
	journal_deinit(&journal);
}

/* A process that is stopped between any two of its instructions, as if it were killed there. */
static void test_a_death_at_any_instruction(void)
{
	struct journal journal = whole();
	unsigned steps = 0, old = 0, new = 0, other = 0;
	uint64_t seen = *(uint64_t *)journal.map;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(77);
		raise(SIGSTOP);
		change(&journal);
		_exit(test_failures ? 1 : 0);
	}
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		/* The bytes that are counted are whole at each step; to read all of them at each would take long. */
		if (steps++ % 61 == 0 || *(uint64_t *)journal.map != seen) {
			const char *now = told(&journal);

			seen = *(uint64_t *)journal.map;
			old += !strcmp(now, BEFORE);
			new += !strcmp(now, AFTER);
			other += !!strcmp(now, BEFORE) && !!strcmp(now, AFTER);
		}
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0)
			break;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		journal_deinit(&journal);
		return; /* nobody may be traced here */
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(old > 0);
	CHECK(new > 0);
	CHECK_EQ(other, 0);
	CHECK(is(&journal, AFTER));
	journal_deinit(&journal);
}

int main(void)
{
	TEST(test_the_newest_of_each_counts);
	TEST(test_commands_are_applied);
	TEST(test_any_stores_behind_the_end);
	TEST(test_a_part_is_whole_or_nothing);
	TEST(test_a_death_at_any_instruction);
	return test_end();
}
