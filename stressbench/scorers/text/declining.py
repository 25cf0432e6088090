"""Whether an answer declines to answer."""

from __future__ import annotations

import re
from typing import Final

from stressbench.scorers.text.phrases import words

_ABSTENTIONS: Final = re.compile(
    r"\b(?:"
    r"(?:i|we) (?:do not|don't|cannot|can't|could not|couldn't|am not able to|am unable to|"
    r"did not|didn't|have no|am sorry)\b"
    r"|i'm (?:sorry|not sure|unable|not able)\b"
    r"|(?:is|are|was|were) not (?:mentioned|given|stated|provided|specified|available|"
    r"present|included|listed|found|known)\b"
    r"|(?:isn't|aren't|wasn't|weren't) (?:mentioned|given|stated|provided|specified|listed)\b"
    r"|(?:does not|doesn't) (?:mention|say|state|contain|provide|specify|include|give)\b"
    r"|no (?:information|mention|such|answer|code)\b"
    r"|(?:not|cannot be|can't be) (?:determined|answered|enough information)\b"
    r"|unknown\b|unanswerable\b|n/a\b|as an ai\b"
    r")",
    re.IGNORECASE,
)
_ABSTENTION_WORDS: Final = frozenset({"none", "nothing", "unknown", "no"})


def abstains(answer: str) -> bool:
    """Whether the answer declines: it says that it does not know, or that nothing is there."""
    said = words(answer)
    return bool(_ABSTENTIONS.search(answer)) or (
        0 < len(said) <= 2 and said[0] in _ABSTENTION_WORDS  # noqa: PLR2004 - "None given."
    )
