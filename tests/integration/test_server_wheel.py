"""An installed package can start the server: its files are in the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path


def test_the_lua_modules_and_templates_are_in_the_wheel(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=root,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    server = root / "mobility" / "server"
    wanted = [path for path in server.rglob("*") if path.suffix in (".lua", ".in")]
    assert len(wanted) >= 4
    assert names >= {str(path.relative_to(root)) for path in wanted}
    assert "mobility/server/lua/README.md" in names
