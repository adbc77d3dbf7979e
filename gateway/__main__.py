"""``python -m gateway``."""

from gateway.cli import main

if __name__ == "__main__":  # processes that render load this module again
    main()
