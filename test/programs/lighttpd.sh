#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# lighttpd under load.
. "$(dirname "$0")/lib.bash"
needs lighttpd
echo -n answer >answer
cat >lighttpd.conf <<P
server.modules = ("mod_rewrite")
server.document-root = "$tmp"
server.port = 7011
server.bind = "127.0.0.1"
server.max-keep-alive-requests = 0
url.rewrite = ("^/.*" => "/answer")
P
sed -i '/max-keep-alive/s/0/100000/' lighttpd.conf
served 'exec lighttpd -D -f lighttpd.conf' "$http_load 7011 answer"
