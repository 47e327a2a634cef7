#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# make -j2 of a program of several files, which is then run.
. "$(dirname "$0")/lib.bash"
needs make gcc
for i in {1..6}; do
	printf 'int part%s(int a) { int sum = 0; for (int i = 0; i < a; i++) sum += i * %s ^ a; return sum; }\n' "$i"{,} >part$i.c
done
{
	printf 'int part%s(int);\n' {1..6}
	echo 'int printf(const char *, ...);'
	echo 'int main(void) {'
	printf 'printf("%%d\\n", part%s(100));\n' {1..6}
	echo 'return 0; }'
} >main.c
printf 'program: %s\n\tgcc -o $@ $^\n%%.o: %%.c\n\tgcc -O1 -c -o $@ $<\n' "$(echo {main,part{1..6}}.o)" >Makefile
repeated 'make -s -B -j2 && ./program'
