"""The file itself: data that cannot become code, a policy that names every script."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import msgspec
import records as make
from hypothesis import given
from hypothesis import strategies as st

import stressbench.report.page
from stressbench.report.model.page.gather import page
from stressbench.report.page.write import SCRIPTS, embedded, render

ASSETS = Path(stressbench.report.page.__file__).parent / "assets"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_embedded_data_holds_no_markup_and_reads_back_the_same(text):
    written = embedded({"text": text})
    assert not set(written) & set("<>&\u2028\u2029")
    assert msgspec.json.decode(written) == {"text": text}


def test_the_policy_allows_exactly_the_inlined_scripts(tmp_path):
    html = render(page([make.write(tmp_path / "records.jsonl", [make.record(0)])]))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert len(scripts) == len(SCRIPTS)
    allowed = re.search(r"script-src ([^;]+);", policy)[1].split()
    assert allowed == [f"'sha256-{each}'" for each in hashes]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert html.count("<script") == len(SCRIPTS) + 1


def test_a_title_from_a_file_is_escaped(tmp_path):
    file = make.write(
        tmp_path / "records.jsonl", [make.record(0)], run=make.header(suite="</title><script>")
    )
    html = render(page([file]))
    assert "</title><script>" not in html
    assert "&lt;/title&gt;&lt;script&gt;" in html


def test_no_script_makes_markup_or_code_of_text():
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(")
    for script in ASSETS.glob("*.js"):
        assert not [word for word in forbidden if word in script.read_text("utf-8")], script.name


def test_vendored_files_are_the_published_ones():
    listed = re.findall(
        r"\| `([\w.]+)` \|[^|]+\| `(\w{64})` \|", (ASSETS / "vendor/README.md").read_text()
    )
    assert sorted(name for name, _ in listed) == sorted(f.name for f in ASSETS.glob("vendor/*.js"))
    for name, digest in listed:
        content = (ASSETS / "vendor" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert b"</script" not in content.lower()
