"""What stands where: what importing loads, who names Dagster, who writes SQL."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import llm_monitoring
from llm_monitoring.lake import Lake

PACKAGE = Path(llm_monitoring.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
# Of Dagster's own SQLite, which the lake does not know.
OTHER_DATABASE = {"cli/showing/status.py", "defs/runs/run_retention.py"}
HEAVY = ("apprise", "matplotlib", "pandas", "scipy.cluster", "scipy.optimize", "scipy.stats")


def test_the_definitions_load_nothing_heavy_that_few_runs_need() -> None:
    code = f"""
import sys
import llm_monitoring.definitions
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_file_of_defs_names_dagster() -> None:
    files = [file for file in (PACKAGE / "defs").rglob("*.py") if file.name != "__init__.py"]
    assert files
    assert [file.name for file in files if "import dagster as dg" not in file.read_text()] == []


def test_no_room_of_pipeline_or_defs_has_more_than_nine_files() -> None:
    rooms = {file.parent for top in ("pipeline", "defs") for file in (PACKAGE / top).rglob("*.py")}
    assert rooms
    counts = {str(room): len(list(room.glob("*.py"))) for room in rooms}
    assert {room: count for room, count in counts.items() if count > 9} == {}


def test_rows_are_asked_for_by_column_and_not_in_sql() -> None:
    names = inspect.signature(Lake.rows).parameters
    assert list(names) == ["self", "name", "hours", "wanted"]


def test_sql_stands_in_the_lake_alone() -> None:
    others = [m for m in MODULES if _name(m) not in OTHER_DATABASE and "lake" not in m.parts]
    assert len(others) > 100
    found = {_name(module): [*_sql_in(ast.parse(module.read_text()))] for module in others}
    assert {name: lines for name, lines in found.items() if lines} == {}


def _name(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def _sql_in(tree: ast.Module) -> Iterator[str]:
    """Whole statements, and calls of the lake that take SQL."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.match(r"\s*(select|delete)\b.*\bfrom\b", node.value, re.DOTALL):
                yield node.value
        elif isinstance(node, ast.Call) and _is_of_lake(node):
            yield ast.unparse(node)


def _is_of_lake(call: ast.Call) -> bool:
    """A call such as `lake.run("...")` or `monitoring.lake.delete(name, "...")`."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in ("run", "delete"):
        return False
    return ast.unparse(call.func.value).rpartition(".")[2] == "lake"
