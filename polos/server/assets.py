"""The dashboard's files: what a browser loads before it asks for anything of anybody's.

    /                            the page: never kept without asking again (ETag)
    /assets/<hash>/js/main.js    what belongs to it: kept for ever, as the hash is that of all files together
    /js/main.js                  the same without a hash, asked for again each time

The page's own links are written relative (`src="js/main.js"`), and are made to name the hash when it is sent; modules
import each other relative, and so stay under it. Only files that were found in the directory are served, by their
exact names: no path of a request ever reaches the file system.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

PAGE: Final = "index.html"
TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
"""Nothing inline and nothing from elsewhere runs; text can never become markup; nobody shows it in a frame."""

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HASHED: Final = re.compile(r"/assets/([0-9a-f]{16})/(.+)")
_ASK_AGAIN: Final = "no-cache"
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Served:
    """An answer: `body` is text, or base64 of what is none."""

    status: int
    headers: Mapping[str, str]
    body: str = ""
    base64: bool = False


@dataclass(frozen=True, slots=True)
class _File:
    media: str
    data: bytes
    tag: str


class Assets:
    """The files of one directory, read again when one of them has changed: a page is reloaded, nothing restarted."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or Path(str(files("polos"))) / "dashboard"
        self._lock = threading.Lock()
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self._files: dict[str, _File] = {}
        self._hash = ""

    def serve(self, path: str, if_none_match: str = "") -> Served | None:
        """The answer to a GET of `path`; None if it is none of these files."""
        if path in ("/", f"/{PAGE}"):
            self._look()
            return self._answer(self._files.get(PAGE), _ASK_AGAIN, if_none_match)
        if not self._files:
            self._look()
        hashed = _HASHED.fullmatch(path)
        name = hashed[2] if hashed else path.removeprefix("/")
        # A page that is older than a deployment gets today's file, and does not keep it under yesterday's name.
        kept = _FOR_EVER if hashed and hashed[1] == self._hash else _ASK_AGAIN
        return self._answer(self._files.get(name), kept, if_none_match)

    def _answer(self, file: _File | None, cache: str, if_none_match: str) -> Served | None:
        if file is None:
            return None
        headers = {**_HEADERS, "Cache-Control": cache, "ETag": file.tag}
        if file.tag in (tag.strip().removeprefix("W/") for tag in if_none_match.split(",")):
            return Served(304, headers)
        headers["Content-Type"] = file.media
        try:
            return Served(200, headers, file.data.decode())
        except UnicodeDecodeError:
            return Served(200, headers, base64.b64encode(file.data).decode(), base64=True)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read the files, if one has changed since."""
        found = list(self._found())
        seen = tuple(
            (name, stat.st_mtime_ns, stat.st_size) for name, path in found for stat in (path.stat(),)
        )
        with self._lock:
            if seen == self._seen:
                return
            read = {name: path.read_bytes() for name, path in found}
            whole = hashlib.sha256()
            for name, data in read.items():
                whole.update(f"{name}\0{len(data)}\0".encode())
                whole.update(data)
            self._hash = whole.hexdigest()[:16]
            if PAGE in read:
                read[PAGE] = self._linked(read[PAGE].decode(), read).encode()
            self._files = {name: _file(name, data) for name, data in read.items()}
            self._seen = seen

    def _found(self) -> Iterator[tuple[str, Path]]:
        return iter(sorted(_below(self._directory)))

    def _linked(self, page: str, names: Mapping[str, bytes]) -> str:
        """The page, its links to files of ours under the hash."""

        def link(found: re.Match[str]) -> str:
            name = found[3].removeprefix("./").removeprefix("/")
            return f"{found[1]}={found[2]}assets/{self._hash}/{name}{found[2]}" if name in names else found[0]

        return re.sub(r"\b(src|href)=([\"'])([^\"']+)\2", link, page)


def _below(directory: Path, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Names and paths of what may be served. It is looked for with every page, so by one call for each directory."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path), f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False) and Path(entry.name).suffix in TYPES:
                yield f"{prefix}{entry.name}", Path(entry.path)


def _file(name: str, data: bytes) -> _File:
    return _File(TYPES[Path(name).suffix], data, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
