"""Vendors what the pages take from npm, so that a built wheel needs no Node.

The files come from the packages that `frontend/package-lock.json` pins. An sdist
already carries them, and so does a checkout that was built before: then nothing
is run. They stay out of git.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EXAMPLE = "examples/presenter"
VENDOR = f"{EXAMPLE}/display/vendor"

# What pdf.js needs to show any document, per package. Left out: its scripting engine
# (a document is shown here, not run), fallbacks for browsers without WebAssembly, and
# the Liberation fonts (GPL here; pdf.js takes the system's, which Chromium recommends).
TAKEN = {
    "pdfjs-dist": (
        "build/pdf.min.mjs",
        "build/pdf.worker.min.mjs",
        "wasm/jbig2.wasm",  # scans and faxes
        "wasm/openjpeg.wasm",  # JPEG 2000
        "wasm/qcms_bg.wasm",  # colour profiles
        "iccs/*.icc",  # CMYK
        "standard_fonts/*.pfb",  # fonts that a PDF need not embed
        "cmaps/*.bcmap",  # Chinese, Japanese and Korean text
    ),
}
# pdf.js looks these up by folder; everything else lies flat beside the page.
KEEPS_FOLDER = {"wasm", "iccs", "standard_fonts", "cmaps"}
LICENCES = ("LICENSE", "wasm/LICENSE_*", "*s/LICENSE*")
UNUSED_LICENCES = ("QUICKJS", "LIBERATION")


class VendorHook(BuildHookInterface):  # type: ignore[type-arg]
    """Put the vendored files in place before anything is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        vendor(Path(self.root))
        # An editable install must read the example where it is edited, not a copy.
        if self.target_name == "wheel" and version == "standard":
            build_data["force_include"][EXAMPLE] = "mobility_examples/presenter"


def vendor(root: Path) -> None:
    """Fill the vendor folder, unless it already holds what the lock asks for."""
    target, wanted = root / VENDOR, recipe(root)
    if is_current(target, wanted):
        return
    install(root / "frontend")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    files: dict[str, dict[str, Any]] = {}
    licences: list[str] = []
    for package in TAKEN:
        source = root / "frontend/node_modules" / package
        files |= copy(package, source, target)
        licences += licence_texts(package, source)
    notice = target / "THIRD_PARTY_LICENSES.txt"
    notice.write_text("\n\n".join(licences), "utf-8")
    manifest = {"recipe": wanted, "files": files}  # last: a cut build is seen
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def recipe(root: Path) -> str:
    """A hash over everything that decides what is vendored."""
    sources = root / "frontend/package-lock.json", root / "hatch_build.py"
    return hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()


def is_current(target: Path, wanted: str) -> bool:
    """Whether the folder was made by this recipe and nothing in it has changed."""
    try:
        manifest = json.loads((target / "manifest.json").read_bytes())
        return manifest["recipe"] == wanted and all(
            sha384(target / name) == entry["sha384"]
            for name, entry in manifest["files"].items()
        )
    except (OSError, ValueError, LookupError, TypeError):
        return False


def install(frontend: Path) -> None:
    """Fetch the locked packages; the switches are in frontend/.npmrc."""
    if not (npm := shutil.which("npm")):
        raise SystemExit(
            "npm is needed to build from a checkout: `make setup` installs it"
            " (a wheel, or an sdist made by `python -m build`, needs no Node)"
        )
    subprocess.run([npm, "ci", "--loglevel=error"], cwd=frontend, check=True)


def copy(package: str, source: Path, target: Path) -> dict[str, dict[str, Any]]:
    """Copy what we take of one package; return its rows of the manifest."""
    version = json.loads((source / "package.json").read_bytes())["version"]
    rows = {}
    for path in (p for pattern in TAKEN[package] for p in found(source, pattern)):
        folder = path.parent.name if path.parent.name in KEEPS_FOLDER else "."
        copied = target / folder / path.name
        copied.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, copied)
        rows[copied.relative_to(target).as_posix()] = {
            "size": copied.stat().st_size,
            "sha384": sha384(copied),
            "package": package,
            "version": version,
        }
    return rows


def found(source: Path, pattern: str) -> list[Path]:
    """The files that a pattern names; that it names none is an error, not a gap."""
    if paths := sorted(source.glob(pattern)):
        return paths
    raise SystemExit(f"{source.name} no longer has {pattern}: see TAKEN in {__file__}")


def licence_texts(package: str, source: Path) -> list[str]:
    """The full licence texts of what we take, each under the path it came from."""
    paths = {path for pattern in LICENCES for path in source.glob(pattern)}
    return [
        f"===== {package}/{path.relative_to(source)}\n\n{path.read_text('utf-8')}"
        for path in sorted(paths)
        if not path.name.endswith(UNUSED_LICENCES)
    ]


def sha384(path: Path) -> str:
    return hashlib.sha384(path.read_bytes()).hexdigest()
