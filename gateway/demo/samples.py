"""The sample Studies of the demonstration: invented patients on pictures that are made here or come with pydicom.

Everything is deterministic. pydicom's wheel carries a few public test images; three of them are shown under the
invented names, stripped of every header they came with.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openjpeg
from numpy.typing import NDArray
from pydicom import examples
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from gateway.demo import burned, head, people, thorax
from gateway.demo.people import Examination, describe
from gateway.demo.phantom import Shorts
from gateway.demo.report import COMPREHENSIVE_SR, fill_report

VERSION = 2
INSTANCES = thorax.SLICES + head.SLICES + 6

CT, MR, CR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.1"
US_MULTIFRAME, SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.7"

Progress = Callable[[int, int], None]


def make_samples(cache: Path, progress: Progress | None = None) -> Path:
    """Return the folder of the sample Studies below ``cache``, made first if it is not there.

    ``progress`` gets files written and files to write. Takes some seconds of one core, and 15 MB.
    """
    folder = cache / f"samples-{VERSION}"
    if folder.is_dir():
        return folder
    beside = cache / f"samples-{VERSION}.part"
    shutil.rmtree(beside, ignore_errors=True)
    for done, (exam, name, data_set) in enumerate(_instances(), 1):
        path = beside / exam.folder / f"{name}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        data_set.save_as(path, enforce_file_format=True)
        if progress is not None:
            progress(done, INSTANCES)
    beside.rename(folder)
    return folder


def _instances() -> Iterator[tuple[Examination, str, Dataset]]:
    slices = []
    for index in range(thorax.SLICES):
        slices.append(thorax.thorax_slice(index))
        yield people.CT_THORAX, f"ct-{index + 1:03}", _ct_slice(index, slices[-1])
    yield people.ECHO, "us-001", _echo()
    for index, image in enumerate(head.head_volume()):
        yield people.MR_HEAD, f"mr-{index + 1:03}", _mr_slice(index, image)
    yield people.REPORT, "sr-001", _report()
    yield people.MR_ABDOMEN, "mr-001", _mr_abdomen()
    yield people.CT_HEAD, "ct-001", _ct_head()
    volume = np.stack(slices)
    yield people.CHEST, "cr-001", _chest(volume)
    yield people.CAPTURE, "sc-001", _capture(volume)


def _start(exam: Examination, sop_class: str, modality: str, number: int, description: str) -> Dataset:
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = sop_class, exam.uid("instance", str(number))
    data_set.Modality, data_set.SeriesNumber, data_set.InstanceNumber = modality, 1, number
    describe(data_set, exam)
    data_set.SeriesInstanceUID = exam.uid("series")
    data_set.SeriesDate = data_set.AcquisitionDate = data_set.ContentDate = exam.date
    data_set.SeriesTime = data_set.AcquisitionTime = data_set.ContentTime = exam.time
    data_set.SeriesDescription = description
    data_set.PerformedProcedureStepStartDate = exam.date
    data_set.PerformedProcedureStepStartTime = exam.time
    data_set.PerformedProcedureStepID = f"PPS-{exam.number}"
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.file_meta.SourceApplicationEntityTitle = f"SCANNER_{modality}"
    return data_set


def _equipment(data_set: Dataset, manufacturer: str, model: str, station: str, serial: str) -> None:
    data_set.Manufacturer, data_set.ManufacturerModelName = manufacturer, model
    data_set.StationName, data_set.DeviceSerialNumber, data_set.SoftwareVersions = station, serial, "VB4.2"


def _pixels(data_set: Dataset, image: NDArray[np.generic], bits: int, *, signed: bool = False) -> None:
    data_set.SamplesPerPixel, data_set.PhotometricInterpretation = 1, "MONOCHROME2"
    data_set.Rows, data_set.Columns = image.shape
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 16, bits, bits - 1
    data_set.PixelRepresentation = int(signed)
    data_set.PixelData = image.astype("<i2" if signed else "<u2").tobytes()
    data_set["PixelData"].VR = "OW"


def _plane(data_set: Dataset, exam: Examination, spacing: float, thickness: float, top: float, index: int) -> None:
    """An axial plane, the first of a series at height ``top``, the others below it."""
    left = -(data_set.Columns - 1) * spacing / 2
    front = -(data_set.Rows - 1) * spacing / 2
    data_set.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data_set.ImagePositionPatient = [round(left, 3), round(front, 3), round(top - index * thickness, 3)]
    data_set.PixelSpacing = [spacing, spacing]
    data_set.SliceThickness = data_set.SpacingBetweenSlices = thickness
    data_set.SliceLocation = round(top - index * thickness, 3)
    data_set.FrameOfReferenceUID, data_set.PositionReferenceIndicator = exam.uid("frame of reference"), ""
    data_set.PatientPosition = "HFS"


def _ct_slice(index: int, image: Shorts) -> Dataset:
    exam = people.CT_THORAX
    data_set = _start(exam, CT, "CT", index + 1, "Thorax/abdomen portal venous 6.0")
    _equipment(data_set, "Northlight Medical", "Aurora 64", "CT-BIRG-02", "NL64-10477")
    data_set.ProtocolName = "ThorAbd Lindqvist"
    _pixels(data_set, image.astype(np.int32) + 1024, 12)
    _plane(data_set, exam, thorax.SPACING_MM, thorax.THICKNESS_MM, 240.0, index)
    _ct_acquisition(data_set)
    data_set.ContrastBolusAgent = "Iohexol 350"
    data_set.ImageComments = f"Mrs Lindqvist, slice {index + 1}"
    return data_set


def _ct_acquisition(data_set: Dataset) -> None:
    del data_set["SpacingBetweenSlices"]
    data_set.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data_set.RescaleIntercept, data_set.RescaleSlope, data_set.RescaleType = "-1024", "1", "HU"
    data_set.WindowCenter, data_set.WindowWidth = "40", "400"
    data_set.KVP, data_set.AcquisitionNumber, data_set.XRayTubeCurrent = "120", 1, 210
    data_set.ConvolutionKernel, data_set.BodyPartExamined = "B30f", "CHEST"


def _echo() -> Dataset:
    """A clip of the beating heart that comes with pydicom, under the banner of a device."""
    exam = people.ECHO
    frames = pixel_array(examples.get_path("ybr_color"))
    data_set = _start(exam, US_MULTIFRAME, "US", 1, "Apical view, Lindqvist")
    _equipment(data_set, "Halden Ultrasound", "Vista 9", "ECHO-03", "HV9-2210")
    data_set.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    streams = burned.clip(frames, exam, "Vista 9")
    _colours(data_set, "YBR_FULL_422", 2 * frames.shape[1], 2 * frames.shape[2])
    data_set.NumberOfFrames = len(streams)
    data_set.FrameTime, data_set.FrameIncrementPointer, data_set.RecommendedDisplayFrameRate = "33.3", 0x00181063, 30
    data_set.LossyImageCompression, data_set.LossyImageCompressionMethod = "01", "ISO_10918_1"
    data_set.LossyImageCompressionRatio = round(4 * frames.nbytes / sum(map(len, streams)), 2)
    data_set.BurnedInAnnotation, data_set.HeartRate = "YES", 72
    data_set.SequenceOfUltrasoundRegions = Sequence([_sector()])
    _encapsulated(data_set, JPEGBaseline8Bit, streams)
    return data_set


def _colours(data_set: Dataset, photometric: str, rows: int, columns: int) -> None:
    data_set.SamplesPerPixel, data_set.PhotometricInterpretation, data_set.PlanarConfiguration = 3, photometric, 0
    data_set.Rows, data_set.Columns = rows, columns
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation = 8, 8, 7, 0


def _sector() -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 2
    region.RegionLocationMinX0, region.RegionLocationMinY0 = burned.SECTOR[:2]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = burned.SECTOR[2:]
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # cm
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.05
    return region


def _encapsulated(data_set: Dataset, transfer_syntax: str, streams: list[bytes]) -> None:
    data_set.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    data_set.PixelData = encapsulate(streams)
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True


def _mr_slice(index: int, image: Shorts) -> Dataset:
    exam = people.MR_HEAD
    data_set = _start(exam, MR, "MR", index + 1, "T1 SE axial")
    _equipment(data_set, "Kitano Imaging", "Sirius 3T", "MR-HOKU-1", "KS3-00871")
    _pixels(data_set, image, 12)
    _plane(data_set, exam, head.SPACING_MM, head.THICKNESS_MM, 66.0, index)
    _mr_acquisition(data_set, "600", "12")
    data_set.WindowCenter, data_set.WindowWidth, data_set.BodyPartExamined = "390", "720", "HEAD"
    return data_set


def _mr_acquisition(data_set: Dataset, repetition: str, echo: str) -> None:
    data_set.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
    data_set.ScanningSequence, data_set.SequenceVariant, data_set.ScanOptions = "SE", "NONE", ""
    data_set.MRAcquisitionType, data_set.EchoTrainLength, data_set.MagneticFieldStrength = "2D", 1, "3"
    data_set.RepetitionTime, data_set.EchoTime, data_set.FlipAngle = repetition, echo, "90"


def _report() -> Dataset:
    exam = people.REPORT
    data_set = _start(exam, COMPREHENSIVE_SR, "SR", 1, "Report")
    _equipment(data_set, "Kitano Imaging", "ReportDesk", "RIS-HOKU", "RD-118")
    for keyword in ("AcquisitionDate", "AcquisitionTime"):
        del data_set[keyword]
    image = people.MR_HEAD.uid("instance", "9")
    fill_report(data_set, exam, people.MR_HEAD, (MR, image))
    return data_set


def _mr_abdomen() -> Dataset:
    exam = people.MR_ABDOMEN
    image = pixel_array(examples.get_path("overlay"))
    data_set = _start(exam, MR, "MR", 1, "T1 FS post Gd")
    _equipment(data_set, "Kitano Imaging", "Sirius 3T", "MR-ASK", "KS3-00460")
    _pixels(data_set, image, 12)
    _plane(data_set, exam, 0.723, 5.0, 0.0, 0)
    _mr_acquisition(data_set, "4.3", "1.9")
    data_set.WindowCenter, data_set.WindowWidth, data_set.BodyPartExamined = "450", "790", "ABDOMEN"
    data_set.compress(RLELossless, generate_instance_uid=False)
    return data_set


def _ct_head() -> Dataset:
    exam = people.CT_HEAD
    path = str(get_testdata_file("J2K_pixelrep_mismatch.dcm", download=False))
    image = np.clip(pixel_array(path).astype(np.int32) + 1024, 0, 4095).astype(np.uint16)
    data_set = _start(exam, CT, "CT", 1, "Schädelbasis 1.0")
    _equipment(data_set, "Northlight Medical", "Aurora 128", "CT-NK-01", "NL128-0093")
    _pixels(data_set, image, 12)
    _plane(data_set, exam, 0.431, 1.0, 0.0, 0)
    _ct_acquisition(data_set)
    data_set.BodyPartExamined, data_set.WindowCenter, data_set.WindowWidth = "HEAD", "300", "1800"
    _encapsulated(data_set, JPEG2000Lossless, [openjpeg.utils.encode_array(image, bits_stored=12)])
    return data_set


def _chest(volume: Shorts) -> Dataset:
    exam = people.CHEST
    image = thorax.radiograph(volume)
    data_set = _start(exam, CR, "CR", 1, "Thorax PA")
    _equipment(data_set, "Northlight Medical", "Plate 2", "CR-BIRG-07", "NLP2-3301")
    data_set.ImageType = ["ORIGINAL", "PRIMARY"]
    _pixels(data_set, image, 12)
    data_set.PhotometricInterpretation = "MONOCHROME1"
    data_set.ImagerPixelSpacing = [0.6, 0.6]
    data_set.BodyPartExamined, data_set.ViewPosition, data_set.BurnedInAnnotation = "CHEST", "PA", "NO"
    data_set.WindowCenter, data_set.WindowWidth = "1700", "2600"
    return data_set


def _capture(volume: Shorts) -> Dataset:
    """The screen of a workstation that nobody has a mask for."""
    exam = people.CAPTURE
    data_set = _start(exam, SECONDARY_CAPTURE, "OT", 1, "Measurements")
    _equipment(data_set, "Northlight Medical", "ReadStation", "WS-BIRG-11", "NRS-0417")
    data_set.ConversionType, data_set.ImageType = "WSD", ["DERIVED", "SECONDARY"]
    data_set.DateOfSecondaryCapture, data_set.TimeOfSecondaryCapture = exam.date, exam.time
    screen = burned.screen(thorax.radiograph(volume), exam)
    _colours(data_set, "RGB", *screen.shape[:2])
    data_set.PixelData = screen.tobytes()
    data_set["PixelData"].VR = "OB"
    return data_set
