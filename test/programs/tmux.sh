#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# tmux with a shell inside, which goes on and writes on its terminal.
. "$(dirname "$0")/lib.bash"
needs tmux
start sh -c "tmux -S $tmp/socket -f /dev/null new-session -d -x 80 -y 24 'i=0; while [ ! -e end ]; do i=\$((i + 1)); echo \$i >>rounds; echo line \$i; sleep 0.02; done; sleep 1'
while [ ! -e end ]; do sleep 0.05; done
tmux -S $tmp/socket capture-pane -p >screen
tmux -S $tmp/socket kill-server; sleep 0.5"
moves
ends
is_counted || fail "the shell inside missed steps"
grep -qx "line $(progress)" screen || fail "the screen ends with: $(grep . screen | tail -n 2)"
over
