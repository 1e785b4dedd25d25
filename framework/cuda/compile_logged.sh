#!/bin/sh
# compile_logged.sh LOG COMMAND...: compiles, and keeps what ptxas says of registers and spills.
log=$1
shift
"$@" 2>"$log"
status=$?
grep -v -e '^ptxas info' -e 'bytes stack frame' "$log" >&2
exit $status
