#!/usr/bin/env bash
# Install the tools that run.py compares crss-deck with, each into an environment of its own.
#
#     bash benchmarks/peers.sh FOLDER [PYTHON]
set -euo pipefail
folder=$1 python=${2:-python3}

environment() { # name, then what to install
    "$python" -m venv "$folder/$1"
    "$folder/$1/bin/pip" install --quiet "${@:2}"
}

environment scripts genanki==0.13.1 markdown-it-py==4.3.0 mdit-py-plugins==0.7.0 \
    cmarkgfm==2025.10.22 mistune==3.4.0 pyromark==0.10.3
environment ankdown ankdown==0.7.1
environment ankivalenz ankivalenz==1.0.2
environment markdown-anki-decks markdown-anki-decks==1.1.1 'click<8.1' # it reads no options with a newer one
environment md2anki md2anki==3.1.0 # starts with Python 3.12 or newer
