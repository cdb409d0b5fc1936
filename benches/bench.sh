#!/usr/bin/env bash
# Builds what is measured and measures it; see benches/compare.py. Ends well whatever was reached.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --release --bin authprobe
endpoint=$(cargo bench --locked --no-run --bench endpoint --message-format json |
  python3 -c 'import json, sys; print([m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable")][-1])')
target=$(cargo metadata --locked --offline --no-deps --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
python3 benches/compare.py "$target/release/authprobe" "$endpoint"
