"""Where sockets that containers are shown live: a short path, for a socket's may hold about 100 bytes."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cdock.core.errors import Refused


def socket_directory(environment: Mapping[str, str], *, instance: str) -> Path:
    """The directory for sockets of one poller: below `XDG_RUNTIME_DIR`, else below a private one in the temporary
    directory.

    Raises:
        Refused: somebody else owns the private directory; whoever does could listen to the model's traffic.
    """
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        base = Path(runtime) / "cdock"
    else:
        base = Path(tempfile.gettempdir()) / f"cdock-{os.getuid()}"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = base.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        raise Refused(
            f"{base} is not a private directory of this user",
            code="CD433",
            tried="making a place for the model's socket",
            fix=f"remove {base}, or set XDG_RUNTIME_DIR to a directory of your own",
        )
    return base / instance[:8]
