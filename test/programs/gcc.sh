#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# gcc of a large file: the object is the same.
. "$(dirname "$0")/lib.bash"
needs gcc
for i in {1..80}; do
	echo "int f$i(int a) { int sum = 0; for (int i = 0; i < a; i++) sum += i * $i ^ a; return sum; }"
done >large.c
repeated 'gcc -O2 -c large.c -o large.o && cat large.o'
