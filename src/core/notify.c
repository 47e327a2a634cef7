/* SPDX-License-Identifier: Apache-2.0 */
#include "core/notify.h"

#include <stdatomic.h>

#include "core/assert.h"

#define UPDATE_BITS 64

void notify_post(struct notify_word *word, int nr, int value)
{
	uint64_t posted = atomic_load_explicit(&word->posted, memory_order_relaxed);
	uint64_t bit = value >= 0 && value < UPDATE_BITS ? UINT64_C(1) << value : 0;

	/*
	 * Acquire: the receiver has read the bits of each notification that it has taken. If it takes while we
	 * add, the bits it has read come once more with this one, which an update bit allows.
	 */
	if (atomic_load_explicit(&word->taken, memory_order_acquire) == posted)
		atomic_store_explicit(&word->bits, bit, memory_order_relaxed);
	else
		atomic_fetch_or_explicit(&word->bits, bit, memory_order_relaxed);
	atomic_store_explicit(&word->nr, nr, memory_order_relaxed);
	/* Release: nr and bits before; partner: the acquire of posted in notify_take(). */
	atomic_store_explicit(&word->posted, posted + 1, memory_order_release);
}

bool notify_pending(const struct notify_word *word)
{
	return atomic_load_explicit(&word->posted, memory_order_acquire) !=
	       atomic_load_explicit(&word->taken, memory_order_relaxed);
}

bool notify_take(struct notify_word *word, bool waited, struct notify_image *taken)
{
	uint64_t before = atomic_load_explicit(&word->taken, memory_order_relaxed);

	taken->posted = atomic_load_explicit(&word->posted, memory_order_acquire);
	if (taken->posted == before)
		return false;
	taken->taken = waited ? before + 1 : taken->posted;
	taken->nr = atomic_load_explicit(&word->nr, memory_order_relaxed);
	taken->bits = atomic_load_explicit(&word->bits, memory_order_relaxed);
	CORE_ASSERT(taken->taken != before);
	/* Release: read before; the sender begins new bits once it sees them taken. */
	atomic_store_explicit(&word->taken, taken->taken, memory_order_release);
	return true;
}

void notify_snapshot(const struct notify_word *word, struct notify_image *image)
{
	image->taken = atomic_load(&word->taken);
	/*
	 * Acquire: the notifications that it counts were written before; partner: the release in notify_post().
	 */
	image->posted = atomic_load_explicit(&word->posted, memory_order_acquire);
	image->bits = atomic_load(&word->bits);
	image->nr = atomic_load(&word->nr);
	image->pad = 0;
}

/* The greater of two counts that only grow. */
static void raise_to(_Atomic uint64_t *count, uint64_t to)
{
	uint64_t now = atomic_load(count);

	while ((int64_t)(to - now) > 0 && !atomic_compare_exchange_weak(count, &now, to))
		;
}

bool notify_merge(struct notify_word *word, const struct notify_image *image)
{
	bool news = (int64_t)(image->posted - atomic_load(&word->posted)) > 0;

	if (news) {
		/* The pending notification and the new one become one, as with a sender of this node. */
		if ((int64_t)(atomic_load(&word->posted) - atomic_load(&word->taken)) > 0)
			atomic_fetch_or(&word->bits, image->bits);
		else
			atomic_store(&word->bits, image->bits);
		atomic_store(&word->nr, image->nr);
		raise_to(&word->posted, image->posted);
	}
	raise_to(&word->taken, image->taken);
	return news;
}
