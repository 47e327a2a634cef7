#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Ruby: a server with a thread for each connection, and its client.
. "$(dirname "$0")/lib.bash"
needs ruby
cat >work.rb <<'P'
require "socket"
server = TCPServer.new("127.0.0.1", 7005)
Thread.new { loop { connection = server.accept; Thread.new { while line = connection.gets; connection.puts line; end } } }
client = TCPSocket.new("127.0.0.1", 7005)
n = 0
until File.exist?("end")
  n += 1
  client.puts n
  raise "wrong" unless client.gets.to_i == n
  puts n
  $stdout.flush
  sleep 0.001
end
P
counts ruby work.rb
