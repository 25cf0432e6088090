"""Records with a few fields: those that were asked for are as in a whole record, no other is."""

import msgspec
import pytest
import records as make

from stressbench import store
from stressbench.errors import ResultsError, UsageError
from stressbench.store.narrow import field_type
from stressbench.store.read import full_records

FIELDS = ("case_id", "role", "variant", "pass", "quality.score", "kv.preemptions", "params")


def rows():
    probed = make.probed(make.record(0, role="dense@fp8"), routing={"experts": 8}, power=None)
    return [probed, make.record(1), msgspec.structs.replace(make.record(2), kv=None)]


def test_what_was_asked_for_is_as_in_the_whole_record(tmp_path):
    path = make.write(tmp_path / "records.jsonl", rows())
    found = [*store.records(tmp_path, (*FIELDS, "routing", "power"))]
    for row, whole in zip(found, full_records(path), strict=True):
        assert (row.case_id, row.pass_, row.params) == (whole.case_id, whole.pass_, whole.params)
        assert row.role_name == whole.role_name
        assert row.quality.score == whole.quality.score
        assert (row.kv and row.kv.preemptions) == (whole.kv and whole.kv.preemptions)
        for name in ("routing", "power"):
            assert row.sections[name] == whole.sections.get(name)


def test_what_was_not_asked_for_is_not_there(tmp_path):
    make.write(tmp_path / "records.jsonl", rows())
    (row, *_) = store.records(tmp_path, ["quality.score"])
    with pytest.raises(AttributeError):
        _ = row.quality.em
    with pytest.raises(AttributeError):
        _ = row.case_id
    assert row.sections == {}


def test_a_whole_section_and_a_field_of_it_are_the_whole_section(tmp_path):
    make.write(tmp_path / "records.jsonl", rows())
    (row, *_) = store.records(tmp_path, ["quality", "quality.score"])
    assert row.quality.scorer == "exact"


@pytest.mark.parametrize("field", ["quality.marks", "case_id.length", "a section", "power.a.b"])
def test_a_field_that_no_record_has_is_refused(tmp_path, field):
    make.write(tmp_path / "records.jsonl", rows())
    with pytest.raises(UsageError, match="no record has the field"):
        next(store.records(tmp_path, [field]))


def test_a_required_field_that_is_missing_is_damage(tmp_path):
    path = make.write(tmp_path / "records.jsonl", rows())
    path.write_bytes(path.read_bytes() + b'{"type":"case","case_id":"x"}\n')
    with pytest.raises(ResultsError, match=r"records.jsonl:8: not a record"):
        list(store.records(tmp_path, ["case_id", "quality.score"]))


def test_sections_of_probes_may_hold_anything():
    assert field_type("routing") == dict[str, object] | None
    assert msgspec.convert([1], field_type("power.joules")) == [1]
