"""The cost of content in tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stressbench.schema.metric import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _ended_at_limit(reasons: NDArray[np.object_]) -> NDArray[np.float64]:
    import numpy as np

    return np.array([np.nan if each is None else each == "length" for each in reasons], np.float64)


class TokenMetrics:
    """How many tokens the content takes, in the prompt and in the answer."""

    metrics = (
        Metric(
            name="tokens.prompt",
            summary="prompt tokens, chat template included",
            unit="tokens",
            better="lower",
            paths=("tokens.prompt",),
            of="all",
            headlines=("mean",),
        ),
        Metric(
            name="tokens.output",
            summary="generated tokens",
            unit="tokens",
            better="neither",
            paths=("tokens.output",),
            headlines=("mean",),
        ),
        Metric(
            name="tokens.output_cut",
            summary="share of answers that ended at the answer limit, right or wrong",
            unit="fraction",
            better="lower",
            paths=("output.finish_reason",),
            formula=_ended_at_limit,
            span=1.0,
        ),
        Metric(
            name="tokens.inflation",
            summary="prompt tokens over those of the benign twin, template excluded",
            unit="ratio",
            better="lower",
            paths=("tokens.inflation",),
            of="all",
            headlines=("mean",),
        ),
        Metric(
            name="tokens.bytes_per_token",
            summary="UTF-8 bytes of the message per content token",
            unit="bytes/token",
            better="higher",
            paths=("tokens.bytes_per_token",),
            of="all",
        ),
    )


PLUGIN = TokenMetrics
