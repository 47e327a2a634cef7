#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# The kinds of load of stress-ng, which check what they compute.
. "$(dirname "$0")/lib.bash"
needs stress-ng
kinds=(cpu matrix vm malloc qsort pipe fork switch context fifo timer poll mmap hdd sock udp)
progress() { awk '/^cpu / { print $2 + $4; exit }' /proc/stat; }
start sh -c 'while [ ! -e end ]; do for kind in '"${kinds[*]}"'; do [ -e end ] || stress-ng --$kind 1 --vm-bytes 16m --hdd-bytes 4m --verify -t 2 --temp-path . >$kind.out 2>&1 || echo "$kind: $?" >>wrong; echo $kind >>rounds; done; done'
moves
ends
[[ ! -s wrong ]] || fail "$(<wrong) $(grep -h fail ./*.out | head -n 5)"
over
