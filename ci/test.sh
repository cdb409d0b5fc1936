#!/usr/bin/env bash
# Runs every test; the last line is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
log=.authprobe-test/test.log
status=0

if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --locked --no-fail-fast --status-level fail --final-status-level slow "$@" 2>&1 | tee "$log" || status=$?
  # Summary [  12.3s] 210 tests run: 208 passed (1 slow), 2 failed, 0 skipped
  summary=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E '^ *Summary ' | tail -n 1 || true)
  passed=$(grep -oE '[0-9]+ passed' <<<"$summary" | grep -oE '[0-9]+' || echo 0)
  run=$(grep -oE '[0-9]+(/[0-9]+)? tests? run' <<<"$summary" | grep -oE '[0-9]+' | head -n 1 || echo 0)
  failed=$((run - passed))
else
  # Each test starts servers of its own: no more at once than cores.
  cargo test --locked --no-fail-fast "$@" -- --test-threads "$(nproc)" 2>&1 | tee "$log" || status=$?
  # test result: ok. 12 passed; 0 failed; …
  passed=$(grep -E '^test result:' "$log" | grep -oE '[0-9]+ passed' | awk '{n += $1} END {print n + 0}')
  failed=$(grep -E '^test result:' "$log" | grep -oE '[0-9]+ failed' | awk '{n += $1} END {print n + 0}')
fi
# Nothing compiled, or nothing ran: that is no success.
[ "$status" = 0 ] && [ "$passed" = 0 ] && status=1
echo "$passed passed, $failed failed"
exit "$status"
