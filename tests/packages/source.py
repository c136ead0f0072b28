"""The sources as they were when the run began, and the packages made of them. What somebody edits meanwhile is the next
run's affair."""

import os
import pathlib
import shutil
import subprocess

import folder

SOURCE = folder.KEPT / "source"
DIST = folder.KEPT / "dist"


def freeze(target):
    """Copies the sources, what git does not know yet too, with their times: cargo builds again only what has changed."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=folder.TOP, stdout=subprocess.PIPE, check=True).stdout.decode()
    wanted = {name for name in listed.split("\0") if name and (folder.TOP / name).is_file()}
    for path in target.rglob("*"):
        if path.is_file() and str(path.relative_to(target)) not in wanted:
            path.unlink()
    for name in wanted:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder.TOP / name, target / name, follow_symlinks=False)
    return target


def built(source, target):
    """Two releases of each kind from one build, as an upgrade from the build before. Returns their bytes by name."""
    date = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=folder.TOP, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def step(*words, **environment):
        environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "SOURCE_DATE_EPOCH": date, **environment}
        done = subprocess.run(words, cwd=source, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}")

    shutil.rmtree(source / "dist", ignore_errors=True)
    # All of them together, so that what they share is built once.
    step("packaging/tools", "cargo-auditable", "cargo-deb", "cargo-generate-rpm")
    step("packaging/build", "deb", "rpm")
    for release in ("1", "2"):
        step("packaging/deb/build", release, TWINLOCK_STAGED="1")
        step("packaging/rpm/build", release, TWINLOCK_STAGED="1")
    return {path.name: path.read_bytes() for path in (source / "dist").iterdir() if path.suffix in (".deb", ".rpm")}


def build():
    """The packages that the scenes install, in `DIST`."""
    packages = built(freeze(SOURCE), folder.KEPT.parent)
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    for name, content in packages.items():
        (DIST / name).write_bytes(content)


def differing(everything):
    """The same sources, packed again; with `everything`, compiled again elsewhere too. Returns the names of the packages, and of
    those whose bytes are others."""
    if everything:
        again = folder.KEPT / "again"
        shutil.rmtree(again, ignore_errors=True)
        packages = built(shutil.copytree(SOURCE, again / "source", ignore=shutil.ignore_patterns("dist")), again / "target")
        shutil.rmtree(again)
    else:
        packages = built(SOURCE, folder.KEPT.parent)
    before = {path.name: path.read_bytes() for path in DIST.iterdir()}
    return sorted(before), sorted(name for name in before.keys() | packages.keys() if before.get(name) != packages.get(name))


def one(pattern):
    found = sorted(DIST.glob(pattern))
    if len(found) != 1:
        raise RuntimeError(f"{pattern}: {found}")
    return found[0]
