#!/usr/bin/env bash
# Runs every property test that stands in a module called `fuzz`, each for SECONDS_EACH (60), and says how it went.
# A failure is shrunk and printed by the test, and written beside its source, so that it is tried first ever after.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${SECONDS_EACH:-60}"
only="${1:-fuzz}"
export PROPTEST_CASES=4294967295 PROPTEST_MAX_SHRINK_TIME=20000
failed=0

# The test programs, by the path that cargo prints last on each line.
programs=$(cargo test --workspace --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
for program in $programs; do
  program=$(realpath "$program")
  for test in $("$program" --list --format terse 2>/dev/null | sed -n 's/: test$//p' | grep -E '(^|::)fuzz::' | grep -- "$only" || true); do
    log=$(mktemp)
    code=0
    began=$SECONDS
    (cd tests && timeout "$seconds" "$program" --exact "$test") >"$log" 2>&1 || code=$?
    # Still running when its time is over: nothing was found.
    if [ "$code" = 124 ] || [ "$code" = 0 ]; then
      printf 'ok      %4s s  %s\n' "$((SECONDS - began))" "$test"
    else
      printf 'FAILED          %s\n' "$test"
      cat "$log"
      failed=1
    fi
    rm -f "$log"
  done
done
exit "$failed"
