#!/usr/bin/env bash
# The last step of action.yml: checks and builds a deck with the crss-deck that its first step installed.
# usage: scripts/action.sh ENVIRONMENT; takes SOURCE, OUTPUT, STRICT and LOCKED from the environment
set -euo pipefail

programs=$1/bin
if [ ! -d "$programs" ]; then
    programs=$1/Scripts # Windows
fi
crss_deck=$programs/crss-deck

flag() { # NAME VALUE: the option of that name if VALUE is true
    case $2 in
        true) printf -- '--%s' "$1" ;;
        false) ;;
        *)
            echo "::error::the input $1 must be true or false" >&2
            return 1
            ;;
    esac
}
as_strict=$(flag strict "$STRICT")
as_locked=$(flag locked "$LOCKED")

"$crss_deck" check "$SOURCE" --output-format github ${as_strict:+"$as_strict"}
package=$("$crss_deck" build "$SOURCE" --output "$OUTPUT" ${as_locked:+"$as_locked"})
echo "$package"
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    echo "package=$package" >>"$GITHUB_OUTPUT"
fi
