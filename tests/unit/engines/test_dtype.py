"""Which dtype a model is served in: who may say so, in what order, and what ``auto`` becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.engines.dtype import expected_dtype, requested_dtype
from stressbench.models.reference import pair as reference
from stressbench.runner.plan.models import at_dtype
from stressbench.schema.suite.suite import EngineSpec

AVX2, AVX512 = "fpu avx2 fma", "fpu avx2 fma avx512f avx512_bf16"
NAMED = st.sampled_from(["float32", "float16", "bfloat16"])
ANY = st.one_of(st.just("auto"), NAMED)
FLAGS = st.sampled_from([None, AVX2, AVX512, ""])


def spec(dtype: str, **args: object) -> EngineSpec:
    return EngineSpec(dtype=dtype, args=args)


@given(dtype=ANY, given=st.none() | NAMED, own=st.none() | NAMED, pinned=NAMED, flags=FLAGS)
def test_the_nearest_word_wins_and_the_pin_is_the_furthest(
    dtype: str, given: str | None, own: str | None, pinned: str, flags: str | None
) -> None:
    engine = at_dtype(EngineSpec(dtype=dtype), pinned)
    told = requested_dtype(engine, {"dtype": given}, {"dtype": own}, flags=flags)
    said = [own, given, dtype if dtype != "auto" else None, pinned]
    assert told == next(each for each in said if each)


@given(config=st.fixed_dictionaries({}, optional={"dtype": NAMED}), flags=FLAGS)
def test_a_pinned_model_is_served_alike_on_every_cpu(config, flags) -> None:
    for name in reference.NAMES:
        engine = at_dtype(EngineSpec(), reference.DTYPES[name])
        assert expected_dtype(engine, config=config, flags=flags) == "float32"


@pytest.mark.parametrize(
    ("config", "flags", "dtype"),
    [
        ({"dtype": "float32"}, AVX512, "bfloat16"),
        ({"dtype": "float32"}, None, "bfloat16"),
        ({"dtype": "float32"}, AVX2, "float32"),
        ({"dtype": "bfloat16"}, AVX2, "float32"),
        ({"dtype": "float16"}, AVX512, "float16"),
        ({"torch_dtype": "torch.float16"}, None, "float16"),
        ({}, AVX512, None),
        ({}, AVX2, "float32"),
    ],
)
def test_left_to_itself_an_engine_goes_by_the_model_and_the_device(config, flags, dtype) -> None:
    assert expected_dtype(EngineSpec(), config=config, flags=flags) == dtype


def test_other_names_of_a_dtype_are_the_recorded_one() -> None:
    assert requested_dtype(spec("auto"), {"dtype": "half"}, flags=AVX512) == "float16"
    assert requested_dtype(spec("float"), flags=None) == "float32"
    assert requested_dtype(spec("torch.bfloat16"), flags=None) == "bfloat16"


def test_an_engine_that_names_its_dtype_keeps_it() -> None:
    named = spec("bfloat16", block_size=32)
    assert at_dtype(named, "float32") is named
    assert at_dtype(EngineSpec(), None) == EngineSpec()
    assert at_dtype(EngineSpec(kv_blocks=7), "float32") == replace(
        EngineSpec(kv_blocks=7), dtype="float32"
    )
