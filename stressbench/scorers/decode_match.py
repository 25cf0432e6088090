"""Whether a text was returned exactly: decoded data, copied strings."""

from __future__ import annotations

from collections.abc import Sequence

from stressbench.errors import SuiteError
from stressbench.schema.case import Case
from stressbench.schema.results.record import Quality
from stressbench.scorers.base import ScorerParams, Scores, conclude
from stressbench.scorers.edit_distance import subsequence
from stressbench.scorers.text import strictness
from stressbench.scorers.text.phrases import SENTENCE_WORDS, bare, length
from stressbench.scorers.text.spelling import DASH


class DecodeMatch:
    """Whether the answer is the expected text, including letter case and punctuation.

    ``em`` is 1 if the answer is the text in any spelling of its characters (composed letters,
    widths, quotation marks, hyphens); quotes, white space and a full stop around it are ignored.
    ``score`` = min(1, (16 + v) / w) if the text's v words stand whole in the answer's w words,
    else 0: a short sentence around the text scores 1, an echo of the prompt does not. With L
    characters in common in order (longest common subsequence), ``precision`` = L / characters
    of the answer and ``recall`` = L / characters of the text, which tells a near miss from
    noise. Scorer parameters: ``case: false`` ignores letter case, ``strict: true`` compares
    character for character.
    """

    def check(self, expected: Sequence[str], params: ScorerParams) -> None:
        """Refuse a case without references, a blank reference, and unknown parameters."""
        if not expected or not all(text.split() for text in expected):
            raise SuiteError("the decode_match scorer needs a reference that is not empty")
        strictness.check("decode_match", params)

    def score(self, answer: str, case: Case, *, finish_reason: str | None) -> Quality:
        """Compare the characters."""
        how = strictness.of(case.scorer_params, case=True)
        said = how.text(answer)
        wanted = [how.text(text).replace(DASH, "-") for text in case.expected]
        plain = said.replace(DASH, "-")
        common = max(((subsequence(plain, text), text) for text in wanted), default=(0, ""))
        same = bool(answer.split()) and bare(plain) in set(map(bare, wanted))
        size = max(length(said), 1)
        found = [bare(text) for text in wanted if same or any(how.places(said, bare(text)))]
        marks = Scores(
            score=max(
                (min(1.0, (SENTENCE_WORDS + length(text)) / size) for text in found), default=0.0
            ),
            em=float(same),
            precision=common[0] / len(said) if said else 0.0,
            recall=common[0] / len(common[1]) if common[1] else 0.0,
            given=answer.strip() or None,
        )
        return conclude(marks, answer, case, finish_reason=finish_reason)


PLUGIN = DecodeMatch()
