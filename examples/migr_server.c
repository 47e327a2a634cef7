/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that does a little work for each caller: it copies the caller's bytes in, checks and changes them,
 * and copies them back. It counts the calls of each client, and it owns memory whose contents it checks as it
 * goes. It knows nothing of nodes or of being moved between them, which is what it is for: move it while
 * clients call, and see that nobody notices.
 *
 * Usage: migr_server DCID EP [MEM_KB]
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dvk.h"
#include "memory.h"
#include "party.h"
#include "payload.h"

#define REPORT_CALLS	    10000
#define ERRORS_IN_A_ROW_MAX 100

struct client {
	int session;
	int seq;   /* its last request */
	int count; /* requests handled in this session */
};

static struct client clients[NR_TASKS + NR_PROCS];
static unsigned char buffer[MAXCOPYLEN];
static struct memory memory;
static unsigned long nr_calls;

static struct client *client_of(int endpoint, int session)
{
	struct client *client = &clients[_ENDPOINT_P(endpoint) + NR_TASKS];

	if (client->session != session)
		*client = (struct client){ .session = session };
	return client;
}

/* Works on the bytes of a request. Returns the result of the copies. */
static int work(const message *request, uintptr_t *faultsp, uint64_t *checksump)
{
	int size = request->m1_i1;
	long result;

	if (size < 0 || size > MAXCOPYLEN)
		return EDVSRANGE;
	if (size > 0) {
		result = dvk_vcopy(request->m_source, request->m1_p1, SELF, buffer, size);
		if (result < 0)
			return (int)result;
	}
	if (payload_checksum(buffer, (size_t)size) != (uintptr_t)request->m1_p2)
		*faultsp |= PAYLOAD_DAMAGED;
	payload_change(buffer, (size_t)size);
	*checksump = payload_checksum(buffer, (size_t)size);
	if (size > 0) {
		result = dvk_vcopy(SELF, buffer, request->m_source, request->m1_p1, size);
		if (result < 0)
			return (int)result;
	}
	return OK;
}

static void serve(const message *request, message *answer)
{
	struct client *client = client_of(request->m_source, request->m1_i3);
	uintptr_t faults = 0;
	uint64_t checksum = 0;

	memset(answer, 0, sizeof(*answer));
	answer->m_type = work(request, &faults, &checksum);
	if (!memory_turn(&memory)) {
		printf("memory is damaged, turn %lu\n", (unsigned long)memory.turn);
		faults |= PAYLOAD_MEMORY;
	}
	client->count++;
	answer->m1_i1 = request->m1_i1;
	answer->m1_i2 = request->m1_i2;
	answer->m1_i3 = client->count;
	answer->m1_p1 = (char *)(uintptr_t)client->seq;
	answer->m1_p2 = (char *)(uintptr_t)checksum;
	answer->m1_p3 = (char *)faults;
	client->seq = request->m1_i2;
}

static long serve_one(void)
{
	message request, answer;
	long result = dvk_receive(ANY, &request);

	if (result < 0) {
		printf("receive: error %ld\n", result);
		return result;
	}
	if (request.m_type != PAYLOAD_REQUEST)
		return OK;
	serve(&request, &answer);
	if (answer.m_type < 0)
		printf("copy for %d: error %d\n", request.m_source, answer.m_type);
	result = dvk_reply(request.m_source, &answer);
	if (result < 0)
		printf("answer to %d: error %ld\n", request.m_source, result);
	if (++nr_calls % REPORT_CALLS == 0)
		printf("%lu calls\n", nr_calls);
	return OK;
}

static void serve_all(void)
{
	int errors = 0;

	while (errors < ERRORS_IN_A_ROW_MAX)
		errors = serve_one() < 0 ? errors + 1 : 0;
	printf("%d receives in a row failed, giving up\n", errors);
}

int main(int argc, char **argv)
{
	int dcid, endpoint, mem_kb = MAXCOPYLEN / 1024;

	if (argc < 3 || argc > 4)
		return party_usage("migr_server", "DCID EP [MEM_KB]", 3, argc, argv);
	if (!party_number("DCID", argv[1], 0, NR_DCS - 1, &dcid) ||
	    !party_number("EP", argv[2], -NR_TASKS, NR_PROCS - 1, &endpoint) ||
	    (argc > 3 && !party_number("MEM_KB", argv[3], 0, 64 * 1024 * 1024, &mem_kb)))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!memory_init(&memory, (size_t)mem_kb)) {
		fprintf(stderr, "no memory for %d KB\n", mem_kb);
		return 1;
	}
	if (party_join(dcid, endpoint) < EDVSERRCODE)
		return 1;
	printf("serving as endpoint %d of DC %d, pid %d, %d KB\n", endpoint, dcid, (int)getpid(),
	       mem_kb);
	serve_all();
	return 1;
}
