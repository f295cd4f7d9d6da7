import subprocess
import sys

import pytest

from app.__main__ import COMMANDS, main


def test_without_a_command_every_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in said] == []


def test_an_unknown_command_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strat"]) == 2
    assert "There is no command “strat”" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"python -m app {name}" in capsys.readouterr().out


# What a start may not pay for: each is imported where it is used.
HEAVY = {"alembic", "reportlab", "PIL", "babel", "phonenumbers", "openpyxl", "xlsxwriter", "prometheus_client", "argon2", "zxingcpp",
         "psycopg", "httpx2", "jwt", "sqlalchemy.ext.asyncio", "sqlalchemy.orm", "apscheduler"}


def test_naming_the_commands_imports_none_of_them() -> None:
    loaded = subprocess.run([sys.executable, "-c", "import sys, app.__main__; print(*sys.modules)"], capture_output=True, text=True,
                            check=True).stdout.split()
    assert "starlette" not in loaded
    assert "app.commands.web" not in loaded


def test_a_start_imports_nothing_heavy_that_its_first_answer_does_not_need() -> None:
    """`web` up to the application with all its routes; the jobs load their scheduler when they begin."""
    script = ("import sys; import app.commands.web, app.main; app.main.all_routes(); "
              "print(*sys.modules)")
    loaded = set(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split())
    assert sorted(loaded & HEAVY) == []
