#!/usr/bin/env bash
# Makes a virtual environment that holds exactly what requirements/NAME.txt names, checked by hash, and this library.
# On GitHub its programs come first in the PATH of the steps that follow, unless it is to stay --apart.
# usage: scripts/install.sh [--apart] build|verify|test|publish [FOLDER]
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
apart=false
if [ "$1" = --apart ]; then
    apart=true
    shift
fi
name=$1
folder=${2:-.venv}

"${PYTHON:-$(command -v python3 || command -v python)}" -m venv "$folder"
python=$folder/bin/python
if [ ! -e "$python" ]; then
    python=$folder/Scripts/python.exe # Windows
fi
install=("$python" -m pip --disable-pip-version-check install --quiet)

"${install[@]}" --require-hashes --only-binary :all: --requirement "$repository/requirements/$name.txt"
if [ "$name" != publish ]; then
    # Its own build tool, flit_core, came with the requirements; so nothing else is fetched.
    "${install[@]}" --no-index --no-deps --no-build-isolation "$repository"
fi
if [ "$apart" = false ] && [ -n "${GITHUB_PATH:-}" ]; then
    "$python" -c 'import sysconfig; print(sysconfig.get_path("scripts"))' >>"$GITHUB_PATH"
fi
