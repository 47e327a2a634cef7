#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Go with timers and an HTTP server under load.
. "$(dirname "$0")/lib.bash"
needs go
cat >server.go <<'P'
package main

import (
	"fmt"
	"net/http"
	"time"
)

func main() {
	go func() {
		for range time.NewTicker(time.Millisecond).C {
		}
	}()
	http.HandleFunc("/", func(answer http.ResponseWriter, question *http.Request) {
		<-time.After(time.Millisecond)
		fmt.Fprint(answer, question.URL.Path)
	})
	http.ListenAndServe("127.0.0.1:7004", nil)
}
P
HOME=$tmp GOCACHE=$tmp/cache GOFLAGS=-p=2 go build -o server server.go || { echo "not ok - go: the server is not built"; exit 1; }
served 'exec ./server' "$http_load 7004"
