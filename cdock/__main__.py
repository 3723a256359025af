"""`python -m cdock` and the `cdock` command."""

import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from cdock.cli.main import run

    sys.exit(run())


if __name__ == "__main__":
    main()
