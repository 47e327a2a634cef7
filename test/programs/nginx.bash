# SPDX-License-Identifier: Apache-2.0
# Shared by the programs with nginx; sourced, not run. The configuration of two workers that answer a question with its path.
needs nginx
configure() { # ADDRESS:PORT
	cat >nginx.conf <<-P
		daemon off; worker_processes 2; pid $tmp/nginx.pid; error_log $tmp/nginx.log; user root;
		events { worker_connections 100; }
		http {
			access_log off; keepalive_requests 1000000;
			client_body_temp_path $tmp/body; proxy_temp_path $tmp/proxy; fastcgi_temp_path $tmp/fast; uwsgi_temp_path $tmp/uwsgi; scgi_temp_path $tmp/scgi;
			server { listen $1; location / { return 200 \$request_uri; } }
		}
	P
}
