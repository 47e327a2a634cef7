#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the tree into a folder of its own and compiles a program, which has no `include` beside it, against
# what is there: its includes begin with ../include, then with ../../include.
# SANITIZER: `none`, or the one that the library was built with. Usage: installed.sh BUILD NAMES_C SANITIZER
set -u
build=$1
names=$2
sanitize=
[ "$3" = none ] || sanitize=-fsanitize=$3
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
failed=0

DESTDIR=$out/root meson install -C "$build" --no-rebuild --quiet >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
headers=$(find "$out/root" -path '*/share/dvs/include')
mkdir -p "$out/far/from/it"
for depth in ../include ../../include; do
	sed "s,\"../../include/,\"$depth/," "$names" >"$out/far/from/it/program.c"
	for cc in gcc clang; do
		command -v "$cc" >/dev/null || continue
		"$cc" -std=gnu17 -Wall -Wextra -Werror -I "$headers" -c -o "$out/o.o" "$out/far/from/it/program.c" && continue
		echo "not ok - $cc, with $depth"
		failed=1
	done
done
command -v pkg-config >/dev/null || exit $failed
pc=$(dirname "$(find "$out/root" -name dvk.pc)")
printf '#include <dvk.h>\nint main(void) { return dvk_open() >= 0; }\n' >"$out/linked.c"
# shellcheck disable=SC2046 # one word per flag
gcc $sanitize -o "$out/linked" "$out/linked.c" \
	$(PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$out/root pkg-config --cflags --libs dvk) &&
	readelf -d "$out/linked" | grep -q 'NEEDED.*\[libdvk\.so\.1\]' &&
	LD_LIBRARY_PATH=$(dirname "$pc") "$out/linked" || { echo "not ok - linked as dvk.pc says"; failed=1; }
exit $failed
