#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# A process of a container names itself, a child, a thread and what is not there by its own numbers: as the kernel
# translates them, and as they are searched for where it cannot.
. "$(dirname "$0")/lib.bash"

for fault in '' search; do
	begin "numbers of a container mean its own tasks${fault:+, where they are searched for}"
	export DVS_FAULT=$fault
	lab 1
	unset DVS_FAULT
	timeout 30 dvs run 0 40 --wait -- "$build/test/conformance/named" 40 >"$tmp/out" 2>&1
	[[ $(<"$tmp/out") == *good* ]] || fail "$(<"$tmp/out")"
	end
done

finish
