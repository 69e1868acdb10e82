"""Lint and types of the project in this folder, on any system.

    lint.py [--installed]

First installs the tools that the extra `dev` names, unless they are there already.
"""

from __future__ import annotations

import subprocess
import sys

INSTALL = ("pip", "install", "--quiet", "--editable", ".[dev]")
GATES = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))


def main() -> int:
    """Run every gate, also after one has failed; 1 if any did."""
    print(f"Python {sys.version}", flush=True)
    if sys.argv[1:] != ["--installed"]:
        subprocess.run([sys.executable, "-m", *INSTALL], check=True)
    codes = [
        subprocess.run([sys.executable, "-m", *gate], check=False).returncode for gate in GATES
    ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
