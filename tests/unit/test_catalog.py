from __future__ import annotations

import pytest

from stressbench import catalog
from stressbench.errors import UsageError


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_every_plug_in_loads_and_says_what_it_is(kind: catalog.PluginKind) -> None:
    for name in catalog.names(kind):
        assert catalog.load(kind, name) is not None
        assert catalog.summary(kind, name), name


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'niah'"):
        catalog.load("prompts", "naih")


def test_private_modules_and_bases_are_no_plug_ins() -> None:
    for kind in catalog.KINDS:
        assert not [n for n in catalog.names(kind) if n.startswith("_") or n == "base"]
