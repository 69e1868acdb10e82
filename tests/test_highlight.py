"""Colours for code: the lexers that were made faster do what Pygments' own do."""

import keyword
import random
import re

import pytest
from pygments.lexers import find_lexer_class_by_name, get_all_lexers
from pygments.unistring import xid_start

from crss_deck import highlight

LANGUAGES = ("python", "python2", "pycon", "pytb", "py2tb", "dg", "numpy")
"""What stands in Pygments' module for Python."""
PARTS = (
    *keyword.kwlist, *keyword.softkwlist, *"\n\n\n     ()[]{}<>.,:;=+-*/%@!^&|~\\'\"#_$?",
    "name", "Name9", "_x", "__init__", "self", "print", "ValueError", "np.array", "1_000", "0x1F",
    "1.5e-3j", '"""', "'''", 'f"{a!r:>{w}}"', "rb'\\d'", "%(a)s", "\\n", "\\N{DASH}", "# word\n",
    ">>> ", "... ", "Traceback (most recent call last):\n", '  File "a.py", line 1, in f\n',
    "\n    ", "@wraps(f)\n", "def f(", "class C(", "import a.b as c", "from . import d", "\r\n",
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lexer_for_ascii_alone(language: str) -> None:
    """Its tokens are those of Pygments' own lexer."""
    random_ = random.Random(language)
    own = find_lexer_class_by_name(language)(stripnl=False, ensurenl=False)
    fast = highlight._lexer(language, True)
    assert fast is not own
    for _ in range(150):
        code = "".join(random_.choices(PARTS, k=random_.randrange(60)))
        assert list(fast.get_tokens(code)) == list(own.get_tokens(code))


def test_what_is_not_compiled_for_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sets of letters of all languages, which are there for code that has such letters."""
    compiled: list[str] = []
    real = re.compile

    def compile_(pattern: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append(pattern)
        return real(pattern, flags)

    highlight._lexer.cache_clear()
    monkeypatch.setattr(re, "compile", compile_)
    assert ("hl-name", "size") in highlight.highlight("def size(): pass", "python")
    assert compiled
    assert not any(xid_start in each for each in compiled)
    assert ("hl-name", "größe") in highlight.highlight("def größe(): pass", "python")


def test_the_texts_add_up_to_the_code() -> None:
    """Whatever a lexer makes of it, and with no line end that the code has not."""
    codes = ("a\n  b: c", "a", "", "\n", "a\n\n", " % x = 'y'\n%p= z", "if (x) { y }\n")
    wrong = {
        (language, code)
        for _, names, *_ in get_all_lexers()
        for language in names[:1]
        for code in codes
        if "".join(text for _, text in highlight.highlight(code, language)) != code
    }
    assert wrong == set()
