"""The cost of content in tokens."""

from __future__ import annotations

from stressbench.schema.metric import Metric


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
