/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_SANITIZED_H
#define DVS_BASE_SANITIZED_H

/* Whether the address or thread sanitizer's runtime is in this program: it has threads, maps and calls of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

#endif
