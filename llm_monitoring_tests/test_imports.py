"""What importing the definitions does not load: every process of Dagster pays for it."""

import subprocess
import sys

HEAVY = ("apprise", "matplotlib", "pandas", "scipy.cluster", "scipy.optimize", "scipy.stats")


def test_the_definitions_load_nothing_heavy_that_few_runs_need() -> None:
    code = f"""
import sys
import llm_monitoring.definitions
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
