"""Which MongoDB-compatible server is taken, and how secantusd-rs is built."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path
from shutil import which

import pytest

from tokenswitch_dev.stack import mongo
from tokenswitch_dev.stack.mongo import LOCAL_MONGO, EmbeddedMongo, mongo_program
from tokenswitch_dev.stack.process import StartFailed, free_port

ROOT = Path(__file__).resolve().parents[3]
EMBEDDED = f"embedded (SecantusDB {metadata.version('secantusdb')})"
BUILT = "#!/bin/sh\necho secantusd-rs 0.5.3\necho source: crates.io\n"


def program(folder: Path, script: str = BUILT) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "secantusd-rs"
    path.write_text(script)
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing built yet, whatever this machine has."""
    monkeypatch.setattr(mongo, "TOOLS", tmp_path / "tools")
    return tmp_path / "tools"


def test_without_secantusd_rs_the_embedded_one_is_taken(tmp_path: Path) -> None:
    assert mongo_program({"PATH": str(tmp_path)}).name == EMBEDDED


@pytest.mark.parametrize("folder", ["tools", "path"])
def test_secantusd_rs_is_taken_where_it_is_with_its_version_in_one_line(tmp_path: Path, folder: str) -> None:
    path = program(tmp_path / folder)
    taken = mongo_program({"PATH": str(tmp_path / "path")})
    assert (taken.command, taken.name) == ((str(path),), "secantusd-rs 0.5.3")


def test_the_setting_chooses(tools: Path) -> None:
    program(tools)
    assert mongo_program({LOCAL_MONGO: "embedded"}).name == EMBEDDED
    assert mongo_program({LOCAL_MONGO: "secantusd-rs"}).name == "secantusd-rs 0.5.3"


def test_one_that_is_chosen_but_not_there_says_how_to_build_it() -> None:
    with pytest.raises(StartFailed, match="make mongo"):
        mongo_program({LOCAL_MONGO: "secantusd-rs"})


def test_an_unknown_choice_says_which_there_are() -> None:
    with pytest.raises(StartFailed, match="LOCAL_MONGO=mongod: there are embedded and secantusd-rs"):
        mongo_program({LOCAL_MONGO: "mongod"})


def test_one_that_does_not_run_says_so(tools: Path) -> None:
    path = program(tools, "#!/bin/sh\nexit 127\n")
    with pytest.raises(StartFailed, match=f"{path} does not run .* by `make mongo`"):
        mongo_program({})


def test_each_keeps_data_of_its_own(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOCAL_MONGO, raising=False)
    EmbeddedMongo(tmp_path, free_port()).prepare()
    program(tools)
    assert EmbeddedMongo(tmp_path, free_port()).program.name == EMBEDDED, "it goes on with its data"
    monkeypatch.setenv(LOCAL_MONGO, "secantusd-rs")
    chosen = EmbeddedMongo(tmp_path, free_port())
    chosen.prepare()
    assert str(tmp_path / "data") not in chosen.command()
    monkeypatch.delenv(LOCAL_MONGO)
    assert EmbeddedMongo(tmp_path, free_port()).program.name == "secantusd-rs 0.5.3"


@pytest.mark.parametrize("there", [(), ("cargo", "cmake")])
def test_make_mongo_says_what_is_missing(tmp_path: Path, there: tuple[str, ...]) -> None:
    for name in there:
        (tmp_path / name).touch(0o755)
    make = which("make")
    assert make is not None
    said = subprocess.run([make, "mongo"], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    missing = " ".join(name for name in ("cargo", "cmake", "c++") if name not in there)
    assert said.returncode == 2
    assert f"not here: {missing}. Install them first." in said.stdout
