#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the programs of this folder with every compiler at hand, as C and as C++, and checks
# that no path to the headers has to be given. Usage: compile.sh PLAIN_C ORIGINAL_C NAMES_C
set -u
plain=$1
original=$2
names=$3
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
tried=0
failed=0

try() {
	tried=$((tried + 1))
	if ! "$@" -c -o "$out/o.o"; then
		echo "not ok - $*"
		failed=$((failed + 1))
	fi
}

for cc in gcc clang; do
	command -v "$cc" >/dev/null || continue
	try "$cc" -std=c17 -Wall -Wextra -Wpedantic -Werror "$plain"
	try "$cc" -std=gnu17 -Wall -Wextra -Werror -O2 "$original"
	try "$cc" -std=gnu99 -Wall -Wextra -Werror -O2 "$original"
	try "$cc" -std=gnu17 -Wall -Wextra -Werror "$names"
done
for cxx in g++ clang++; do
	command -v "$cxx" >/dev/null || continue
	try "$cxx" -x c++ -std=c++17 -Wall -Wextra -Werror -Wno-missing-field-initializers "$plain"
	try "$cxx" -x c++ -std=c++17 -Wall -Wextra -Werror "$original"
	try "$cxx" -x c++ -std=c++17 -Wall -Wextra -Werror "$names"
done
echo "$tried compilations, $failed failed"
[ "$tried" -ge 3 ] && [ "$failed" -eq 0 ]
