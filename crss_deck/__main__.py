"""The program `crss-deck`, which is `python -m crss_deck` too."""

import gc


def main() -> None:
    """Run the command and exit."""
    # A command lives for seconds and holds on to what it makes: looking for cycles in hundreds of
    # thousands of tokens took 40 % of the time of 10 000 notes, and 7 % of that of `--help`.
    gc.disable()
    from crss_deck import cli

    cli.main()


if __name__ == "__main__":
    main()
