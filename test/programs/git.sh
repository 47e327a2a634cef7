#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# git repacks a repository that is whole after each time.
. "$(dirname "$0")/lib.bash"
needs git
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q repository
for i in {1..20}; do
	seq $((i * 100)) $((i * 100 + 3000)) >repository/file
	git -C repository add file && git -C repository commit -q -m "$i"
done
repeated 'git -C repository repack -adfq --window=50 && git -C repository fsck --no-progress && git -C repository log --format=%T'
