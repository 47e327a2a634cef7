#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Node with timers and an HTTP server under load.
. "$(dirname "$0")/lib.bash"
needs node
cat >server.js <<'P'
let ticks = 0
setInterval(() => ticks++, 1)
require('http').createServer((question, answer) => setTimeout(() => answer.end(question.url), 1)).listen(7003, '127.0.0.1')
P
served 'exec node server.js' "$http_load 7003"
