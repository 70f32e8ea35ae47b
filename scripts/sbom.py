"""The list of everything that is installed with Backstory, as CycloneDX JSON, from the lock file.

Each package has its version, the hashes that the lock allows, its licence and what it needs, as
the installed package says. The same lock gives the same bytes. `--check` writes nothing.
"""

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
OUT = ROOT / "build" / "sbom.cdx.json"
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


def bom() -> Bom:
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
    made = Bom(components=packages.values(), serial_number=uuid.uuid5(uuid.NAMESPACE_OID, lock))
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


def main(arguments: list[str]) -> int:
    made = bom()
    locked = set(re.findall(r"^(\S+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    missing = locked - {each.name for each in made.components}
    silent = [e.name for e in made.components if not e.licenses and installed(e.name)]
    for name in sorted(missing):
        print(f"error: {name} is in the lock and not in the list")
    for name in silent:
        print(f"error: {name} does not say what its licence is")
    if missing or silent:
        return 1
    if "--check" not in arguments:
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(JsonV1Dot6(made).output_as_string(indent=1) + "\n", encoding="utf-8")
        print(f"{OUT.relative_to(ROOT)}: {len(made.components)} packages")
    else:
        print(f"{len(made.components)} packages, each with version, hashes and licence.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
