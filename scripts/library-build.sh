#!/usr/bin/env bash
# Builds the library's sdist and wheel, after comparing the tag with the version and the changelog.
# usage: scripts/library-build.sh TAG [FOLDER]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tag=$1
folder=${2:-dist}

version=$(python -c 'import crss_deck; print(crss_deck.__version__)')
if [ "$tag" != "v$version" ]; then
    echo "error: the tag is $tag, but the version in crss_deck/__init__.py is $version" >&2
    exit 1
fi
if ! grep -qF "## [$version]" CHANGELOG.md; then
    echo "error: CHANGELOG.md has no section for $version" >&2
    exit 1
fi
# The dates inside the archives are that of the commit, so the same tag gives the same bytes.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
fi
export SOURCE_DATE_EPOCH

python -m build --no-isolation --outdir "$folder" .
python - "$folder" "$version" <<'CHECK'
import sys
from pathlib import Path

folder, version = sys.argv[1:]
wanted = {f"crss_deck-{version}.tar.gz", f"crss_deck-{version}-py3-none-any.whl"}
found = {path.name for path in Path(folder).iterdir()}
if found != wanted:
    sys.exit(f"error: {folder} holds {sorted(found)}, not just {sorted(wanted)}")
CHECK
