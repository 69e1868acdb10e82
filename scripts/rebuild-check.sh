#!/usr/bin/env bash
# Builds the release of a deck twice, in two folders with an environment of their own, and compares the checksums.
# usage: scripts/rebuild-check.sh [--trial] [--here] [SOURCE [SHA256SUMS]]
#   --trial      if deck.lock does not describe the deck as it is, make a release of it in the copies
#   --here       take the Python of PATH and what is installed there, instead of the committed requirements
#   SHA256SUMS   the checksums of an earlier build, to compare with too
# PYTHON and PYTHON2 name the interpreters of the first and the second build.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
trial=false
here=false
while [ $# -gt 0 ]; do
    case $1 in
        --trial) trial=true ;;
        --here) here=true ;;
        *) break ;;
    esac
    shift
done
source=${1:-$repository/source}
expected=${2:-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A copy of the deck, and of all that an environment is made of.
copy() { # FOLDER
    mkdir -p "$1"
    cp -R "$source" "$1/source"
    cp -R "$repository/scripts" "$1/scripts"
    if [ "$here" = false ]; then
        for name in crss_deck requirements pyproject.toml README.md LICENSE; do
            cp -R "$repository/$name" "$1/$name"
        done
    fi
}

environment() { # FOLDER INTERPRETER
    if [ "$here" = false ]; then
        (cd "$1" && PYTHON=$2 bash scripts/install.sh --apart build .venv)
        rm -rf "$1/crss_deck" # what is installed is what runs
    fi
}

programs() { # FOLDER
    if [ "$here" = true ]; then
        echo "$PATH"
    elif [ -d "$1/.venv/bin" ]; then
        echo "$1/.venv/bin:$PATH"
    else
        echo "$1/.venv/Scripts:$PATH"
    fi
}

build() { # FOLDER
    PATH=$(programs "$1")
    cd "$1"
    tag=$(python scripts/deck_release.py tag source)
    python scripts/deck_release.py build source "$tag" build >&2
    cat build/SHA256SUMS
}

first=$work/first
second="$work/another folder/of another depth"
copy "$first"
environment "$first" "${PYTHON:-python3}"
if [ "$trial" = true ]; then
    (
        PATH=$(programs "$first")
        cd "$first"
        if ! crss-deck build source --locked --quiet --output try 2>/dev/null; then
            crss-deck release source --quiet
        fi
        rm -rf try
    )
    source=$first/source
fi
copy "$second"
environment "$second" "${PYTHON2:-${PYTHON:-python3}}"
find "$second/source" -type f -exec touch -t 200001010000 {} +

one=$(build "$first")
# Nothing of the surroundings may decide on a byte.
two=$(umask 077 && TZ=Pacific/Kiritimati PYTHONHASHSEED=7 SOURCE_DATE_EPOCH=86400 build "$second")

echo "$one"
if [ "$one" != "$two" ]; then
    echo "the second build differs:" >&2
    echo "$two" >&2
    exit 1
fi
if [ -n "$expected" ] && [ "$one" != "$(cat "$expected")" ]; then
    echo "the builds agree with each other, but not with $expected" >&2
    exit 1
fi
echo "the same bytes, built twice"
