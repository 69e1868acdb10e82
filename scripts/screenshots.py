"""Pictures for README: cards of the deck as Anki shows them, and what the compiler says.

    screenshots.py [FOLDER]

Writes cards-day.png, cards-night.png and diagnostic.png into FOLDER, by default docs/images. The
cards are those of the real Anki, around them the page that its desktop puts around a card; the
diagnostic is what `crss-deck check` prints on a terminal. Needs the extra `test`, and Chromium.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest
from anki.lang import set_lang

from crss_deck import build_deck
from crss_deck.init import init_deck

ROOT = Path(__file__).parents[1]
CARDS = {"day": "no-uniform-recovery-pattern", "night": "two-halves-of-balanced-knowledge"}
"""The notes whose first cards are shown: a basic one by day, and a cloze note by night."""
WIDTH = 852
MISTAKES = """\
# Bread

Q: What makes bread dough rise?

A: Gas from the **yeast**.

Extar: Yeast turns sugar into carbon dioxide.

Sourdough rises through {{c1::wild yeast}}.
<!-- id: why-sourdough-rises -->
"""
SIZE_LIMIT = 60_000
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)

# ------------------------------------------------------------------ cards


def card_pages(folder: Path) -> dict[str, str]:
    """A page with the front and the back of a card, by day and by night."""
    set_lang("en")
    package = build_deck(ROOT / "source", folder / "build").path
    collection = Collection(str(folder / "collection.anki2"))
    try:
        request = ImportAnkiPackageRequest(
            package_path=str(package), options=ImportAnkiPackageOptions()
        )
        collection.import_anki_package(request)
        pages = {}
        for time, key in CARDS.items():
            found = collection.find_notes(f"Key:*/{key}")
            if not found:
                sys.exit(f"the deck has no note {key}: choose another in CARDS")
            card = collection.get_note(found[0]).cards()[0]
            sides = (desktop(side, time == "night") for side in (card.question(), card.answer()))
            pages[time] = side_by_side(*sides)
        return pages
    finally:
        collection.close()


def desktop(card: str, night: bool) -> str:
    """A card in the page of Anki's desktop: its classes, its margin, and its two backgrounds."""
    root, mode = ("night-mode", "nightMode night_mode") if night else ("", "")
    return f"""<!doctype html><html class="linux chrome {root}"><head><style>
body {{ margin: 20px; overflow-wrap: break-word; background-color: #f5f5f5; color: #020202; }}
body.nightMode {{ background-color: #2c2c2c; color: #fcfcfc; }}
</style></head><body class="card card1 isLin {mode} fancy"><div id="qa">{card}</div></body>
</html>"""


def side_by_side(*pages: str) -> str:
    """A page that shows two, as high as the higher of them."""
    frames = "".join(f'<iframe srcdoc="{html.escape(page)}"></iframe>' for page in pages)
    return f"""<!doctype html><html><head><meta charset="utf-8"><style>
body {{ margin: 0; width: {WIDTH}px; display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }}
iframe {{ box-sizing: border-box; width: 100%; border: 1px solid #b5b5b5; border-radius: 8px; }}
</style></head><body>{frames}<script>
onload = function () {{
  const frames = [...document.querySelectorAll("iframe")];
  frames.forEach((f) => f.style.height = 0);
  const heights = frames.map((f) => f.contentDocument.documentElement.scrollHeight);
  frames.forEach((f) => f.style.height = Math.max(...heights) + 22 + "px");
  document.body.dataset.height = document.body.scrollHeight;
}};
</script></body></html>"""


# ------------------------------------------------------------------ a diagnostic

STYLES = {
    "0": "",
    "1": "font-weight: bold",
    "31": "color: #ff7b72",
    "33": "color: #e3b341",
    "34": "color: #79c0ff",
    "36": "color: #76e3ea",
}
"""What the command uses of what terminals know."""


def as_html(text: str) -> str:
    """The text of a terminal, with the colours and the bold type that the command uses."""
    parts = re.split(r"\x1b\[([0-9;]*)m", text)
    shown = html.escape(parts[0])
    for codes, piece in zip(parts[1::2], parts[2::2], strict=True):
        styles = "; ".join(STYLES[code] for code in codes.split(";"))
        shown += f'<span style="{styles}">{html.escape(piece)}</span>'
    return shown


def diagnostic_page(folder: Path) -> str:
    """What `crss-deck check` says of a few mistakes, on a terminal."""
    init_deck(folder, suffix="x7k2p9", name="Bread")
    (folder / "source" / "01-first-notes.md").unlink()
    (folder / "source" / "bread.md").write_text(MISTAKES, encoding="utf-8")
    command = ("check", "--color", "always")
    done = subprocess.run(
        [sys.executable, "-m", "crss_deck", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return f"""<!doctype html><html><head><meta charset="utf-8"><style>
body {{ margin: 0; width: {WIDTH}px; }}
pre {{ margin: 0; padding: 16px 20px; border-radius: 8px; background: #161b22; color: #e6edf3;
  font: 14px/1.45 "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre-wrap; }}
</style></head><body><pre><b>$ crss-deck check</b>
{as_html(done.stdout.rstrip())}</pre><script>
onload = function () {{ document.body.dataset.height = document.body.scrollHeight; }};
</script></body></html>"""


# ------------------------------------------------------------------ pictures


def shoot(page: str, picture: Path, folder: Path) -> None:
    """Let Chromium lay out a page that tells its height, and take a picture of all of it."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        sys.exit("Chromium is missing")
    document = folder / f"{picture.stem}.html"
    document.write_text(page, encoding="utf-8")
    start = (
        chromium,
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=5000",
    )
    measured = subprocess.run(
        [*start, f"--window-size={WIDTH},400", "--dump-dom", document.as_uri()],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    found = re.search(r'data-height="(\d+)"', measured.stdout)
    if found is None:
        sys.exit(f"{picture.name}: the page did not say how high it is")
    size = f"--window-size={WIDTH},{found[1]}"
    subprocess.run(
        [*start, size, f"--screenshot={picture}", document.as_uri()],
        capture_output=True,
        check=True,
    )
    print(f"{picture}: {picture.stat().st_size} bytes")
    if picture.stat().st_size > SIZE_LIMIT:
        sys.exit(f"{picture} is larger than {SIZE_LIMIT} bytes")


def main(target: Path) -> None:
    """Take all pictures."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pages = {f"cards-{time}.png": page for time, page in card_pages(folder).items()}
        pages["diagnostic.png"] = diagnostic_page(folder / "bread")
        for name, page in pages.items():
            shoot(page, target.resolve() / name, folder)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else ROOT / "docs" / "images")
