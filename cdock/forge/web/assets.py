"""The style sheet, the script and the icon, named by their content so that browsers may keep them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES: Final = {
    path.name: path.read_bytes()
    for path in sorted((Path(__file__).parent / "static").iterdir())
    if path.suffix in _TYPES
}


def asset_address(name: str) -> str:
    """Where a file of ours is; another content has another address."""
    return f"/_static/{name}?v={hashlib.sha256(_FILES[name]).hexdigest()[:12]}"


def asset(request: Request) -> Response:
    """GET /_static/NAME"""
    name = request.path_params["name"]
    if name not in _FILES:
        raise HTTPException(404)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if request.query_params else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(_FILES[name], media_type=_TYPES[Path(name).suffix], headers=headers)
