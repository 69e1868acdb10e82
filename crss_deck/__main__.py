"""`python -m crss_deck` is `crss-deck`."""

from crss_deck.cli import main

if __name__ == "__main__":
    main()
