/* SPDX-License-Identifier: Apache-2.0 */

/* dvs lab kill and start: in which order, what is refused, and what is left when a start fails. */

#include <stdlib.h>

#include "ctl/labend.h"
#include "ctl/labnode.h"
#include "ctl/rig_test.h"

enum {
	UNLOCKED
};

static struct lab lab;
static unsigned running;
static bool has_sequencer;
static const char *fails; /* the step that fails */

int __wrap_lab_load_node(struct lab *to, bool lock, int node, struct refusal *refusal);
int __wrap_lab_save(const struct lab *from, struct refusal *refusal);
void __wrap_lab_unlock(struct lab *of);
bool __wrap_lab_has_sequencer(const struct lab *of);
unsigned __wrap_labnode_running(const struct lab *of);
int __wrap_labend_kill(struct lab *of, unsigned nodes, struct refusal *refusal);
int __wrap_labnode_start(struct lab *of, unsigned nodes, int timeout_ms, struct refusal *refusal);

/* All steps, in the order in which they were taken. */
static int step(const char *name, struct refusal *refusal)
{
	bool first = !strstr(rig->text, name);

	rig_append(rig->text, sizeof(rig->text), name);
	if (fails && !strcmp(fails, name) && first)
		return refusal_set(refusal, EDVSTIMEDOUT, "it failed");
	return 0;
}

int __wrap_lab_load_node(struct lab *to, bool lock, int node, struct refusal *refusal)
{
	if (!lock)
		abort();
	*to = lab;
	return node == 2 ? 0 : refusal_set(refusal, EDVSBADNODEID, "no node %d", node);
}

int __wrap_lab_save(const struct lab *from, struct refusal *refusal)
{
	(void)from;
	return step("save ", refusal);
}

void __wrap_lab_unlock(struct lab *of)
{
	(void)of;
	rig->note[UNLOCKED]++;
}

bool __wrap_lab_has_sequencer(const struct lab *of)
{
	(void)of;
	return has_sequencer;
}

unsigned __wrap_labnode_running(const struct lab *of)
{
	(void)of;
	return running;
}

int __wrap_labend_kill(struct lab *of, unsigned nodes, struct refusal *refusal)
{
	(void)of;
	if (nodes != 1u << 2)
		abort();
	return step("kill ", refusal);
}

int __wrap_labnode_start(struct lab *of, unsigned nodes, int timeout_ms, struct refusal *refusal)
{
	(void)of;
	if (nodes != 1u << 2 || timeout_ms < 1000)
		abort();
	return step("start ", refusal);
}

static void test_kill(void)
{
	CHECK_EQ(rig_run(verb_lab_kill, NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_lab_kill, "2", "3", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_lab_kill, "3", NULL), REFUSED);
	CHECK_EQ(rig->text[0], 0);
	CHECK_EQ(rig_run(verb_lab_kill, "2", NULL), DONE);
	CHECK(!strcmp(rig->text, "kill ")); /* nothing that a full disk could refuse afterwards */
	CHECK_EQ(rig->note[UNLOCKED], 1);
	CHECK(rig_said("node 2 is killed"));
	CHECK_EQ(rig_run(verb_lab_kill, "2", "--json", NULL), DONE);
	CHECK(rig_has_number("up", 0));
	fails = "kill ";
	CHECK_EQ(rig_run(verb_lab_kill, "2", NULL), REFUSED);
	CHECK(!strcmp(rig->text,
		      "kill ")); /* the record says that it runs, so it can be killed again */
	CHECK_EQ(rig->note[UNLOCKED], 1);
	fails = NULL;
}

static void test_start(void)
{
	has_sequencer = true;
	running = 1 << 1;
	CHECK_EQ(rig_run(verb_lab_start, "2", NULL), DONE);
	CHECK(!strcmp(rig->text,
		      "kill start ")); /* the remains of the daemon before it are cleared away */
	CHECK(rig_said("node 2 is up"));
	CHECK_EQ(rig_run(verb_lab_start, "3", NULL), REFUSED);
	running = 1 << 2;
	CHECK_EQ(rig_run(verb_lab_start, "2", NULL), REFUSED);
	CHECK(rig_wrong("node 2 runs already"));
	CHECK_EQ(rig->text[0], 0);
	CHECK_EQ(rig->note[UNLOCKED], 1);
	running = 0;
	has_sequencer = false;
	CHECK_EQ(rig_run(verb_lab_start, "2", NULL), REFUSED);
	CHECK(rig_wrong("the lab's sequencer has ended"));
	CHECK_EQ(rig->text[0], 0);
}

/* One that does not come up is taken away again, and the record says so. */
static void test_start_fails(void)
{
	has_sequencer = true;
	running = 0;
	fails = "start ";
	CHECK_EQ(rig_run(verb_lab_start, "2", "--json", NULL), REFUSED);
	CHECK(!strcmp(rig->text, "kill start kill save "));
	CHECK(rig_has_text("error", "EDVSTIMEDOUT"));
	CHECK_EQ(rig->note[UNLOCKED], 1);
	fails = NULL;
}

int main(void)
{
	TEST(test_kill);
	TEST(test_start);
	TEST(test_start_fails);
	return test_end();
}
