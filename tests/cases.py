"""One case and its request, for tests that need any."""

from __future__ import annotations

from stressbench.schema.case import Case, Request

CASE = Case(
    case_id="niah/stress/b64/i0",
    item_id="niah/i0",
    cluster_id="niah/i0",
    twin_of="niah/isocontent/b64/i0",
    prompt_class="niah",
    label="niah",
    params={"budget": 64, "depth": 0.5},
    arm="stress",
    seed=1,
    text="x" * 100,
    content_ids=tuple(range(50)),
    segments=(),
    expected=("1",),
    scorer="exact_match",
    max_tokens=8,
    content_sha256="c",
)
REQUEST = Request(
    role="dense",
    case=CASE,
    prompt_token_ids=tuple(range(64)),
    prompt_sha256="p",
    spans=(),
    template_tokens=14,
    control_tokens=39,
    retok_drift=0,
    cache_salt="s",
)
