"""What masks cost: native pixel data in a retrieval and from file to file, compressed frames in a process of their own.

    python -m benchmarks.masks [--rounds N] [--frames N] [--only native | frames]

The same gateway serves the same objects with masks and without, in turns. Frames are compared with decoding and
encoding by the same codec, which is what masking costs at least where a codec must do it.
"""

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from io import BytesIO
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

from benchmarks import maskedframes
from benchmarks.client import Client
from benchmarks.processes import Running, cores, free_port, python_module, running
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.samples import FRAME_BYTES, PIXELS, ROOT, Instance, Study, large_study
from benchmarks.stacks import REPOSITORY, SECRET
from benchmarks.static_origin import Handler, Origin
from gateway.adapters.profile_files import ProfileFiles
from gateway.copying import read_chunks, rewrite_file
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from gateway.masking.driving import finishing

PLAIN, MASKED = "nominal", "masked"
CLIP, REGION, BOX = "US RGB clip 600 x 800, banner", "same, all but a region", "CT 512 x 512, corner box"
CPU_TARGET, MEMORY_TARGET_MB = 1.3, 4.0
CLIP_ROWS, CLIP_COLUMNS = 600, 800

_PROFILE: Final = """
name: masked
comment: nominal, with the masks of the benchmark
based_on: nominal
apply_masks: true
masks: [benchmark]
"""
_RULES: Final = """
name: benchmark
comment: A banner on ultrasound, a box in the corner of CT
rules:
  - name: banner
    when: {ManufacturerModelName: {equals: BANNER}}
    blank: [{x: 0, y: 0, height: 60}]
  - name: region
    when: {ManufacturerModelName: {equals: REGION}}
    keep: [{x: 100, y: 50, width: 600, height: 500}]
  - name: box
    when: {Modality: {equals: CT}}
    blank: [{x: 0, y: 0, width: 300, height: 60}]
"""
_SETTINGS: Final = """
secret: {{file: {folder}/secret}}
state: sqlite:///{folder}/state.db
profiles: {folder}/profiles
origins:
  archive: {{dicomweb: "http://127.0.0.1:{origin}/dicom-web"}}
worklists:
  nominal: {{origin: archive, profile: nominal}}
  masked: {{origin: archive, profile: masked}}
"""


@dataclass
class Measured:
    """All rounds of one worklist on one object."""

    cpu_s: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)


Results = dict[tuple[str, str], Measured]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=2048, help="of the native objects, 0.5 MiB each")
    parser.add_argument("--only", choices=("native", "frames"))
    parser.add_argument("--origin", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.origin:
        serve(options.origin, options.frames)
        return
    if options.only != "frames":
        with TemporaryDirectory(prefix="dicomveil-bench-") as name:
            write_profiles(Path(name))
            print_native("retrieval", options.frames, retrieved(Path(name), options.frames, options.rounds))
            print_native("file to file", options.frames, rewritten(Path(name), options.frames, options.rounds))
    if options.only != "native":
        maskedframes.report(options.rounds)


def write_profiles(folder: Path) -> None:
    (folder / "profiles" / "masks").mkdir(parents=True)
    (folder / "profiles" / "masked.yaml").write_text(_PROFILE, encoding="utf-8")
    (folder / "profiles" / "masks" / "benchmark.yaml").write_text(_RULES, encoding="utf-8")


def us_study(uid: str, model: str, frames: int) -> Study:
    """Make a study of one clip in red, green and blue, about as large as ``frames`` of the others."""
    whole = frames * FRAME_BYTES // (CLIP_ROWS * CLIP_COLUMNS * 3)
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.SOPClassUID = data_set.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = UID(f"{uid}.1.1")
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = uid, f"{uid}.1"
    data_set.PatientID, data_set.PatientName, data_set.StudyID = "BENCH-3", f"BENCH^{model}", "3"
    data_set.PatientBirthDate = data_set.PatientSex = data_set.AccessionNumber = ""
    data_set.StudyDate, data_set.StudyTime, data_set.Modality = "20240102", "030405", "US"
    data_set.ManufacturerModelName = model
    data_set.InstanceNumber, data_set.SeriesNumber = 1, 1
    data_set.NumberOfFrames, data_set.FrameTime = whole, 40
    data_set.Rows, data_set.Columns, data_set.SamplesPerPixel = CLIP_ROWS, CLIP_COLUMNS, 3
    data_set.PhotometricInterpretation, data_set.PlanarConfiguration = "RGB", 0
    data_set.BitsAllocated = data_set.BitsStored = 8
    data_set.HighBit, data_set.PixelRepresentation = 7, 0
    written = BytesIO()
    data_set.save_as(written, enforce_file_format=True)
    size = whole * CLIP_ROWS * CLIP_COLUMNS * 3
    pieces, rest = divmod(size, FRAME_BYTES)
    header = written.getvalue() + b"\xe0\x7f\x10\x00OB\x00\x00" + size.to_bytes(4, "little") + PIXELS[:rest]
    return Study(uid, f"{uid}.1", (Instance(data_set, header, pieces),))


def studies(frames: int) -> dict[str, Study]:
    """Return what is retrieved, by the name of its row."""
    return {
        CLIP: us_study(f"{ROOT}.3", "BANNER", frames),
        REGION: us_study(f"{ROOT}.4", "REGION", frames),
        BOX: large_study(frames),
    }


def serve(port: int, frames: int) -> None:
    """Be the origin."""
    Handler.origin = Origin(studies(frames).values())
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


@contextmanager
def gateway(folder: Path, frames: int) -> Iterator[tuple[int, Running]]:
    """Start the origin, and the gateway on the measured core; give its port and its process."""
    measured, others = cores()
    os.sched_setaffinity(0, others)
    origin, port = free_port(), free_port()
    (folder / "secret").write_bytes(SECRET)
    settings = folder / "settings.yaml"
    settings.write_text(_SETTINGS.format(folder=folder, origin=origin), encoding="utf-8")
    serving = python_module("benchmarks.masks", "--origin", str(origin), "--frames", str(frames))
    program = python_module("gateway", "serve", "--config", str(settings), "--host", "127.0.0.1", "--port", str(port))
    with (
        running(serving, origin, others, folder / "origin.log"),
        running(program, port, measured, folder / "gateway.log") as process,
    ):
        yield port, process


def retrieved(folder: Path, frames: int, rounds: int) -> Results:
    """Retrieve every object with masks and without."""
    results: Results = defaultdict(Measured)
    objects = studies(frames)
    with gateway(folder, frames) as (port, process):
        client = Client(port)
        for worklist in (PLAIN, MASKED):  # as every client does before it retrieves: this releases the studies
            client.json(f"/worklists/{worklist}/dicom-web/studies?limit=100")
        for name, study, worklist in _turns(rounds, objects):
            keys = KeyRing(SECRET, worklist)
            path = f"/worklists/{worklist}/dicom-web/studies/{keys.uid(study.uid)}"
            process.reset_peak()
            before = process.cpu_s()
            size = client.fetch(path).size
            results[worklist, name].cpu_s.append((process.cpu_s() - before) / size * 2**30)
            results[worklist, name].peak_mb.append(process.peak_mb())
        client.close()
    return results


def _turns(rounds: int, objects: Mapping[str, Study]) -> Iterator[tuple[str, Study, str]]:
    """Yield what to measure, without masks and with them: a noisy neighbour meets both."""
    for _ in range(rounds):
        for name, study in objects.items():
            for profile in (PLAIN, MASKED):
                yield name, study, profile


def rewritten(folder: Path, frames: int, rounds: int) -> Results:
    """Rewrite every object from file to file, where the system moves what stays as it is."""
    profiles = ProfileFiles([folder / "profiles", REPOSITORY / "profiles"])
    engines = {name: Engine(profiles.require(name), KeyRing(SECRET, "files")) for name in (PLAIN, MASKED)}
    results: Results = defaultdict(Measured)
    objects = studies(frames)
    for name, study in objects.items():
        with (folder / _file(name)).open("wb") as file:
            file.write(study.instances[0].header)
            for piece in repeat(PIXELS, study.instances[0].frames):
                file.write(piece)
    for name, study, profile in _turns(rounds, objects):
        source = os.open(folder / _file(name), os.O_RDONLY)
        target = os.open(folder / "out.dcm", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        before = time.process_time()
        with finishing() as finish:
            rewrite_file(read_chunks(source), source, target, engines[profile].part10(), finish)
        results[profile, name].cpu_s.append((time.process_time() - before) / study.instances[0].size * 2**30)
        os.close(source)
        os.close(target)
        if profile == MASKED:
            require_masked(folder / "out.dcm")
    return results


def require_masked(file: Path) -> None:
    """Raise RuntimeError unless the first row of the first frame begins with equal pixels: these are random."""
    with file.open("rb") as opened:
        head = opened.read(1 << 16)
    first = head.index(b"\xe0\x7f\x10\x00O") + 12
    if head[first : first + 600] != head[first : first + 2] * 300:
        raise RuntimeError("no mask was at work")


def _file(name: str) -> str:
    return f"{name.split(maxsplit=1)[0]}.dcm"


def print_native(how: str, frames: int, results: Results) -> None:
    rows, verdicts = [], []
    for name in (CLIP, REGION, BOX):
        plain, masked = (results[profile, name] for profile in (PLAIN, MASKED))
        cpu = [Samples(tuple(each.cpu_s)) for each in (plain, masked)]
        ratio = ratios(cpu[1], cpu[0])
        peaks = [max(each.peak_mb, default=0.0) for each in (plain, masked)]
        rows.append(
            [name, *(each.text() for each in cpu), ratio.text(), *(f"{peak:.1f}" if peak else "-" for peak in peaks)]
        )
        verdicts.append(verdict(f"CPU with masks, {how}, {name}", ratio.middle, CPU_TARGET))
        if peaks[0]:
            verdicts.append(verdict(f"memory with masks, {name}", peaks[1] - peaks[0], MEMORY_TARGET_MB, " MB more"))
    columns = ["object", "CPU s/GiB without", "with masks", "ratio", "peak MB without", "with masks"]
    print(table(f"native pixel data, {frames * FRAME_BYTES >> 20} MiB, {how}", columns, rows))
    print(*verdicts, sep="\n")


if __name__ == "__main__":
    main()
