"""The calibration text: five kinds, the same on every machine, exactly as many tokens."""

import hashlib
import json

import pytest

from stressbench.models.reference import calibration


def words(text):
    return [len(word) for word in text.split()]


@pytest.mark.parametrize("kind", calibration.KINDS)
def test_text_follows_the_seed_alone(kind):
    one = calibration.text(kind, 1, 3000)
    assert one == calibration.text(kind, 1, 3000)
    assert one != calibration.text(kind, 2, 3000)
    assert len(one) >= 3000
    assert calibration.text(kind, 1, 9000).startswith(one)


def test_text_is_the_same_on_every_machine():
    whole = "".join(calibration.text(kind, 2022, 5000) for kind in calibration.KINDS)
    assert hashlib.sha256(whole.encode()).hexdigest() == (
        "75393666e937d82d08ff4f26a4dc11df9b6d7870a15abd3b59c5dcf74d1d0f33"
    )


@pytest.mark.parametrize("kind", calibration.KINDS)
def test_sequences_have_exactly_the_asked_size(kind):
    sequences = calibration.sequences(kind, words, 3, (4, 50))
    assert [len(sequence) for sequence in sequences] == [50] * 4


def test_json_is_json():
    decoder, text, position, documents = json.JSONDecoder(), calibration.text("json", 5, 4000), 0, 0
    while position < len(text.rstrip()):
        _, end = decoder.raw_decode(text, position)
        position = end + 1
        documents += 1
    assert documents > 3
