"""The model cache: what is built once, what is trusted, and what an accident leaves."""

import errno
import multiprocessing
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from stressbench.errors import SetupError
from stressbench.models import cache
from stressbench.models.cache import Recipe


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("STRESSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Builder:
    """A recipe's ``fill`` that counts how often it ran."""

    def __init__(self):
        self.runs = 0

    def __call__(self, folder, progress):
        self.runs += 1
        (folder / "config.json").write_text("{}")
        (folder / "weights").write_bytes(bytes(range(256)) * 10)

    def recipe(self, sha256="one"):
        return Recipe(name="tiny", sha256=sha256, size_bytes=4096, fill=self)


def silent(phase, fraction):
    assert 0.0 <= fraction <= 1.0


def test_a_model_is_built_once_and_then_only_verified(root):
    builder = Builder()
    folder, first = cache.obtain(builder.recipe(), silent)
    again, second = cache.obtain(builder.recipe(), silent)
    assert builder.runs == 1
    assert folder == again == root / "models" / "tiny"
    assert first == second
    assert first.size_bytes == 2562
    assert cache.is_built(builder.recipe())


def test_the_same_content_has_the_same_identity_anywhere(tmp_path, monkeypatch):
    identities = []
    for place in ("a", "b"):
        monkeypatch.setenv("STRESSBENCH_CACHE", str(tmp_path / place))
        identities.append(cache.obtain(Builder().recipe(), silent)[1].sha256)
    assert identities[0] == identities[1]


def test_a_changed_recipe_is_built_again():
    builder = Builder()
    cache.obtain(builder.recipe("one"), silent)
    assert not cache.is_built(builder.recipe("two"))
    folder, manifest = cache.obtain(builder.recipe("two"), silent)
    assert builder.runs == 2
    assert manifest.recipe_sha256 == "two"
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == ["tiny"]


def flip_a_bit(folder):
    path = folder / "weights"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def cut_short(folder):
    os.truncate(folder / "weights", 99)


def remove_a_file(folder):
    (folder / "weights").unlink()


def garble_the_manifest(folder):
    (folder / cache.MANIFEST).write_text("{")


def edit_the_manifest(folder):
    path = folder / cache.MANIFEST
    path.write_text(path.read_text().replace('"size_bytes": 2560', '"size_bytes": 2561'))


@pytest.mark.parametrize(
    "accident",
    [flip_a_bit, cut_short, remove_a_file, garble_the_manifest, edit_the_manifest],
)
def test_a_damaged_model_is_never_handed_out(accident):
    builder = Builder()
    folder, before = cache.obtain(builder.recipe(), silent)
    accident(folder)
    folder, after = cache.obtain(builder.recipe(), silent)
    assert builder.runs == 2
    assert before == after
    assert (folder / "weights").read_bytes() == bytes(range(256)) * 10


@pytest.mark.parametrize("accident", [KeyboardInterrupt, ValueError("bug")])
def test_an_interrupted_build_leaves_nothing(root, accident):
    def fill(folder, progress):
        (folder / "weights").write_bytes(b"half")
        raise accident

    recipe = Recipe(name="tiny", sha256="one", size_bytes=1, fill=fill)
    with pytest.raises((KeyboardInterrupt, ValueError)):
        cache.obtain(recipe, silent)
    assert not cache.is_built(recipe)
    assert [path for path in (root / "models").iterdir() if path.is_dir()] == []


def killed_while_building():
    def fill(folder, progress):
        (folder / "weights").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    cache.obtain(Recipe(name="tiny", sha256="one", size_bytes=1, fill=fill), silent)


def test_a_killed_build_is_cleaned_up_by_the_next(root):
    process = multiprocessing.get_context("spawn").Process(target=killed_while_building)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    left = [path.name for path in (root / "models").iterdir() if path.is_dir()]
    assert len(left) == 1
    assert left[0].endswith(".building")
    builder = Builder()
    assert not cache.is_built(builder.recipe())
    cache.obtain(builder.recipe(), silent)
    assert [path.name for path in (root / "models").iterdir() if path.is_dir()] == ["tiny"]


def test_a_build_leaves_that_of_another_model_alone(root):
    other = root / "models" / ".tiny-tokenizer.99.building"
    other.mkdir(parents=True)
    cache.obtain(Builder().recipe(), silent)
    assert other.exists()


def test_concurrent_callers_get_one_build():
    builder = Builder()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: cache.obtain(builder.recipe(), silent), range(6)))
    assert builder.runs == 1
    assert all(item == found[0] for item in found)


def test_a_full_disk_says_how_much_is_needed_and_where(root, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
    with pytest.raises(SetupError) as caught:
        cache.obtain(Builder().recipe(), silent)
    assert f"{4096 + 64 * 1024**2:,} bytes" in str(caught.value)
    assert str(root) in str(caught.value)
    assert "STRESSBENCH_CACHE" in caught.value.hint


def test_a_disk_that_fills_up_while_building_ends_in_the_same_sentence(root):
    def fill(folder, progress):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(SetupError, match="bytes of disk space"):
        cache.obtain(Recipe(name="tiny", sha256="one", size_bytes=1, fill=fill), silent)
    assert [path for path in (root / "models").iterdir() if path.is_dir()] == []


def test_a_cache_that_cannot_be_written_is_named(root):
    root.write_text("a file stands where the cache should be")
    with pytest.raises(SetupError) as caught:
        cache.obtain(Builder().recipe(), silent)
    assert str(root) in str(caught.value)
    assert "STRESSBENCH_CACHE" in caught.value.hint


def test_the_default_cache_is_the_users(monkeypatch):
    monkeypatch.setenv("STRESSBENCH_CACHE", "")
    assert cache.cache_root().name == "stressbench"
