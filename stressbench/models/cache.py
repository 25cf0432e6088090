"""The cache of built models, and how the files of a model in it are verified.

A model is built in a temporary folder, flushed to disk, listed in a manifest with the SHA-256
of every file, and only then renamed to its own name, all under a lock. An interrupted build
leaves no folder with the model's name, and the next build removes what is left of it.

Every load reads and checks every byte again. That takes 0.7 s per GB on a core with SHA
instructions (1 s for the larger model), compared with 20 s and more for the start of an engine,
and it brings the file into the page cache, from which the engine reads it next. A note on disk
that a file was good once would save this time, and defeat the purpose of checksums. Within one
process the result is remembered.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from stressbench.errors import SetupError

Progress: TypeAlias = Callable[[str, float], None]
"""Called with the current step, as a phrase, and the fraction of it that is done, 0 to 1."""

MANIFEST: Final = "stressbench.json"
_MARGIN_BYTES: Final = 64 * 1024**2
_NO_SPACE: Final = {errno.ENOSPC, errno.EDQUOT}


class FileSum(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a model."""

    sha256: str
    size_bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a model folder must hold."""

    name: str
    recipe_sha256: str
    """Identifies the recipe. If the recipe has another value, the model must be built again."""
    sha256: str
    """The model's identity: SHA-256 of the sorted list of file names and checksums."""
    files: dict[str, FileSum]

    @property
    def size_bytes(self) -> int:
        """The size of all files together."""
        return sum(file.size_bytes for file in self.files.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to build one cached model."""

    name: str
    sha256: str
    """SHA-256 of everything that determines the result."""
    size_bytes: int
    """Disk space that the result needs, rounded up."""
    fill: Callable[[Path, Progress], None]
    """Writes the model's files into an empty folder."""


def cache_root() -> Path:
    """``$STRESSBENCH_CACHE`` if set and not empty, else the user's cache directory."""
    if override := os.environ.get("STRESSBENCH_CACHE"):
        return Path(override).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("stressbench", appauthor=False)


def model_folder(name: str) -> Path:
    """The folder of the model ``name``, whether it is built or not."""
    return cache_root() / "models" / name


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest; ``None`` if there is none, or it cannot be read."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None


def damage(folder: Path, manifest: Manifest) -> str | None:
    """What is wrong with the files of ``folder``; ``None`` if every byte is as it was built."""
    if manifest.sha256 != _identity(manifest.files):
        return f"{MANIFEST} contradicts itself"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = pool.map(lambda item: _check(folder / item[0], item[1]), manifest.files.items())
        return next((fault for fault in checks if fault), None)


def is_built(recipe: Recipe) -> bool:
    """Whether the folder's manifest names this recipe. Its files are not read."""
    manifest = read_manifest(model_folder(recipe.name))
    return manifest is not None and manifest.recipe_sha256 == recipe.sha256


def obtain(recipe: Recipe, progress: Progress) -> tuple[Path, Manifest]:
    """The verified model folder and its manifest. Builds the model if it is missing or damaged.

    Several processes may call this at once: one builds, and the others wait for it. Raises
    ``SetupError`` if the disk is full or the cache cannot be written.
    """
    folder = model_folder(recipe.name)
    if found := _usable(folder, recipe, progress):
        return folder, found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.parent / f".{recipe.name}.lock", recipe.name, progress):
            if found := _usable(folder, recipe, progress):
                return folder, found
            return folder, _build(folder, recipe, progress)
    except OSError as error:
        raise _setup_error(error, recipe) from error


def _usable(folder: Path, recipe: Recipe, progress: Progress) -> Manifest | None:
    manifest = read_manifest(folder)
    if manifest is None or manifest.recipe_sha256 != recipe.sha256:
        return None
    progress(f"checking {recipe.name}", 0.0)
    fault = damage(folder, manifest)
    progress(f"{recipe.name}: {fault}; building it again" if fault else "checked", 1.0)
    return None if fault else manifest


def _build(folder: Path, recipe: Recipe, progress: Progress) -> Manifest:
    for leftover in folder.parent.glob(f".{recipe.name}.*.building"):
        shutil.rmtree(leftover)
    _require_space(folder.parent, recipe)
    partial = folder.parent / f".{recipe.name}.{os.getpid()}.building"
    partial.mkdir()
    try:
        recipe.fill(partial, progress)
        progress("writing to disk", 0.0)
        manifest = _seal(partial, recipe)
        _replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    progress("written", 1.0)
    return manifest


def _seal(partial: Path, recipe: Recipe) -> Manifest:
    """Flush every file, then write and flush the manifest that names them."""
    paths = sorted(path for path in partial.iterdir() if path.is_file())
    for path in paths:
        _fsync(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sums = list(pool.map(_file_sum, paths))
    files = {path.name: file for path, file in zip(paths, sums, strict=True)}
    manifest = Manifest(
        name=recipe.name, recipe_sha256=recipe.sha256, sha256=_identity(files), files=files
    )
    listing = partial / MANIFEST
    listing.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    _fsync(listing)
    _fsync(partial)
    return manifest


def _replace(partial: Path, folder: Path) -> None:
    """Rename into place, and delete an outdated or damaged model that was there."""
    if folder.exists():
        outdated = partial.with_name(f".{folder.name}.outdated-{os.getpid()}.building")
        folder.rename(outdated)
        partial.rename(folder)
        shutil.rmtree(outdated, ignore_errors=True)
    else:
        partial.rename(folder)
    _fsync(folder.parent)


@contextmanager
def _lock(path: Path, name: str, progress: Progress) -> Iterator[None]:
    """Hold an exclusive lock, which the kernel releases if this process dies."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process to build {name}", 0.0)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _require_space(folder: Path, recipe: Recipe) -> None:
    free = shutil.disk_usage(folder).free
    if free < recipe.size_bytes + _MARGIN_BYTES:
        raise OSError(errno.ENOSPC, f"{free:,} bytes are free")


def _setup_error(error: OSError, recipe: Recipe) -> SetupError:
    where = str(cache_root())
    if error.errno in _NO_SPACE:
        return SetupError(
            f"{recipe.name} needs {recipe.size_bytes + _MARGIN_BYTES:,} bytes of disk space"
            f" ({error.strerror})",
            where=where,
            hint="free some space, or export STRESSBENCH_CACHE=DIR on a larger disk",
        )
    return SetupError(
        f"the model cache cannot be used ({error.strerror or error})",
        where=error.filename or where,
        hint="export STRESSBENCH_CACHE=DIR to a directory that can be written",
    )


def _identity(files: dict[str, FileSum]) -> str:
    lines = "".join(f"{name}\0{files[name].sha256}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def _check(path: Path, expected: FileSum) -> str | None:
    try:
        stat = path.stat()
        if stat.st_size != expected.size_bytes:
            return f"{path.name} has {stat.st_size:,} bytes, not {expected.size_bytes:,}"
        if _sha256(path, stat.st_size, stat.st_mtime_ns, stat.st_ino) != expected.sha256:
            return f"{path.name} does not match its checksum"
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror})"
    return None


def _file_sum(path: Path) -> FileSum:
    stat = path.stat()
    digest = _sha256(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return FileSum(sha256=digest, size_bytes=stat.st_size)


@cache
def _sha256(path: Path, size_bytes: int, mtime_ns: int, inode: int) -> str:
    """SHA-256 of a file. The other arguments make the cache miss when the file has changed."""
    del size_bytes, mtime_ns, inode
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
