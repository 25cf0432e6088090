"""A child process may crash, hang or exhaust memory; its parent gets a sentence and continues."""

from __future__ import annotations

import pytest

from stressbench.errors import SetupError
from stressbench.survey.isolation import Isolated, UnfinishedError

TARGET = "tests.unit.survey.served:behave"


def test_answers_progress_and_lives_on():
    heard = []
    with Isolated(TARGET) as child:
        first = child.call({"do": "answer", "say": "a\u2028b"}, heard.append)
        second = child.call({"do": "answer"}, heard.append)
    assert first["said"] == "a\u2028b"
    assert first["pid"] == second["pid"]
    assert heard == [1, 1]


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("crash", "crashed with SIGSEGV"),
        ("exit", "exit code 7"),
        ("memory", "ran out of memory"),
        ("panic", "BaseException: native code gave up"),
    ],
)
def test_a_failure_is_a_sentence_and_the_next_call_works(deed, said):
    with Isolated(TARGET) as child:
        with pytest.raises(UnfinishedError, match=said):
            child.call({"do": deed})
        assert child.call({"do": "answer", "say": 1})["said"] == 1


def test_silence_is_ended():
    with Isolated(TARGET, silence_s=0.3) as child:
        with pytest.raises(UnfinishedError, match=r"reported nothing for 0\.3 s"):
            child.call({"do": "hang"})
        assert child._child is None


def test_errors_of_the_tree_arrive_whole():
    with Isolated(TARGET) as child, pytest.raises(SetupError) as caught:
        child.call({"do": "setup"})
    assert str(caught.value) == "here: nothing there"
    assert caught.value.hint == "install it"


@pytest.mark.parametrize("deed", ["answer", "setup", "panic"])
def test_work_ahead_gives_no_answer_and_no_error(deed):
    with Isolated(TARGET) as child:
        child.warm_up({"do": deed, "say": "unasked"})
        assert child.call({"do": "answer", "say": "asked"})["said"] == "asked"


def test_a_child_that_dies_ahead_is_a_finding_of_the_call():
    with Isolated(TARGET) as child:
        child.warm_up({"do": "crash"})
        with pytest.raises(UnfinishedError, match="SIGSEGV"):
            child.call({"do": "answer", "say": 1})
        assert child.call({"do": "answer", "say": 1})["said"] == 1
