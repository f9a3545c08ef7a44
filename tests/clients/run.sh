#!/usr/bin/env bash
# Holds openapi.json against the tools that users generate clients with: Redocly's rules, a TypeScript client and a
# Python client. Both clients are type-checked, publish an event to a running Sluice, and read it back. Webhooks are
# verified with the public packages of both languages, also while a secret is rotated.
#
# usage: tests/clients/run.sh [SLUICE]: the binary to serve with. Everything is installed below target/tools.
set -euo pipefail
cd "$(dirname "$0")/../.."

target="$(cd "${CARGO_TARGET_DIR:-target}" && pwd)"
sluice="${1:-$target/debug/sluice}"
here="$PWD/tests/clients"
document="$PWD/openapi.json"
npm="$target/tools/npm"
venv="$target/tools/clients-venv"
python="$target/tools/clients-python"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

# Installs again only what has changed.
install() {
  mkdir -p "$npm" "$python"
  if ! cmp -s "$here/typescript/package-lock.json" "$npm/installed.json"; then
    cp "$here/typescript/package.json" "$here/typescript/package-lock.json" "$npm"
    (cd "$npm" && npm ci --silent --no-audit --no-fund)
    cp "$here/typescript/package-lock.json" "$npm/installed.json"
  fi
  if ! cmp -s "$here/python/requirements.txt" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/python/requirements.txt"
    cp "$here/python/requirements.txt" "$venv/installed.txt"
  fi
}

typescript() {
  cp "$here/typescript/main.ts" "$here/typescript/webhooks.ts" "$here/typescript/tsconfig.json" "$npm"
  (cd "$npm" && node_modules/.bin/openapi-typescript "$document" --output schema.ts >schema.log && node_modules/.bin/tsc)
}

python() {
  # It formats what it generates with the ruff of its own environment.
  PATH="$venv/bin:$PATH" "$venv/bin/openapi-python-client" generate --path "$document" --meta none \
    --output-path "$python/sluice_client" --overwrite --config "$here/python/generator.yaml" --fail-on-warning >"$python/generated.log" ||
    { cat "$python/generated.log" && return 1; }
  (cd "$python" && MYPYPATH="$python" "$venv/bin/mypy" --config-file "$here/python/mypy.ini" "$here/python/main.py" \
    "$here/python/webhooks.py")
}

# Serves over an empty folder, on a port of the system's choice.
serve() {
  data="$(mktemp -d)"
  "$sluice" serve --listen 127.0.0.1:0 --data "$data" >"$data/log" 2>&1 &
  server=$!
  trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$data"' EXIT
  for _ in $(seq 300); do
    grep -q "is listening on" "$data/log" && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$data/log" && return 1
}

credential() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$data/credentials.json" "$1"
}

install
"$npm/node_modules/.bin/redocly" lint --config infra/redocly.yaml "$document"
typescript
python
serve
base_url="$(credential base_url)" api_key="$(credential api_key)"
node "$npm/dist/main.js" "$base_url" "$api_key"
node "$npm/dist/webhooks.js" "$base_url" "$api_key"
PYTHONPATH="$python" "$venv/bin/python" "$here/python/main.py" "$base_url" "$api_key"
"$venv/bin/python" "$here/python/webhooks.py" "$base_url" "$api_key"
