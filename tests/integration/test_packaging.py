"""What a user installs is complete, and can be built without Node from an sdist."""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = "mobility_examples/presenter/display/vendor"


def build(kind: str, source: Path, target: Path, **environ: str) -> Path:
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}"]
    subprocess.run(
        [*command, "--outdir", target, source], check=True, env=os.environ | environ
    )
    return next(target.glob("*.tar.gz" if kind == "sdist" else "*.whl"))


def unpack(sdist: Path, folder: Path) -> Path:
    # The tarfile of Debian 12 has no filters yet, and that of 3.12 warns without one.
    subprocess.run(["tar", "-xf", sdist, "-C", folder], check=True)
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """Built from the sdist with nothing on PATH, so neither npm nor Node."""
    folder = tmp_path_factory.mktemp("wheel")
    return ZipFile(build("wheel", unpack(sdist, folder), folder, PATH=str(folder)))


@pytest.mark.parametrize(
    ("folder", "packed_as"),
    [
        ("mobility", "mobility"),
        ("kiosk", "kiosk"),
        ("examples/presenter", "mobility_examples/presenter"),  # what the demo shows
    ],
)
def test_the_wheel_has_every_file(wheel: ZipFile, folder: str, packed_as: str) -> None:
    paths = [p for p in (ROOT / folder).rglob("*") if p.is_file()]
    expected = {
        f"{packed_as}/{path.relative_to(ROOT / folder).as_posix()}"
        for path in paths
        if "__pycache__" not in path.parts
    }
    assert expected <= set(wheel.namelist())


def test_the_presenter_is_an_app_that_an_agent_finds(wheel: ZipFile) -> None:
    (name,) = (each for each in wheel.namelist() if each.endswith("entry_points.txt"))
    points = configparser.ConfigParser()
    points.read_string(wheel.read(name).decode())
    assert dict(points["mobility.apps"]) == {
        "presenter": "mobility.cli.presenter:Presenter"
    }


@pytest.mark.parametrize("package", ["mobility", "kiosk"])
def test_the_packages_say_that_they_are_typed(wheel: ZipFile, package: str) -> None:
    assert f"{package}/py.typed" in wheel.namelist()


def test_vendored_files_are_those_of_the_manifest(wheel: ZipFile) -> None:
    files = json.loads(wheel.read(f"{VENDOR}/manifest.json"))["files"]
    for name, entry in files.items():
        content = wheel.read(f"{VENDOR}/{name}")
        assert hashlib.sha384(content).hexdigest() == entry["sha384"], name
        assert len(content) == entry["size"], name


@pytest.mark.parametrize(
    "name",
    [
        "pdf.min.mjs",
        "pdf.worker.min.mjs",
        "wasm/openjpeg.wasm",
        "wasm/jbig2.wasm",
        "wasm/qcms_bg.wasm",
        "standard_fonts/FoxitSerif.pfb",
        "cmaps/UniJIS-UTF16-H.bcmap",
    ],
)
def test_pdf_js_is_vendored_with_all_that_it_loads(wheel: ZipFile, name: str) -> None:
    files = json.loads(wheel.read(f"{VENDOR}/manifest.json"))["files"]
    assert files[name]["package"] == "pdfjs-dist"


def test_the_licences_of_vendored_code_are_there_in_full(wheel: ZipFile) -> None:
    text = wheel.read(f"{VENDOR}/THIRD_PARTY_LICENSES.txt").decode()
    for words in ("Apache License", "Redistribution and use", "Permission is hereby"):
        assert words in text


def test_a_changed_vendored_file_is_never_packed(sdist: Path, tmp_path: Path) -> None:
    source = unpack(sdist, tmp_path)
    vendored = source / "examples/presenter/display/vendor/pdf.min.mjs"
    vendored.write_bytes(b"alert('not what the lock says')")
    with pytest.raises(subprocess.CalledProcessError):  # it asks for npm instead
        build("wheel", source, tmp_path / "out", PATH=str(tmp_path))
