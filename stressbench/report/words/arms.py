"""The arms of an experiment, as table heads and as explanations."""

from __future__ import annotations

from typing import Final

ARM_WORDS: Final = {
    "stress": "under stress",
    "isocontent": "plain twin",
    "isotoken": "plain, equal length",
    "oracle_context": "fact alone",
    "no_context": "no context",
}
ARM_MEANINGS: Final = {
    "stress": "the stressed prompt",
    "isocontent": "the same content without the stress",
    "isotoken": "plain text with as many tokens as the stressed prompt",
    "oracle_context": "only the fact and the question: the best the model can do",
    "no_context": "only the question: what the model knows or guesses",
}
