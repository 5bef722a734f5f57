#!/bin/sh
# A load by two engines: a master, and two workers that could as well be on other machines. Its words are those of
# `streamspec load`: two_workers.sh http://127.0.0.1:8000/orders --role finite=/orders --rate 100 --duration 10
set -eu

port=15557
streamspec load --worker --master-port "$port" &
first=$!
streamspec load --worker --master-port "$port" &
second=$!
trap 'kill "$first" "$second" 2>/dev/null || true' EXIT

streamspec load "$@" --expect-workers 2 --master-port "$port"
