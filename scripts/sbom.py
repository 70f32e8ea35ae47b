"""The list of everything that is installed with Backstory, as CycloneDX JSON, from the lock file.

Each package has its version, the hashes that the lock allows, its licence and what it needs, as
the installed package says. The same lock gives the same bytes. `--check` writes nothing. `--debian`
names a file with what dpkg says of the packages of an image, which are listed as well, and
`--output` another file to write.
"""

import argparse
import re
import sys
import uuid
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "runtime.txt"
OUT = Path("build") / "sbom.cdx.json"  # the script runs in the root of the checkout
_PACKAGE = re.compile(
    r"^(\S+)==(\S+)(?: ; .*?)?((?: \\\n +--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE
)
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_CLASSIFIED = "License :: OSI Approved :: "


def licence(found: Distribution | None) -> str | None:
    """What an installed package says of its licence."""
    if found is None:
        return None
    said = found.metadata.get_all("License-Expression") or []
    classified = [
        each.removeprefix(_CLASSIFIED)
        for each in found.metadata.get_all("Classifier") or []
        if each.startswith(_CLASSIFIED)
    ]
    plain = [each for each in found.metadata.get_all("License") or [] if len(each) < 80]
    return next(iter([*said, *classified, *plain]), None)


def installed(name: str) -> Distribution | None:
    """None for what is for another platform or Python."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def component(name: str, version: str, hashes: str) -> Component:
    found = installed(name)
    said = licence(found)
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}=={version}",
        purl=PackageURL("pypi", None, name, version),
        hashes=[HashTypeFactory().from_composite_str(each) for each in _HASH.findall(hashes)],
        licenses=[] if said is None else [LicenseFactory().make_from_string(said)],
    )


def needs(name: str) -> set[str]:
    """The names of packages that a package needs, by what it says itself."""
    found = installed(name)
    said = [Requirement(each) for each in (found.requires if found else None) or []]
    return {canonicalize_name(each.name) for each in said if "extra" not in str(each.marker)}


def debian(status: str) -> list[Component]:
    """The packages of paragraphs such as dpkg's, which are in an image besides Python's."""
    found = []
    for paragraph in status.strip().split("\n\n"):
        fields = dict(re.findall(r"^(\S+): (.*)$", paragraph, re.MULTILINE))
        name, version, of = fields["Package"], fields["Version"], fields["Architecture"]
        purl = PackageURL("deb", "debian", name, version, {"arch": of})
        kind = ComponentType.LIBRARY
        found.append(Component(name=name, version=version, type=kind, bom_ref=str(purl), purl=purl))
    return found


def bom(status: str | None = None) -> Bom:
    lock = LOCK.read_text(encoding="utf-8")
    packages = {name: component(name, *rest) for name, *rest in _PACKAGE.findall(lock)}
    version = own_version()
    whole = Component(
        name="backstory",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"backstory=={version}",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )
    others = [] if status is None else debian(status)
    named = uuid.uuid5(uuid.NAMESPACE_OID, lock + (status or ""))
    made = Bom(components=[*packages.values(), *others], serial_number=named)
    made.metadata.component = whole
    made.metadata.timestamp = None  # type: ignore[assignment] # the same lock, the same bytes
    for name, each in packages.items():
        below = [Dependency(packages[one].bom_ref) for one in needs(name) if one in packages]
        made.dependencies.add(Dependency(each.bom_ref, below))
    top = [Dependency(packages[one].bom_ref) for one in needs("backstory") if one in packages]
    made.dependencies.add(Dependency(whole.bom_ref, top))
    return made


def own_version() -> str:
    text = (ROOT / "src" / "backstory" / "__init__.py").read_text(encoding="utf-8")
    return re.findall(r'__version__ = "(.+)"', text)[0]


def asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/sbom", description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--debian", type=Path)
    parser.add_argument("--output", type=Path, default=OUT)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = asked(arguments)
    status = options.debian and options.debian.read_text(encoding="utf-8")
    made = bom(status)
    locked = set(re.findall(r"^(\S+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    missing = locked - {each.name for each in made.components}
    python = [each for each in made.components if each.purl and each.purl.type == "pypi"]
    silent = [e.name for e in python if not e.licenses and installed(e.name)]
    for name in sorted(missing):
        print(f"error: {name} is in the lock and not in the list")
    for name in silent:
        print(f"error: {name} does not say what its licence is")
    if missing or silent:
        return 1
    if options.check:
        print(f"{len(made.components)} packages, each with version, hashes and licence.")
        return 0
    out: Path = options.output
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(JsonV1Dot6(made).output_as_string(indent=1) + "\n", encoding="utf-8")
    print(f"{out}: {len(made.components)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
