#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# nginx whose clients are on a node that it does not come to, and keep their connections.
. "$(dirname "$0")/lib.bash"
needs nginx
address=10.77.0.151
cat >nginx.conf <<P
daemon off; worker_processes 2; pid $tmp/nginx.pid; error_log $tmp/nginx.log; user root;
events { worker_connections 100; }
http {
	access_log off; keepalive_requests 1000000;
	client_body_temp_path $tmp/body; proxy_temp_path $tmp/proxy; fastcgi_temp_path $tmp/fast; uwsgi_temp_path $tmp/uwsgi; scgi_temp_path $tmp/scgi;
	server { listen $address:7019; location / { return 200 \$request_uri; } }
}
P
start nginx -c "$tmp/nginx.conf"
# shellcheck disable=SC2086 # a command and its argument
timeout 100 dvs lab exec 2 -- $http_load $address:7019 >rounds 2>&1 &
moves
touch end
wait
stops
seq "$(progress)" | cmp -s - rounds || fail "wrong: $(grep -vxE '[0-9]+' rounds | tail -n 5)"
over
