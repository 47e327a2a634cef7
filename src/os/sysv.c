/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sysv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
#define RIGHTS	       0777
#define VALUE_MAX      32767 /* SEMVMX */
#define PRIVATE_RIGHTS 0600  /* until it is what it is to be */

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

int os_sysv_there(enum os_sysv kind)
{
	struct shm_info memory = { 0 };
	struct seminfo semaphores = { 0 };
	struct msginfo queues = { 0 };
	int r = -1;

	switch (kind) {
	case OS_SYSV_MEMORY:
		r = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&memory);
		return r < 0 ? -errno : memory.used_ids;
	case OS_SYSV_SEMAPHORES:
		r = semctl(0, 0, SEM_INFO, &semaphores);
		return r < 0 ? -errno : semaphores.semusz;
	case OS_SYSV_QUEUE:
		r = msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&queues);
		return r < 0 ? -errno : queues.msgpool;
	case OS_SYSV_KINDS:
		break;
	}
	return -EINVAL;
}

/* The number of the next object that is made. */
static int choose(enum os_sysv kind, int32_t id)
{
	static const char *const file[OS_SYSV_KINDS] = { "/proc/sys/kernel/shm_next_id",
							 "/proc/sys/kernel/sem_next_id",
							 "/proc/sys/kernel/msg_next_id" };
	char text[16];
	int fd = open(file[kind], O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int length = snprintf(text, sizeof(text), "%d", id);
	int r = write(fd, text, (size_t)length) == length ? 0 : -errno;

	close(fd);
	return r;
}

static int get(const struct os_sysv_object *object)
{
	const int flags = IPC_CREAT | IPC_EXCL | PRIVATE_RIGHTS;
	int id = -1;

	switch (object->kind) {
	case OS_SYSV_MEMORY:
		id = shmget(object->key, object->bytes, flags);
		break;
	case OS_SYSV_SEMAPHORES:
		id = semget(object->key, (int)object->count, flags);
		break;
	case OS_SYSV_QUEUE:
		id = msgget(object->key, flags);
		break;
	case OS_SYSV_KINDS:
		break;
	}
	return id < 0 ? -errno : id;
}

/* By its creator, which cannot be set afterwards: the thread has these ids for a moment. */
static int get_as_creator(const struct os_sysv_object *object)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (syscall(SYS_setresgid, -1, object->cgid, -1) < 0)
		return -errno;
	int r = syscall(SYS_setresuid, -1, object->cuid, -1) < 0 ? -errno : get(object);

	if (syscall(SYS_setresuid, -1, uid, -1) < 0 || syscall(SYS_setresgid, -1, gid, -1) < 0)
		abort(); /* rather no daemon than one with a user's rights */
	return r;
}

/* Owner, rights and room. */
static int settle(const struct os_sysv_object *object)
{
	struct shmid_ds memory = { 0 };
	struct semid_ds set = { 0 };
	struct msqid_ds queue = { .msg_qbytes = object->bytes };
	struct ipc_perm perm = { .uid = object->uid,
				 .gid = object->gid,
				 .mode = (unsigned short)(object->mode & RIGHTS) };
	int r = -1;

	memory.shm_perm = set.sem_perm = queue.msg_perm = perm;
	switch (object->kind) {
	case OS_SYSV_MEMORY:
		r = shmctl(object->id, IPC_SET, &memory);
		break;
	case OS_SYSV_SEMAPHORES:
		r = semctl(object->id, 0, IPC_SET, (union semun){ .buf = &set });
		break;
	case OS_SYSV_QUEUE:
		r = msgctl(object->id, IPC_SET, &queue);
		break;
	case OS_SYSV_KINDS:
		break;
	}
	return r < 0 ? -errno : 0;
}

int os_sysv_make(const struct os_sysv_object *object)
{
	assert(object->kind < OS_SYSV_KINDS);
	int r = choose(object->kind, object->id);

	if (r < 0)
		return r;
	r = get_as_creator(object);
	if (r >= 0 && r != object->id) {
		os_sysv_remove(object->kind, r);
		return -EEXIST;
	}
	if (r >= 0)
		r = settle(object);
	else
		choose(object->kind, -1);
	return r;
}

int os_sysv_lock(int32_t id)
{
	return shmctl(id, SHM_LOCK, NULL) ? -errno : 0;
}

int os_sysv_remove(enum os_sysv kind, int32_t id)
{
	int r = -1;

	switch (kind) {
	case OS_SYSV_MEMORY:
		r = shmctl(id, IPC_RMID, NULL);
		break;
	case OS_SYSV_SEMAPHORES:
		r = semctl(id, 0, IPC_RMID);
		break;
	case OS_SYSV_QUEUE:
		r = msgctl(id, IPC_RMID, NULL);
		break;
	case OS_SYSV_KINDS:
		errno = EINVAL;
		break;
	}
	return r < 0 ? -errno : 0;
}

int os_sysv_queue_bytes(int32_t id, uint64_t *bytes)
{
	struct msqid_ds queue;

	if (msgctl(id, IPC_STAT, &queue) < 0)
		return -errno;
	*bytes = queue.msg_qbytes;
	return 0;
}

int os_sysv_open_memory(int32_t id, uint64_t bytes)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char name[64];
	void *at = shmat(id, NULL, SHM_RDONLY);

	assert(bytes);
	if (at == (void *)-1)
		return -errno;
	snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", (unsigned long)at,
		 (unsigned long)at + (bytes + page - 1) / page * page);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : fd;

	shmdt(at);
	return r;
}

int os_sysv_values(int32_t id, uint16_t *values)
{
	return semctl(id, 0, GETALL, (union semun){ .array = values }) < 0 ? -errno : 0;
}

int os_sysv_set_values(int32_t id, const uint16_t *values, bool is_used)
{
	/* Both at once: the value stays. */
	struct sembuf twice[2] = { { 0, values[0] < VALUE_MAX ? 1 : -1, IPC_NOWAIT },
				   { 0, values[0] < VALUE_MAX ? -1 : 1, IPC_NOWAIT } };

	if (semctl(id, 0, SETALL, (union semun){ .array = (unsigned short *)values }) < 0)
		return -errno;
	return is_used && semop(id, twice, 2) < 0 ? -errno : 0;
}

pid_t os_sysv_changed_by(int32_t id, uint32_t index)
{
	int pid = semctl(id, (int)index, GETPID);

	return pid < 0 ? 0 : pid;
}

ssize_t os_sysv_peek(int32_t id, uint32_t index, int64_t *type, void *text, size_t bytes)
{
	struct {
		long type;
		char text[];
	} *message = malloc(sizeof(*message) + bytes);

	if (!message)
		return -ENOMEM;
	ssize_t length = msgrcv(id, message, bytes, (long)index, IPC_NOWAIT | MSG_COPY);

	if (length < 0) {
		length = -errno;
	} else {
		*type = message->type;
		memcpy(text, message->text, (size_t)length);
	}
	free(message);
	return length;
}

int os_sysv_send(int32_t id, int64_t type, const void *text, size_t bytes)
{
	struct {
		long type;
		char text[];
	} *message = malloc(sizeof(*message) + bytes);

	if (!message)
		return -ENOMEM;
	message->type = type;
	memcpy(message->text, text, bytes);
	int r = msgsnd(id, message, bytes, IPC_NOWAIT) < 0 ? -errno : 0;

	free(message);
	return r;
}
