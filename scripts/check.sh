#!/usr/bin/env bash
# The strict check of a deck; on GitHub each finding becomes an annotation at its line.
# usage: scripts/check.sh [SOURCE]
set -euo pipefail

format=full
if [ "${GITHUB_ACTIONS:-}" = true ]; then
    format=github
fi
crss-deck check "${1:-source}" --strict --output-format "$format"
