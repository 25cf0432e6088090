"""From a model's name in a suite to a folder on this machine.

A name is a built-in of the reference pair, a local directory, or a Hugging Face id
(``organisation/name``), in this order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from stressbench.catalog import nearest
from stressbench.errors import SetupError, UsageError
from stressbench.models.cache import Progress
from stressbench.models.fingerprint import fingerprint
from stressbench.models.reference import pair as reference
from stressbench.schema.suite.suite import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
_TOKENIZER_FILES: Final = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab.json",
    "merges.txt",
    "*.tiktoken",
    "tekken.json",
)
_WEIGHT_FILES: Final = ("*.safetensors", "*.safetensors.index.json")
_DUPLICATES: Final = ("original/*", "consolidated*")
"""Files that repeat the weights in the publisher's own layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """Facts from ``config.json``; ``None`` for those that it lacks."""

    architecture: str | None
    window_tokens: int | None
    """The longest sequence that the model supports: ``max_position_embeddings``."""
    config: Mapping[str, object] = field(default_factory=dict, repr=False)
    """``config.json`` itself; for a multimodal model, the part about text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTokenizer:
    """A tokenizer folder, with the shape of the model that it belongs to."""

    name: str
    path: Path
    shape: ModelShape
    dtype: str | None = None
    """The dtype of ``spec.model``, as in ``LocalModel``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model folder that an engine can load."""

    name: str
    path: Path
    revision: str | None
    """The commit on the hub; ``None`` for a built-in or a local directory."""
    sha256: str
    """For a built-in, over all files. For others, see ``stressbench.models.fingerprint``."""
    shape: ModelShape
    tokenizer_path: Path
    dtype: str | None = None
    """The dtype to serve it in if the suite names none; None leaves the choice to the engine."""


def resolve(spec: ModelSpec, progress: Progress) -> LocalModel:
    """Find, build or download the model that ``spec`` names.

    Raises ``UsageError`` for a name that is no usable model, ``SetupError`` if the model
    cannot be downloaded or built on this machine.
    """
    revision = None
    if spec.model in reference.NAMES:
        _no_revision(spec.model, spec.revision)
        path, manifest = reference.obtain(spec.model, progress)
        sha256 = manifest.sha256
    else:
        if (local := _local(spec.model, spec.revision)) is not None:
            path = local
        else:
            path = _download(spec.model, spec.revision, (*_TOKENIZER_FILES, *_WEIGHT_FILES))
            revision = path.name
            if not any(path.glob("*.safetensors")):
                raise UsageError(
                    f"{spec.model} has no weights in safetensors format",
                    hint="choose a model that has them, or convert it and name the directory",
                )
        sha256 = fingerprint(path)
    own = spec.tokenizer is None
    return LocalModel(
        name=spec.model,
        path=path,
        revision=revision,
        sha256=sha256,
        shape=read_shape(path),
        tokenizer_path=path if own else resolve_tokenizer(spec, progress).path,
        dtype=reference.DTYPES.get(spec.model),
    )


def resolve_tokenizer(spec: ModelSpec, progress: Progress) -> LocalTokenizer:
    """The tokenizer of ``spec``, without any weights.

    ``shape`` is that of ``spec.model``, whose window limits the prompts.
    """
    model = _small_files(spec.model, spec.revision, progress)
    path = model if spec.tokenizer is None else _small_files(spec.tokenizer, None, progress)
    return LocalTokenizer(
        name=spec.tokenizer or spec.model,
        path=path,
        shape=read_shape(model),
        dtype=reference.DTYPES.get(spec.model),
    )


def read_shape(folder: Path) -> ModelShape:
    """Read ``config.json``; for a multimodal model, the part about text.

    Raises ``UsageError`` if the file is missing or is not a JSON object.
    """
    path = folder / "config.json"
    hint = "name a directory in Hugging Face format"
    try:
        config = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except OSError as error:
        raise UsageError(
            f"this is no model directory: cannot read its config.json ({error.strerror})",
            where=str(folder),
            hint=hint,
        ) from error
    except msgspec.DecodeError as error:
        raise UsageError(f"not a JSON object: {error}", where=str(path), hint=hint) from error
    names = config.get("architectures")
    inner = config.get("text_config")
    text = inner if isinstance(inner, dict) else config
    window = text.get("max_position_embeddings")
    return ModelShape(
        architecture=str(names[0]) if isinstance(names, list) and names else None,
        window_tokens=window if isinstance(window, int) and window > 0 else None,
        config=text,
    )


def _small_files(name: str, revision: str | None, progress: Progress) -> Path:
    if name in reference.NAMES:
        _no_revision(name, revision)
        return reference.obtain_small_files(name, progress)
    return _local(name, revision) or _download(name, revision, _TOKENIZER_FILES)


def _local(name: str, revision: str | None = None) -> Path | None:
    """The directory called ``name``; ``None`` if it looks like an id on the hub."""
    if not _HUB_ID.fullmatch(name):
        _no_revision(name, revision)
    path = Path(name).expanduser()
    if name and path.is_dir():
        return path.resolve()
    if path.is_file():
        raise UsageError("a model must be a directory, and this is a file", where=name)
    return None if _HUB_ID.fullmatch(name) else _unknown(name)


def _no_revision(name: str, revision: str | None) -> None:
    if revision:
        raise UsageError("only a model on Hugging Face has revisions", where=f"{name}@{revision}")


def _unknown(name: str) -> NoReturn:
    if "/" in name or name.startswith(("~", ".")):
        raise UsageError("there is no such model directory", where=name)
    raise UsageError(
        f"there is no model named {name!r}{nearest(name, reference.NAMES)}",
        hint="name a built-in (stressbench models list), a directory,"
        " or a Hugging Face id (organisation/name)",
    )


def _download(name: str, revision: str | None, patterns: Sequence[str]) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
        )
    except ImportError:
        raise SetupError(
            f"downloading {name} needs the package huggingface_hub",
            hint="pip install huggingface_hub, or name a directory with the model",
        ) from None
    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=list(patterns),
                ignore_patterns=list(_DUPLICATES),
            )
        )
    except HFValidationError as error:
        raise UsageError(f"this is not a Hugging Face id ({error})", where=name) from None
    except RepositoryNotFoundError:
        raise UsageError(
            f"Hugging Face has no model {name}, or you must log in to see it",
            hint="check the spelling; for a gated model, type: hf auth login",
        ) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise SetupError(
            f"{name} cannot be downloaded ({first})",
            hint=f"go online and type: hf download {name}; or name a local directory"
            " or a built-in (stressbench models list)",
        ) from error
