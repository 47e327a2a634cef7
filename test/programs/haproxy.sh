#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# haproxy under load.
. "$(dirname "$0")/lib.bash"
needs haproxy
cat >haproxy.conf <<P
global
	maxconn 100
defaults
	mode http
	timeout client 20s
	timeout server 20s
	timeout connect 20s
frontend front
	bind 127.0.0.1:7012
	http-request return status 200 content-type text/plain lf-string %[path]
P
served 'exec haproxy -db -f haproxy.conf' "$http_load 7012"
