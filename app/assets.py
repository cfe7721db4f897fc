"""Static files under a content hash, cached for ever, compressed once, without what only readers of the source need.

The hash is of all files together: modules import each other by relative paths, so one folder is one version.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from whitenoise import WhiteNoise

FOR_EVER_S = 31_536_000
CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class Assets:
    """The files of one folder, served at `/static/<hash>/…`; `without` names sub-folders that are left out."""

    def __init__(self, source: Path, cache: Path, without: frozenset[str] = frozenset()) -> None:
        self._files = _files(source, without)
        self.prefix = f"/static/{_digest(self._files)}"
        self._folder = _kept(self._files, cache / self.prefix.rpartition("/")[2])

    def url(self, name: str) -> str:
        """The address of a file. Raises `KeyError` for one that does not exist."""
        self._files[name]
        return f"{self.prefix}/{name}"

    def serve(self, wsgi: Any) -> Any:
        """A WSGI application that answers for the files and hands everything else on."""
        return WhiteNoise(
            wsgi,
            root=str(self._folder),
            prefix=self.prefix,
            max_age=FOR_EVER_S,
            immutable_file_test=lambda path, url: True,
            allow_all_origins=False,
            add_headers_function=_protect,
        )


def _protect(headers: Any, _path: str, _url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


def _files(source: Path, without: frozenset[str]) -> dict[str, bytes]:
    found = sorted(path for path in source.rglob("*") if path.is_file())
    names = {path.relative_to(source).as_posix(): path for path in found}
    return {
        name: _lean(name, path.read_bytes())
        for name, path in names.items()
        if name.split("/")[0] not in without
    }


def _lean(name: str, content: bytes) -> bytes:
    """Without comment lines and indentation; prose is what compresses worst.

    A script with a text over several lines stays as it is: there a line may begin with anything.
    """
    if not name.endswith((".js", ".css")):
        return content
    text = content.decode()
    if name.endswith(".css"):
        text = CSS_COMMENT.sub("", text)
    lines = [line.strip() for line in text.splitlines()]
    if any(line.count("`") % 2 for line in lines):
        return content
    is_script = name.endswith(".js")
    kept = (line for line in lines if line and not (is_script and line.startswith("//")))
    return "".join(f"{line}\n" for line in kept).encode()


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for name, content in files.items():
        digest.update(f"{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _kept(files: dict[str, bytes], folder: Path) -> Path:
    """The folder with the files and their compressed twins; a temporary one where nothing may be written beside us."""
    if not folder.is_dir():
        try:
            _compress(files, folder)
        except PermissionError:
            folder = Path(tempfile.mkdtemp()) / folder.name
            _compress(files, folder)
    return folder


def _compress(files: dict[str, bytes], folder: Path) -> None:
    """Write the folder whole or not at all: several processes may start at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent))
    for name, content in files.items():
        target = made / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.with_name(target.name + ".gz").write_bytes(gzip.compress(content, 9, mtime=0))
    made.chmod(0o755)
    try:
        os.rename(made, folder)
    except OSError:  # another process was first: its folder is the same
        shutil.rmtree(made)
