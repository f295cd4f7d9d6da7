"""The house keeps its order: rooms know only earlier rooms, rules touch nothing, SQL lives in stores."""
import ast
import re
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "app"
GROUND = {"errors", "clock", "money", "text", "ids", "secrets", "settings", "context", "db", "schema", "installation"}
ROOMS = ("audit idempotency limits updates web programs images designs customers staff devices mail coalition ledger cards benefits "
         "segments standing referrals certificates passes registrations google sms questions card_pages enrolment posters sales imports "
         "campaigns privacy profiles push webhooks simulator sandbox offline till reports console operators demo").split()
TOP = {"main", "start", "server", "guard", "logs", "jobs", "control", "commands", "__main__"}
# These say something that every room may know: who is asking, and how a room's pages are hung up.
OPEN_TO_ALL = {"app.web.principal"}
FORBIDDEN_IN_RULES = {"asyncio", "socket", "os", "pathlib", "time", "random", "httpx2", "databases", "sqlite3", "asyncpg", "logging"}
# Rules by another name: what they say is true, they touch nothing.
PURE = {f"{name}.py" for name in (
    "sales/judging sales/judgement sales/basket sales/conditions sales/rulebook sales/discounts sales/earning sales/gifts "
    "cards/rotation_rules registrations/complaints programs/terms programs/checks programs/checks_parts programs/checks_rules "
    "programs/findings sms/wording").split()}
SQL = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s", re.MULTILINE)


def modules() -> list[Path]:
    return sorted(path for path in APP.rglob("*.py") if "versions" not in path.parts)


def room_of(path: Path) -> str:
    first = path.relative_to(APP).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(APP)))
def test_a_room_knows_only_the_rooms_before_it(path: Path) -> None:
    room = room_of(path)
    if room in TOP | {"__init__"}:
        return
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "app" or len(parts) < 2 or any(name.startswith(free) for free in OPEN_TO_ALL):
            continue
        other = parts[1]
        if other == room or other in GROUND or (room == "demo" and other in TOP):      # the demo starts a whole server
            continue
        if name == "app.web" and room != "web":
            continue
        assert other in ROOMS, f"{path.name} imports {name}: {other} is no room that a room may know"
        assert room in ROOMS and ROOMS.index(other) < ROOMS.index(room), f"{room} must not know {other} ({name})"


@pytest.mark.parametrize("path", [path for path in modules() if path.name == "rules.py" or path.relative_to(APP).as_posix() in PURE],
                         ids=lambda path: str(path.relative_to(APP)))
def test_rules_touch_no_clock_no_network_and_no_files(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert not {name.split(".")[0] for name in imported(path)} & FORBIDDEN_IN_RULES
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
    assert "datetime.now(" not in path.read_text("utf-8")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(APP)))
def test_sql_lives_in_stores_alone(path: Path) -> None:
    if "store" in path.stem or room_of(path) in {"db", "schema"}:
        return
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not [text for text in texts if SQL.match(text)], f"SQL outside a store: {path}"


def test_every_room_is_in_the_list() -> None:
    folders = {path.name for path in APP.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert folders <= set(ROOMS) | GROUND | TOP | {"templates", "locale"}
