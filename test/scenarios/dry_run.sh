#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
#
# A dry run says what the move would say, also where only the stopped process itself can tell; and
# neither of them harms it.
. "$(dirname "$0")/lib.bash"
lab 2

# A process that does something and then counts.
peculiar() { # EP PYTHON
	timeout 20 dvs -n 0 run 0 "$1" -- /usr/bin/python3 -c "
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
call = libc.syscall
$2
print('ready', flush=True)
while True: time.sleep(0.01); print('alive', flush=True)" >/dev/null || fail "run $1"
	until_true 10 says "$1" ready || fail "endpoint $1: $(timeout 5 dvs logs 0 "$1" | head -n 3)"
}
says() { timeout 5 dvs logs 0 "$1" | grep -q "$2"; }
lines() { timeout 5 dvs logs 0 "$1" | grep -c alive; }
goes_on() { (($(lines "$1") > $2)); }

agree() { # NAME EP WORDS PYTHON
	begin "the dry run and the move refuse $1, by the same sentence"
	peculiar "$2" "$4"
	timeout 20 dvs migrate 0 "$2" 1 --dry-run >"$tmp/dry" 2>&1 && fail "the dry run says: $(<"$tmp/dry")"
	timeout 20 dvs migrate 0 "$2" 1 >"$tmp/out" 2>&1 && fail "it was moved: $(<"$tmp/out")"
	cmp -s "$tmp/dry" "$tmp/out" || fail "not the same: $(<"$tmp/dry") / $(<"$tmp/out")"
	grep -q "$3" "$tmp/dry" || fail "not for \"$3\": $(<"$tmp/dry")"
	before=$(lines "$2")
	until_true 5 goes_on "$2" "$before" || fail "endpoint $2 does not go on"
	end
}

agree "keys in a keyring" 20 "process keyring" \
	"assert call(248, b'user', b'name', b'value', 5, -2) > 0"
agree "a local descriptor table" 21 "modify_ldt" \
	"assert call(154, 1, ctypes.create_string_buffer((1).to_bytes(4, 'little') + bytes(4) + (1).to_bytes(4, 'little') + (0x41).to_bytes(4, 'little')), 16) == 0"
if python3 -c "import ctypes; exit(ctypes.CDLL(None).syscall(444, 0, 0, 1) <= 0)"; then
	agree "Landlock" 22 "Landlock" \
		"rules = call(444, ctypes.byref(ctypes.c_uint64(1 << 12)), 8, 0)
assert rules >= 0 and libc.prctl(38, 1, 0, 0, 0) == 0 and call(446, rules, 0) == 0
os.close(rules)"
fi

begin "a server that is tried again and again loses no call"
server 0 10 512
client 1 11 10 on 0.002
pid=$(lpid_of 10)
for _ in {1..20}; do
	timeout 20 dvs migrate 0 10 1 --dry-run >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
done
timeout 20 dvs drain 0 --dry-run >"$tmp/out" 2>&1 && fail "drain can empty node 0: $(<"$tmp/out")"
grep -q "endpoint 20.*process keyring" "$tmp/out" || fail "drain says: $(<"$tmp/out")"
[[ $(lpid_of 10) == "$pid" ]] || fail "it is another process"
client_ok 11
end
finish
