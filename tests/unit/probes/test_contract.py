"""What every probe promises, whichever it is."""

from __future__ import annotations

from typing import cast

import pytest

from stressbench import catalog
from stressbench.clock import Clock
from stressbench.errors import SuiteError
from stressbench.probes.base import Probe, ProbeSetup, check_capture, check_section
from stressbench.schema.results.run import Reading
from tests.cases import REQUEST
from tests.served import NoEngine

NAMES = catalog.names("probes")


def kind_of(name: str) -> type[Probe]:
    return cast("type[Probe]", catalog.load("probes", name))


@pytest.mark.parametrize("name", NAMES)
def test_it_fills_a_section_that_a_record_can_hold_and_says_what_it_is(name: str) -> None:
    kind = kind_of(name)
    check_section(kind, name, {})
    check_capture(kind, name)
    assert isinstance(kind.telemetry_pass, bool)
    assert catalog.summary("probes", name)


@pytest.mark.parametrize("name", NAMES)
def test_no_parameters_are_enough_and_unknown_ones_are_refused(name: str) -> None:
    kind_of(name).check({})
    with pytest.raises(SuiteError):
        kind_of(name).check({"no such parameter": 1})


@pytest.mark.parametrize("name", [n for n in NAMES if kind_of(n).capture is None])
async def test_what_it_does_not_know_is_null_with_a_reason(name: str) -> None:
    written: list[Reading] = []
    setup = ProbeSetup(role="dense", params={}, clock=Clock(), write=written.append)
    probe = kind_of(name)(setup)  # type: ignore[call-arg]
    await probe.start(NoEngine())
    await probe.sent("a", REQUEST)
    await probe.sent("b", REQUEST)
    findings = [await probe.finished(key, ok=key == "a") for key in ("b", "a")]
    await probe.stop()
    for finding in findings:
        if finding.fields is None:
            assert finding.why_null[""]
            continue
        missing = {field for field, value in finding.fields.items() if value is None}
        assert missing == set(finding.why_null)
    assert {(reading.probe, reading.role) for reading in written} <= {(name, "dense")}
