"""`make env` says one line a step; what the installer said is seen when it fails, and then whole."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "dev" / "environment.py"
INSTALLER = """#!/bin/sh
echo "Collecting everything"
echo "a warning" >&2
exit {code}
"""


@pytest.fixture
def environment(tmp_path: Path) -> Callable[[int], Callable[[], None]]:
    """dev/environment.py with an installer that ends so."""

    def ending(code: int) -> Callable[[], None]:
        python = tmp_path / "bin" / "python"
        python.parent.mkdir()
        python.write_text(INSTALLER.format(code=code))
        python.chmod(0o755)
        module = runpy.run_path(str(SCRIPT))
        main: Callable[[], None] = module["main"]
        main.__globals__["VENV"] = tmp_path
        return main

    return ending


def test_a_step_is_a_line(environment: Callable[[int], Callable[[], None]], capsys: pytest.CaptureFixture[str]) -> None:
    main = environment(0)
    main()
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Python environment: installing 1") and first.endswith(" ...")
    assert second == "Python environment: installing Tokenswitch itself ..."
    main()
    assert capsys.readouterr().out == "", "nothing changed: nothing is done"


def test_when_it_fails_all_that_the_installer_said_is_seen(
    environment: Callable[[int], Callable[[], None]], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="the reason is above"):
        environment(1)()
    assert "Collecting everything\na warning\n" in capfd.readouterr().out
