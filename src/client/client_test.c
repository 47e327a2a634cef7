/* SPDX-License-Identifier: Apache-2.0 */

/* Which daemon is asked, which answers are believed, and the sentence of each failure. */

#include "client/client.h"

#include <errno.h>
#include <stdlib.h>

#include "client/rig_test.h"

static struct refusal refusal;
static struct client client;

/* Prints what the test looks at: the error, and its sentence. */
static int report(int r)
{
	printf("%s\n", refusal.reason);
	rig->note[0] = r;
	return 0;
}

static int error(void)
{
	return rig->note[0];
}

/* ---- which daemon ---- */

static int node;

static int open_it(void)
{
	int r = client_open(&client, node, &refusal);
	struct ctl_request request = client_request(CTL_STATUS);

	rig->note[1] = client.asked;
	rig->note[2] = client.pass_on;
	if (!r)
		r = client_send(&client, &request, NULL, 0, &refusal);
	if (!r)
		client_close(&client);
	return report(r);
}

static int only_by_path(const char *name)
{
	return name[0] == '@' ? -ECONNREFUSED : strcmp(name, CTL_SOCKET_PATH) ? -ENOENT : 0;
}

static int nobody(const char *name)
{
	return name[0] == '@' ? -ECONNREFUSED : -ENOENT;
}

/* Lab nodes 0 and 1 have ended, 2 runs. */
static int third_of_lab(const char *name)
{
	if (!strcmp(name, LAB_FOLDER "/node2.sock"))
		return 0;
	return strstr(name, LAB_FOLDER "/node1.sock") ? -ECONNREFUSED : nobody(name);
}

static int of_others(const char *name)
{
	rig->note[3]++;
	return name[0] == '@' ? -EKEYREJECTED : 0;
}

static int no_right(const char *name)
{
	(void)name;
	return -EACCES;
}

static int no_descriptors(const char *name)
{
	(void)name;
	return -ENFILE;
}

static void test_whom(void)
{
	node = -1;
	CHECK_EQ(rig_call(open_it), 0);
	CHECK_EQ(error(), 0);
	CHECK(!strcmp(rig->request[0].name, "@" CTL_ABSTRACT_NAME));
	CHECK_EQ(rig->request[0].head.node, -1);
	rig_connect = only_by_path;
	rig_call(open_it);
	CHECK_EQ(error(), 0);
	CHECK(!strcmp(rig->request[0].name, CTL_SOCKET_PATH));
	rig_connect = third_of_lab;
	rig_call(open_it);
	CHECK_EQ(error(), 0);
	CHECK(!strcmp(rig->request[0].name, LAB_FOLDER "/node2.sock"));
	/* A named node without a lab: the daemon here passes it on. */
	rig_connect = NULL;
	node = 7;
	if (access(LAB_FOLDER, F_OK) < 0) {
		rig_call(open_it);
		CHECK_EQ(error(), 0);
		CHECK_EQ(rig->request[0].head.node, 7);
		CHECK_EQ(rig->note[1], 7);
		CHECK_EQ(rig->note[2], 7);
	}
}

static int open_by_environment(void)
{
	setenv("DVS_NODE", "9", 1);
	return open_it();
}

static int open_by_bad_environment(void)
{
	setenv("DVS_NODE", "many", 1);
	return open_it();
}

static int open_by_variable(void)
{
	setenv(CTL_SOCKET_VARIABLE, "/somewhere/else", 1);
	return open_it();
}

static int by_variable_only(const char *name)
{
	return name[0] == '@' ? -ECONNREFUSED : strcmp(name, "/somewhere/else") ? -ENOENT : 0;
}

static void test_environment(void)
{
	node = -1;
	rig_call(open_by_environment);
	CHECK_EQ(rig->note[1], 9);
	CHECK_EQ(error(), 0);
	node = 3; /* a node that the caller names goes before it */
	rig_call(open_by_environment);
	CHECK_EQ(rig->note[1], 3);
	node = -1;
	rig_call(open_by_bad_environment);
	CHECK_EQ(error(), EDVSBADNODEID);
	CHECK(rig_said("DVS_NODE=many is no node"));
	CHECK_EQ(rig->asked, 0);
	rig_connect = by_variable_only;
	rig_call(open_by_variable);
	CHECK_EQ(error(), 0);
	CHECK(!strcmp(rig->request[0].name, "/somewhere/else"));
	rig_connect = NULL;
}

static void test_nobody_there(void)
{
	static const struct {
		int (*connect)(const char *name);
		int error;
		const char *sentence;
	} none[] = {
		{ nobody, EDVSDVSINIT, "no daemon runs here" },
		{ of_others, EDVSBADOWNER, "held by another user than root" },
		{ no_right, EDVSPERM, "may not be asked by this user: use sudo" },
		{ no_descriptors, EDVSMFILE, "no descriptor is left" },
	};

	node = -1;
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		rig_connect = none[i].connect;
		rig_call(open_it);
		CHECK_EQ(error(), none[i].error);
		CHECK(rig_said(none[i].sentence));
		/* A name that strangers hold is not gone round: nobody else is asked in its place. */
		CHECK_EQ(rig->note[3], none[i].connect == of_others);
	}
	rig_connect = NULL;
}

/* ---- framing ---- */

static struct {
	struct ctl_reply head;
	uint8_t payload[32];
} packet;
static size_t packet_bytes;

static void one_packet(const struct ctl_request *request)
{
	(void)request;
	rig_packet(&packet, packet_bytes);
}

static int ask(void)
{
	struct ctl_request request = client_request(CTL_STATUS);
	uint8_t answer[8];
	int r;

	memset(answer, 0xaa, sizeof(answer));
	r = client_call(-1, &request, NULL, 0, answer, sizeof(answer), &refusal);
	memcpy(rig->text, answer, sizeof(answer));
	return report(r);
}

static int answered(const struct ctl_reply *head, size_t payload_bytes)
{
	packet.head = *head;
	memset(packet.payload, 0x55, sizeof(packet.payload));
	packet_bytes = sizeof(packet.head) + payload_bytes;
	rig_daemon = one_packet;
	rig_call(ask);
	return error();
}

#define GOOD .magic = CTL_MAGIC, .packet = CTL_END

static void test_framing(void)
{
	CHECK_EQ(answered(&(struct ctl_reply){ GOOD, .payload_bytes = 8 }, 8), 0);
	CHECK(!memcmp(rig->text, "UUUUUUUU", 8));
	CHECK_EQ(answered(&(struct ctl_reply){ GOOD, .payload_bytes = 3 }, 3),
		 0); /* an older one */
	CHECK(!memcmp(rig->text, "UUU\0\0\0\0\0", 8));
	CHECK_EQ(answered(&(struct ctl_reply){ GOOD, .payload_bytes = 12 }, 12),
		 0); /* a newer one */
	CHECK(!memcmp(rig->text, "UUUUUUUU", 8));
	/* Not what it says of itself. */
	CHECK_EQ(answered(&(struct ctl_reply){ GOOD, .payload_bytes = 8 }, 7), EDVSPACKSIZE);
	CHECK_EQ(answered(&(struct ctl_reply){ GOOD, .payload_bytes = 8 }, 9), EDVSPACKSIZE);
	CHECK_EQ(answered(&(struct ctl_reply){ GOOD, .payload_bytes = UINT32_MAX }, 8),
		 EDVSPACKSIZE);
	CHECK_EQ(answered(&(struct ctl_reply){ .magic = CTL_MAGIC + 1, .packet = CTL_END }, 0),
		 EDVSPACKSIZE);
	CHECK(rig_said("speaks another version of the control protocol"));
	packet_bytes = 0;
	CHECK_EQ(answered(&(struct ctl_reply){ GOOD }, (size_t)-1),
		 EDVSPACKSIZE); /* a head cut short */
}

static void refuses_without_end(const struct ctl_request *request)
{
	struct ctl_reply reply = { GOOD, .error = EDVSBADDCID };

	(void)request;
	memset(reply.sentence, 'x', sizeof(reply.sentence)); /* lacks its terminator */
	rig_packet(&reply, sizeof(reply));
}

static void test_refusals(void)
{
	rig_daemon = refuses_without_end;
	rig_call(ask);
	CHECK_EQ(error(), EDVSBADDCID);
	CHECK_EQ(strspn(rig->out, "x"), CTL_SENTENCE - 1);
	CHECK_EQ(rig->text[0] & 0xff, 0xaa); /* no answer: left as it was */
	CHECK_EQ(rig->request[0].head.magic, CTL_MAGIC);
	CHECK_EQ(rig->request[0].head.version, CTL_VERSION);
}

static void ends(const struct ctl_request *request)
{
	(void)request;
	rig_hang_up();
}

static void ends_in_between(const struct ctl_request *request)
{
	uint8_t row[4] = { 1, 2, 3, 4 };

	(void)request;
	rig_row(row, sizeof(row));
	rig_hang_up();
}

static int ask_named(void)
{
	struct ctl_request request = client_request(CTL_STATUS);

	setenv("DVS_NODE", "4", 1);
	return report(client_call(-1, &request, NULL, 0, NULL, 0, &refusal));
}

static void test_dead_daemon(void)
{
	rig_daemon = ends;
	rig_call(ask);
	CHECK_EQ(error(), EDVSCONNRESET);
	CHECK(rig_said("the daemon ended before it had answered"));
	CHECK_EQ(rig->asked, 4); /* they die one after the other */
	rig_call(ask_named);
	CHECK_EQ(error(), EDVSCONNRESET);
	CHECK(rig_said("the daemon of node 4 ended before it had answered"));
}

/* ---- rows ---- */

static int ask_rows(void)
{
	struct ctl_request request = client_request(CTL_PS);
	void *rows;
	size_t count;
	int r = client_rows(-1, &request, 4, &rows, &count, &refusal);

	rig->note[1] = (int)count;
	if (rows)
		memcpy(rig->text, rows, count * 4);
	free(rows);
	return report(r);
}

static void five_rows(const struct ctl_request *request)
{
	CHECK_EQ(request->call, CTL_PS);
	rig_row("abcd", 4);
	rig_row("ef", 2);
	rig_data("no row", 6);
	rig_row("ghijkl", 6);
	rig_row("", 0);
	rig_row("mnop", 4);
	rig_end(0);
}

static void rows_then_refusal(const struct ctl_request *request)
{
	(void)request;
	rig_row("abcd", 4);
	rig_refuse(EDVSNONODE, "one node did not answer");
}

/* The third of them lives. */
static void third_answers(const struct ctl_request *request)
{
	if (rig->asked == 3)
		five_rows(request);
	else if (rig->asked == 2)
		ends_in_between(request);
	else
		rig_hang_up();
}

static void third_says_it(const struct ctl_request *request)
{
	(void)request;
	if (rig->asked == 3)
		rig_end_with("answered", 8);
	else
		rig_hang_up();
}

static int nobody_later(const char *name)
{
	return rig->asked ? nobody(name) : 0;
}

static int ask_to_move(void)
{
	struct ctl_request request = client_request(CTL_MOVE);
	void *rows;
	size_t count;
	int r = client_rows(-1, &request, 4, &rows, &count, &refusal);

	free(rows);
	return report(r);
}

/* A look is asked again of the daemon that follows, and shown once; a change is asked once. */
static void test_asked_again(void)
{
	rig_daemon = third_answers;
	rig_call(ask_rows);
	CHECK_EQ(error(), 0);
	CHECK_EQ(rig->note[1], 5);
	CHECK(!memcmp(rig->text, "abcdef", 6));
	CHECK(rig_said("\n"));
	rig_daemon = third_says_it;
	rig_call(ask);
	CHECK_EQ(error(), 0);
	CHECK(!memcmp(rig->text, "answered", 8));
	rig_daemon = ends;
	rig_call(ask_to_move);
	CHECK_EQ(error(), EDVSCONNRESET);
	CHECK_EQ(rig->asked, 1);
	/* Where none follows the reason is that none is there. */
	rig_connect = nobody_later;
	rig_call(ask);
	CHECK_EQ(error(), EDVSDVSINIT);
	CHECK_EQ(rig->asked, 1);
	rig_connect = NULL;
}

static void test_rows(void)
{
	rig_daemon = five_rows;
	rig_call(ask_rows);
	CHECK_EQ(error(), 0);
	CHECK_EQ(rig->note[1], 5);
	CHECK(!memcmp(rig->text, "abcdef\0\0ghij\0\0\0\0mnop", 20));
	/* Those that came before an error are the caller's all the same. */
	rig_daemon = rows_then_refusal;
	rig_call(ask_rows);
	CHECK_EQ(error(), EDVSNONODE);
	CHECK_EQ(rig->note[1], 1);
	rig_daemon = ends_in_between;
	rig_call(ask_rows);
	CHECK_EQ(error(), EDVSCONNRESET);
	CHECK_EQ(rig->note[1], 1);
	rig_connect = nobody;
	rig_call(ask_rows);
	CHECK_EQ(error(), EDVSDVSINIT);
	CHECK_EQ(rig->note[1], 0);
	rig_connect = NULL;
}

/* ---- what is sent ---- */

static int send_much(void)
{
	static uint8_t much[CTL_PACKET_MAX];
	struct ctl_request request = client_request(CTL_RUN);
	int r = client_call(-1, &request, much, sizeof(much) - sizeof(request) + 1, NULL, 0,
			    &refusal);

	rig->note[1] = (int)rig->asked;
	if (r == EDVS2BIG)
		rig->note[2] = client_call(-1, &request, much, sizeof(much) - sizeof(request), NULL,
					   0, &refusal);
	return report(r);
}

static void says_done(const struct ctl_request *request)
{
	(void)request;
	rig_end(0);
}

static void test_too_much(void)
{
	rig_daemon = says_done;
	rig_call(send_much);
	CHECK_EQ(error(), EDVS2BIG);
	CHECK(rig_said("use env -i or fewer arguments"));
	CHECK_EQ(rig->note[1], 0);
	CHECK_EQ(rig->note[2], 0);
	CHECK_EQ(rig->request[0].head.payload_bytes, CTL_PACKET_MAX - sizeof(struct ctl_request));
}

int main(void)
{
	TEST(test_whom);
	TEST(test_environment);
	TEST(test_nobody_there);
	TEST(test_framing);
	TEST(test_refusals);
	TEST(test_dead_daemon);
	TEST(test_asked_again);
	TEST(test_rows);
	TEST(test_too_much);
	return test_end();
}
