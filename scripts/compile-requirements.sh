#!/usr/bin/env bash
# Writes requirements/*.txt anew: for every requirement the newest version, exact and with its hashes.
# Needs uv. Name packages to raise just those: scripts/compile-requirements.sh --upgrade-package pygments
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

upgrade=(--upgrade)
if (($#)); then
    upgrade=("$@")
fi

lock() {
    local name=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --custom-compile-command "scripts/compile-requirements.sh" "${upgrade[@]}" \
        --output-file "requirements/$name.txt" "$@"
}

# Each builds on the one before, so that one release never meets two versions of a package.
lock build pyproject.toml requirements/build.in
lock verify pyproject.toml requirements/build.in requirements/verify.in --constraints requirements/build.txt
lock test pyproject.toml requirements/build.in requirements/verify.in --extra test --constraints requirements/verify.txt
lock publish requirements/publish.in --constraints requirements/build.txt
