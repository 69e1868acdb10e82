#!/usr/bin/env bash
# What must hold before a release of a deck: its tag names it, its check finds nothing, and all tests pass.
# usage: scripts/gate.sh SOURCE TAG [options of pytest]
set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$1
tag=$2
shift 2

python "$scripts/deck_release.py" check "$source" "$tag"
bash "$scripts/check.sh" "$source"
python -m pytest "$@"
