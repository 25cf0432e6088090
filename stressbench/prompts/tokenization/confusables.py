"""Latin letters replaced by look-alikes of other scripts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from stressbench.prompts.base import Condition, PromptOutline
from stressbench.prompts.material.respelling import RATE, disguise_traits, disguised
from stressbench.schema.suite.suite import Arm

_LOOK_ALIKES: Final = {
    **dict(zip("ABCEHIJKMOPSTXY", "\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c"
               "\u041e\u0420\u0405\u0422\u0425\u04ae", strict=True)),
    **dict(zip("acdehijlopqsvwxy", "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u04cf\u043e"
               "\u0440\u051b\u0455\u0475\u051d\u0445\u0443", strict=True)),
}  # fmt: skip
"""Latin to Cyrillic, from Unicode's confusables (UTS 39, section 4)."""


class Confusables:
    """Latin letters replaced by Cyrillic look-alikes (Unicode Technical Standard 39).

    No normalisation form undoes this; only the standard's skeleton does. Digits stay as they
    are, so a model can copy the value even from a text that it cannot read.
    """

    traits = disguise_traits(RATE)

    def outlines(self, condition: Condition) -> Mapping[Arm, PromptOutline]:
        """Outline the disguised context, the plain context, and plain prose of equal length."""
        return disguised(condition, name="confusables", spell=confuse)


def confuse(text: str, rate: float, rng: random.Random) -> str:
    """Replace each letter that has a look-alike with probability ``rate``."""
    return "".join(
        _LOOK_ALIKES[char] if char in _LOOK_ALIKES and rng.random() < rate else char
        for char in text
    )


PLUGIN = Confusables()
