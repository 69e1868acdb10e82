#!/usr/bin/env bash
# Uploads the library. No password: the job's identity, which only this workflow can have, stands for it.
# usage: scripts/library-publish.sh FOLDER
set -euo pipefail

uv publish --trusted-publishing always "$1"/crss_deck-*.tar.gz "$1"/crss_deck-*-py3-none-any.whl
