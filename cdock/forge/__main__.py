"""The forge's command line: `python -m cdock.forge serve` and `… admin`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cdock.forge import admin
from cdock.forge.domain.errors import DomainError, NotFound
from cdock.forge.presence import AlreadyServed


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give the exit code: 0 done, 1 refused, 2 not understood."""
    args = _parser().parse_args(argv)
    try:
        if args.verb == "serve":
            _serve(args)
        else:
            sys.stdout.write(json.dumps(admin.run(args.data, args)) + "\n")
    except NotFound:
        sys.stderr.write(f"forge: {' '.join(argv or sys.argv[1:])}: there is no such user or repository\n")
        return 1
    except (DomainError, AlreadyServed, ValueError) as error:
        sys.stderr.write(f"forge: {error}\n")
        return 1
    return 0


def _serve(args: argparse.Namespace) -> None:
    # The server and the pages take most of the time to load, and admin commands need neither.
    from cdock.forge import serving

    serving.log_to_stderr()
    serving.serve(
        args.data,
        host=args.host,
        port=args.port,
        test_controls=args.test_controls,
        limits=args.limits,
        allow_hooks=args.allow_hooks,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cdock.forge", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve = verbs.add_parser("serve", help="serve a data directory on this machine")
    _add_data(serve)
    serve.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    serve.add_argument("--host", default="127.0.0.1", help="a loopback address (default 127.0.0.1)")
    serve.add_argument(
        "--limits",
        choices=("off", "github"),
        default="off",
        help="enforce GitHub's rate limits (default off)",
    )
    serve.add_argument(
        "--allow-hooks",
        action="append",
        default=[],
        metavar="HOST",
        help="call webhooks on this host too, not only on this machine (may be repeated)",
    )
    serve.add_argument(
        "--test-controls",
        action="store_true",
        help="for tests: routes that make requests fail, stop the clock and tell what was asked",
    )
    administer = verbs.add_parser("admin", help="users, tokens, repositories; prints JSON")
    _add_data(administer)
    admin.add_parsers(administer.add_subparsers(dest="command", required=True))
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the forge's directory")


if __name__ == "__main__":
    sys.exit(main())
