"""One invented patient's objects of every common kind, complete enough to be used: what must not be broken.

``dciodvfy`` finds no error in them. Every attribute that ``needed.yaml`` lists is in the object of its modality.
"""

from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from typing import Any, Final

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

ROOT: Final = "1.2.826.0.1.3680043.8.498.77"
STUDY: Final = f"{ROOT}.1"
FRAME_OF_REFERENCE: Final = f"{ROOT}.3"
CT_CLASS: Final = "1.2.840.10008.5.1.4.1.1.2"
MR_CLASS: Final = "1.2.840.10008.5.1.4.1.1.4"
STRUCTURES: Final = "1.2.840.10008.5.1.4.1.1.481.3"
PLAN: Final = "1.2.840.10008.5.1.4.1.1.481.5"

Values = dict[str, Any]


@cache
def clinical(modality: str) -> bytes:
    """Write the object of a modality as a Part 10 file."""
    values = _common(modality) | BUILDERS[modality]()
    data_set = _data_set(values)
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written = BytesIO()
    dcmwrite(written, data_set, enforce_file_format=True)
    return written.getvalue()


def _data_set(values: Mapping[str, Any]) -> Dataset:
    data_set = Dataset()
    for keyword, value in values.items():
        items = isinstance(value, list) and value and isinstance(value[0], dict)
        if value is not None:
            setattr(data_set, keyword, [_data_set(item) for item in value] if items else value)
    return data_set


def instance(modality: str) -> str:
    """Give the SOP Instance UID of the object of a modality, for references to it."""
    return f"{ROOT}.9.{list(BUILDERS).index(modality) + 1}"


def series(modality: str) -> str:
    """Give its Series Instance UID."""
    return f"{ROOT}.2.{list(BUILDERS).index(modality) + 1}"


def _common(modality: str) -> Values:
    """Make the modules that every composite object has (PS3.3 Section A.1.4)."""
    return {
        "SpecificCharacterSet": "ISO_IR 100",
        "InstanceCreationDate": "20240312",
        "InstanceCreationTime": "091500",
        "SOPInstanceUID": UID(instance(modality)),
        "StudyDate": "20240312",
        "StudyTime": "090000",
        "SeriesDate": "20240312",
        "SeriesTime": "090500",
        "AccessionNumber": "ACC-77-0815",
        "Manufacturer": "Northlight Medical",
        "ManufacturerModelName": "Aurora 64",
        "InstitutionName": "Example General Hospital",
        "StationName": "STATION-12",
        "DeviceSerialNumber": "SN-4711-A",
        "SoftwareVersions": "VB4.2",
        "ReferringPhysicianName": "Muster^Max",
        "StudyDescription": "Follow-up of Mrs Beispiel",
        "SeriesDescription": "Series of Mrs Beispiel",
        "PatientName": "Beispiel^Erika",
        "PatientID": "MRN-0815",
        "PatientBirthDate": "19611105",
        "PatientSex": "F",
        "PatientAge": "062Y",
        "PatientSize": "1.68",
        "PatientWeight": "71.5",
        "StudyInstanceUID": UID(STUDY),
        "SeriesInstanceUID": UID(series(modality)),
        "StudyID": "S77",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
    }


def _code(value: str, scheme: str, meaning: str) -> list[Values]:
    return [{"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}]


def _reference(sop_class: str, modality: str, **more: Any) -> Values:
    return {"ReferencedSOPClassUID": UID(sop_class), "ReferencedSOPInstanceUID": UID(instance(modality))} | more


def _pixels(bits: int = 16, *, signed: bool = False, frames: int = 0, color: bool = False) -> Values:
    """Make the Image Pixel Module of an 8 x 8 picture (PS3.3 Section C.7.6.3)."""
    samples = 3 if color else 1
    allocated = 16 if bits > 8 else 8
    values: Values = {
        "SamplesPerPixel": samples,
        "PhotometricInterpretation": "RGB" if color else "MONOCHROME2",
        "Rows": 8,
        "Columns": 8,
        "BitsAllocated": allocated,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(signed),
        "PixelData": bytes(range(64)) * (samples * (allocated // 8) * max(frames, 1)),
    }
    if color:
        values["PlanarConfiguration"] = 0
    if frames:
        values["NumberOfFrames"] = frames
    return values


def _plane() -> Values:
    """Make the Image Plane and Frame of Reference Modules (PS3.3 Sections C.7.4.1 and C.7.6.2)."""
    return {
        "FrameOfReferenceUID": UID(FRAME_OF_REFERENCE),
        "PositionReferenceIndicator": "XY",
        "PatientPosition": "HFS",
        "ImagePositionPatient": ["-120.5", "-118.25", "42.75"],
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
        "PixelSpacing": ["0.78125", "0.78125"],
        "SliceThickness": "2.5",
        "SliceLocation": "42.75",
    }


def _acquired() -> Values:
    return {
        "AcquisitionDate": "20240312",
        "AcquisitionTime": "100530",
        "ContentDate": "20240312",
        "ContentTime": "100600",
        "AcquisitionNumber": 3,
    }


def _anatomy() -> Values:
    return {
        "BodyPartExamined": "CHEST",
        "AnatomicRegionSequence": _code("51185008", "SCT", "Chest"),
    }


def _ct() -> Values:
    return {
        "SOPClassUID": UID(CT_CLASS),
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "RescaleType": "HU",
        "WindowCenter": ["40", "-600"],
        "WindowWidth": ["400", "1500"],
        "WindowCenterWidthExplanation": ["SOFT", "LUNG"],
        "KVP": "120",
        "XRayTubeCurrent": 210,
        "ExposureTime": 500,
        "Exposure": 105,
        "ConvolutionKernel": "B30f",
        "GantryDetectorTilt": "0",
        "TableHeight": "151",
        "RotationDirection": "CW",
        "DataCollectionDiameter": "500",
        "ReconstructionDiameter": "400",
        "SpiralPitchFactor": 1.2,
        "CTDIvol": 7.5,
        "FilterType": "BODY",
        "ScanOptions": "HELICAL MODE",
        "ContrastBolusAgent": "Iohexol 350",
        "ContrastBolusAgentSequence": _code("109218008", "SCT", "Iohexol"),
        "ContrastBolusVolume": "90",
        "ContrastBolusRoute": "IV",
        "ContrastFlowRate": "3.5",
    } | _pixels(12) | _plane() | _acquired() | _anatomy()  # fmt: skip


def _mr() -> Values:
    return {
        "SOPClassUID": UID(MR_CLASS),
        "Modality": "MR",
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "SE"],
        "ScanningSequence": ["SE", "IR"],
        "SequenceVariant": "SK",
        "ScanOptions": "FS",
        "SequenceName": "*se2d1",
        "MRAcquisitionType": "2D",
        "RepetitionTime": "600",
        "EchoTime": "12",
        "EchoTrainLength": 1,
        "InversionTime": "220",
        "FlipAngle": "90",
        "MagneticFieldStrength": "3",
        "ImagingFrequency": "123.2",
        "ImagedNucleus": "1H",
        "EchoNumbers": 1,
        "NumberOfAverages": "2",
        "PixelBandwidth": "130",
        "PercentSampling": "100",
        "InPlanePhaseEncodingDirection": "ROW",
        "AcquisitionMatrix": [0, 256, 192, 0],
        "SpacingBetweenSlices": "3",
        "SAR": "0.8",
        "dBdt": "0",
        "WindowCenter": "390",
        "WindowWidth": "720",
    } | _pixels(12) | _plane() | _acquired() | _anatomy() | {"BodyPartExamined": "HEAD"}  # fmt: skip


def _pt() -> Values:
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.128"),
        "Modality": "PT",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "Units": "BQML",
        "CountsSource": "EMISSION",
        "SeriesType": ["WHOLE BODY", "IMAGE"],
        "NumberOfSlices": 100,
        "CorrectedImage": ["DECY", "ATTN", "SCAT", "NORM"],
        "RandomsCorrectionMethod": "DLYD",
        "AttenuationCorrectionMethod": "CT-derived",
        "ScatterCorrectionMethod": "Monte Carlo",
        "DecayCorrection": "START",
        "ReconstructionMethod": "OSEM 3i 24s",
        "CollimatorType": "NONE",
        "RescaleIntercept": "0",
        "RescaleSlope": "1.75",
        "FrameReferenceTime": "1500.5",
        "ActualFrameDuration": 120000,
        "DecayFactor": "1.0325",
        "DoseCalibrationFactor": "1",
        "ScatterFractionFactor": "0.3",
        "ImageIndex": 7,
        "AcquisitionDate": "20240313",
        "AcquisitionTime": "000530",
        "PatientOrientationCodeSequence": [
            _code("102538003", "SCT", "recumbent")[0]
            | {"PatientOrientationModifierCodeSequence": _code("40199007", "SCT", "supine")}
        ],
        "PatientGantryRelationshipCodeSequence": _code("102540008", "SCT", "headfirst"),
        "RadiopharmaceuticalInformationSequence": [
            {
                "Radiopharmaceutical": "Fluorodeoxyglucose",
                "RadiopharmaceuticalVolume": "3",
                "RadiopharmaceuticalStartTime": "230500",
                "RadiopharmaceuticalStartDateTime": "20240312230500",
                "RadionuclideTotalDose": "350000000",
                "RadionuclideHalfLife": "6586.2",
                "RadionuclidePositronFraction": "0.967",
                "RadionuclideCodeSequence": _code("77004003", "SCT", "^18^Fluorine"),
                "RadiopharmaceuticalCodeSequence": _code("35321007", "SCT", "Fluorodeoxyglucose F^18^"),
            }
        ],
        "WindowCenter": "10000",
        "WindowWidth": "20000",
    } | _pixels(16, signed=True) | _plane() | _anatomy() | {
        "PatientPosition": None,  # the code sequence says it (PS3.3 Section C.7.3.1.1.2)
        "SeriesDate": "20240313",
        "SeriesTime": "000500",
        "ContentDate": "20240313",
        "ContentTime": "000600",
    }  # fmt: skip


def _us() -> Values:
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.3.1"),
        "Modality": "US",
        "ImageType": ["ORIGINAL", "PRIMARY", "", "0001"],
        "FrameTime": "33.3",
        "FrameIncrementPointer": 0x00181063,
        "RecommendedDisplayFrameRate": 30,
        "CineRate": 30,
        "HeartRate": 72,
        "LossyImageCompression": "00",
        "TransducerType": "SECTOR_PHASED",
        "MechanicalIndex": "1.1",
        "BodyPartExamined": "HEART",
        "PatientOrientation": "",
        "SequenceOfUltrasoundRegions": [
            {
                "RegionSpatialFormat": 1,
                "RegionDataType": 1,
                "RegionFlags": 2,
                "RegionLocationMinX0": 1,
                "RegionLocationMinY0": 1,
                "RegionLocationMaxX1": 6,
                "RegionLocationMaxY1": 6,
                "ReferencePixelX0": 3,
                "ReferencePixelY0": 2,
                "PhysicalUnitsXDirection": 3,
                "PhysicalUnitsYDirection": 3,
                "PhysicalDeltaX": 0.05,
                "PhysicalDeltaY": 0.06,
            }
        ],
    } | _pixels(8, frames=2, color=True)  # fmt: skip


def _xa() -> Values:
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.12.1"),
        "Modality": "XA",
        "ImageType": ["ORIGINAL", "PRIMARY", "SINGLE PLANE"],
        "PixelIntensityRelationship": "LIN",
        "KVP": "80",
        "ExposureTime": 6,
        "XRayTubeCurrent": 600,
        "RadiationSetting": "GR",
        "PositionerMotion": "STATIC",
        "PositionerPrimaryAngle": "-30.5",
        "PositionerSecondaryAngle": "20",
        "DistanceSourceToDetector": "1100",
        "DistanceSourceToPatient": "765",
        "EstimatedRadiographicMagnificationFactor": "1.43",
        "ImagerPixelSpacing": ["0.2", "0.2"],
        "FieldOfViewShape": "ROUND",
        "IntensifierSize": "170",
        "FrameTime": "66.7",
        "FrameIncrementPointer": 0x00181063,
        "ShutterShape": "RECTANGULAR",
        "ShutterLeftVerticalEdge": 1,
        "ShutterRightVerticalEdge": 8,
        "ShutterUpperHorizontalEdge": 1,
        "ShutterLowerHorizontalEdge": 8,
        "MaskSubtractionSequence": [{"MaskOperation": "AVG_SUB", "MaskFrameNumbers": 1}],
        "RecommendedViewingMode": "SUB",
        "PatientOrientation": ["L", "F"],
        "LossyImageCompression": "00",
        "ContrastBolusAgent": "Iohexol 350",
        "WindowCenter": "128",
        "WindowWidth": "256",
    } | _pixels(8, frames=2) | _acquired() | {"BodyPartExamined": "HEART"}  # fmt: skip


def _mg() -> Values:
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.1.2"),
        "Modality": "MG",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "PresentationIntentType": "FOR PRESENTATION",
        "ImageLaterality": "L",
        "OrganExposed": "BREAST",
        "BodyPartExamined": "BREAST",
        "AnatomicRegionSequence": _code("76752008", "SCT", "Breast"),
        "ViewCodeSequence": [
            _code("399162004", "SCT", "cranio-caudal")[0]
            | {"ViewModifierCodeSequence": _code("399163009", "SCT", "magnification")}
        ],
        "AcquisitionContextSequence": [],
        "ImagerPixelSpacing": ["0.07", "0.07"],
        "PixelSpacing": ["0.065", "0.065"],
        "EstimatedRadiographicMagnificationFactor": "1.07",
        "CompressionForce": "95",
        "BodyPartThickness": "52",
        "KVP": "28",
        "Exposure": 60,
        "AnodeTargetMaterial": "MOLYBDENUM",
        "FilterMaterial": "RHODIUM",
        "FilterType": "FLAT",
        "PositionerType": "MAMMOGRAPHIC",
        "PositionerPrimaryAngle": "0",
        "OrganDose": "0.012",
        "BreastImplantPresent": "NO",
        "PartialView": "NO",
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": -1,
        "RescaleIntercept": "0",
        "RescaleSlope": "1",
        "RescaleType": "US",
        "PresentationLUTShape": "IDENTITY",
        "LossyImageCompression": "00",
        "BurnedInAnnotation": "NO",
        "PatientOrientation": ["A", "R"],
        "DetectorType": "DIRECT",
        "WindowCenter": "2048",
        "WindowWidth": "1024",
    } | _pixels(12) | _acquired()  # fmt: skip


def _nm() -> Values:
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.20"),
        "Modality": "NM",
        "ImageType": ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"],
        "FrameIncrementPointer": [0x00540010, 0x00540020],
        "PixelSpacing": ["4.8", "4.8"],
        "CountsAccumulated": 512345,
        "ActualFrameDuration": 180000,
        "EnergyWindowVector": [1, 1],
        "NumberOfEnergyWindows": 1,
        "DetectorVector": [1, 2],
        "NumberOfDetectors": 2,
        "EnergyWindowInformationSequence": [
            {
                "EnergyWindowName": "Tc99m",
                "EnergyWindowRangeSequence": [{"EnergyWindowLowerLimit": "126", "EnergyWindowUpperLimit": "154"}],
            }
        ],
        "DetectorInformationSequence": [
            {
                "CollimatorGridName": "LEHR",
                "CollimatorType": "PARA",
                "ImageOrientationPatient": ["1", "0", "0", "0", "0", "-1"],
                "ImagePositionPatient": ["-10", "20", "30"],
                "ViewCodeSequence": _code(view, "SCT", meaning),
            }
            for view, meaning in (("399033003", "frontal"), ("399182000", "oblique"))
        ],
        "RadiopharmaceuticalInformationSequence": [
            {
                "Radiopharmaceutical": "MDP",
                "RadionuclideTotalDose": "700",
                "RadiopharmaceuticalStartTime": "070000",
                "RadionuclideCodeSequence": _code("72454003", "SCT", "^99m^Technetium"),
            }
        ],
        "PatientOrientationCodeSequence": [
            _code("102538003", "SCT", "recumbent")[0]
            | {"PatientOrientationModifierCodeSequence": _code("40199007", "SCT", "supine")}
        ],
        "PatientGantryRelationshipCodeSequence": _code("102540008", "SCT", "headfirst"),
        "AcquisitionContextSequence": [],
        "WholeBodyTechnique": "1PS",
        "LossyImageCompression": "00",
        "BodyPartExamined": "WHOLEBODY",
    } | _pixels(16, frames=2) | _acquired()  # fmt: skip


def _rtstruct() -> Values:
    contour = {
        "ContourGeometricType": "CLOSED_PLANAR",
        "NumberOfContourPoints": 3,
        "ContourData": ["-1.5", "-2", "42.75", "3", "-2", "42.75", "3", "4", "42.75"],
        "ContourImageSequence": [_reference(CT_CLASS, "CT")],
    }
    return {
        "SOPClassUID": UID(STRUCTURES),
        "Modality": "RTSTRUCT",
        "OperatorsName": "",
        "StructureSetLabel": "Pelvis",
        "StructureSetDate": "20240312",
        "StructureSetTime": "110000",
        "FrameOfReferenceUID": UID(FRAME_OF_REFERENCE),
        "PositionReferenceIndicator": "",
        "ReferencedFrameOfReferenceSequence": [
            {
                "FrameOfReferenceUID": UID(FRAME_OF_REFERENCE),
                "RTReferencedStudySequence": [
                    {
                        "ReferencedSOPClassUID": UID("1.2.840.10008.3.1.2.3.1"),
                        "ReferencedSOPInstanceUID": UID(STUDY),
                        "RTReferencedSeriesSequence": [
                            {
                                "SeriesInstanceUID": UID(series("CT")),
                                "ContourImageSequence": [_reference(CT_CLASS, "CT")],
                            }
                        ],
                    }
                ],
            }
        ],
        "StructureSetROISequence": [
            {
                "ROINumber": 4,
                "ReferencedFrameOfReferenceUID": UID(FRAME_OF_REFERENCE),
                "ROIName": "PTV",
                "ROIVolume": "152.5",
                "ROIGenerationAlgorithm": "MANUAL",
            }
        ],
        "ROIContourSequence": [
            {"ROIDisplayColor": [255, 0, 0], "ReferencedROINumber": 4, "ContourSequence": [contour]}
        ],
        "RTROIObservationsSequence": [
            {
                "ObservationNumber": 1,
                "ReferencedROINumber": 4,
                "RTROIInterpretedType": "PTV",
                "ROIInterpreter": "",
                "RTROIIdentificationCodeSequence": _code("228793007", "SCT", "Planning target volume"),
            }
        ],
        "ApprovalStatus": "UNAPPROVED",
    }


def _control_points() -> list[Values]:
    first = {
        "ControlPointIndex": 0,
        "NominalBeamEnergy": "6",
        "BeamLimitingDevicePositionSequence": [
            {"RTBeamLimitingDeviceType": "X", "LeafJawPositions": ["-50", "50"]},
            {"RTBeamLimitingDeviceType": "Y", "LeafJawPositions": ["-40", "40"]},
        ],
        "GantryAngle": "180",
        "GantryRotationDirection": "NONE",
        "BeamLimitingDeviceAngle": "0",
        "BeamLimitingDeviceRotationDirection": "NONE",
        "PatientSupportAngle": "0",
        "PatientSupportRotationDirection": "NONE",
        "TableTopEccentricAngle": "0",
        "TableTopEccentricRotationDirection": "NONE",
        "TableTopVerticalPosition": "",
        "TableTopLongitudinalPosition": "",
        "TableTopLateralPosition": "",
        "TableTopPitchAngle": 0.0,
        "TableTopPitchRotationDirection": "NONE",
        "TableTopRollAngle": 0.0,
        "TableTopRollRotationDirection": "NONE",
        "IsocenterPosition": ["1.5", "-20", "42.75"],
        "CumulativeMetersetWeight": "0",
    }
    return [first, {"ControlPointIndex": 1, "CumulativeMetersetWeight": "1"}]


def _rtplan() -> Values:
    return {
        "SOPClassUID": UID(PLAN),
        "Modality": "RTPLAN",
        "OperatorsName": "",
        "RTPlanLabel": "Plan Beispiel",
        "RTPlanDate": "20240314",
        "RTPlanTime": "120000",
        "RTPlanGeometry": "PATIENT",
        "FrameOfReferenceUID": UID(FRAME_OF_REFERENCE),
        "PositionReferenceIndicator": "",
        "ReferencedStructureSetSequence": [_reference(STRUCTURES, "RTSTRUCT")],
        "DoseReferenceSequence": [
            {
                "DoseReferenceNumber": 1,
                "DoseReferenceStructureType": "SITE",
                "DoseReferenceType": "TARGET",
                "TargetPrescriptionDose": "50",
            }
        ],
        "FractionGroupSequence": [
            {
                "FractionGroupNumber": 1,
                "NumberOfFractionsPlanned": 25,
                "NumberOfBeams": 1,
                "NumberOfBrachyApplicationSetups": 0,
                "ReferencedBeamSequence": [{"BeamDose": "2", "BeamMeterset": "210.5", "ReferencedBeamNumber": 1}],
            }
        ],
        "BeamSequence": [
            {
                "BeamNumber": 1,
                "BeamName": "AP",
                "BeamType": "STATIC",
                "RadiationType": "PHOTON",
                "TreatmentMachineName": "LINAC-7",
                "PrimaryDosimeterUnit": "MU",
                "SourceAxisDistance": "1000",
                "BeamLimitingDeviceSequence": [
                    {"RTBeamLimitingDeviceType": "X", "NumberOfLeafJawPairs": 1},
                    {"RTBeamLimitingDeviceType": "Y", "NumberOfLeafJawPairs": 1},
                ],
                "TreatmentDeliveryType": "TREATMENT",
                "NumberOfWedges": 0,
                "NumberOfCompensators": 0,
                "NumberOfBoli": 0,
                "NumberOfBlocks": 0,
                "FinalCumulativeMetersetWeight": "1",
                "NumberOfControlPoints": 2,
                "ControlPointSequence": _control_points(),
                "ReferencedPatientSetupNumber": 1,
            }
        ],
        "PatientSetupSequence": [{"PatientSetupNumber": 1, "PatientPosition": "HFS"}],
        "ApprovalStatus": "UNAPPROVED",
    }


def _rtdose() -> Values:
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.481.2"),
        "Modality": "RTDOSE",
        "OperatorsName": "",
        "DoseUnits": "GY",
        "DoseType": "PHYSICAL",
        "DoseSummationType": "PLAN",
        "GridFrameOffsetVector": ["0", "2.5"],
        "DoseGridScaling": "0.00125",
        "FrameIncrementPointer": 0x3004000C,
        "ReferencedRTPlanSequence": [_reference(PLAN, "RTPLAN")],
        "ReferencedStructureSetSequence": [_reference(STRUCTURES, "RTSTRUCT")],
        "TissueHeterogeneityCorrection": "IMAGE",
        "DVHSequence": [
            {
                "DVHReferencedROISequence": [{"DVHROIContributionType": "INCLUDED", "ReferencedROINumber": 4}],
                "DVHType": "CUMULATIVE",
                "DoseUnits": "GY",
                "DoseType": "PHYSICAL",
                "DVHDoseScaling": "1",
                "DVHVolumeUnits": "CM3",
                "DVHNumberOfBins": 1,
                "DVHData": ["0.1", "152.5"],
            }
        ],
    } | _pixels(16, frames=2) | _plane()  # fmt: skip


def _seg() -> Values:
    source = _reference(CT_CLASS, "CT") | {"PurposeOfReferenceCodeSequence": _code("121322", "DCM", "Source image")}
    derivation = {"DerivationCodeSequence": _code("113076", "DCM", "Segmentation"), "SourceImageSequence": [source]}
    measures = {"SliceThickness": "2.5", "SpacingBetweenSlices": "2.5", "PixelSpacing": ["0.78125", "0.78125"]}
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.66.4"),
        "Modality": "SEG",
        "ImageType": ["DERIVED", "PRIMARY"],
        "ContentLabel": "SEGMENTATION",
        "ContentDescription": "Lungs of Mrs Beispiel",
        "ContentCreatorName": "Muster^Max",
        "ContentDate": "20240312",
        "ContentTime": "130000",
        "FrameOfReferenceUID": UID(FRAME_OF_REFERENCE),
        "PositionReferenceIndicator": "",
        "LossyImageCompression": "00",
        "SegmentationType": "BINARY",
        "SegmentsOverlap": "NO",
        "DimensionOrganizationSequence": [{"DimensionOrganizationUID": UID(f"{ROOT}.4")}],
        "DimensionIndexSequence": [
            {
                "DimensionOrganizationUID": UID(f"{ROOT}.4"),
                "DimensionIndexPointer": 0x00200032,
                "FunctionalGroupPointer": 0x00209113,
            }
        ],
        "SegmentSequence": [
            {
                "SegmentNumber": 1,
                "SegmentLabel": "Lung",
                "SegmentAlgorithmType": "AUTOMATIC",
                "SegmentAlgorithmName": "lungs 2",
                "SegmentedPropertyCategoryCodeSequence": _code("123037004", "SCT", "Anatomical Structure"),
                "SegmentedPropertyTypeCodeSequence": _code("39607008", "SCT", "Lung"),
                "RecommendedDisplayCIELabValue": [34000, 41000, 40000],
            }
        ],
        "ReferencedSeriesSequence": [
            {"SeriesInstanceUID": UID(series("CT")), "ReferencedInstanceSequence": [_reference(CT_CLASS, "CT")]}
        ],
        "SharedFunctionalGroupsSequence": [
            {
                "PixelMeasuresSequence": [measures],
                "PlaneOrientationSequence": [{"ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"]}],
                "SegmentIdentificationSequence": [{"ReferencedSegmentNumber": 1}],
            }
        ],
        "PerFrameFunctionalGroupsSequence": [
            {
                "DerivationImageSequence": [derivation],
                "FrameContentSequence": [{"DimensionIndexValues": 1}],
                "PlanePositionSequence": [{"ImagePositionPatient": ["-120.5", "-118.25", "42.75"]}],
            }
        ],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "NumberOfFrames": 1,
        "Rows": 8,
        "Columns": 8,
        "BitsAllocated": 1,
        "BitsStored": 1,
        "HighBit": 0,
        "PixelRepresentation": 0,
        "PixelData": bytes(range(8)),
    }


def _content(relation: str, value_type: str, concept: list[Values] | None, **more: Any) -> Values:
    item: Values = {"RelationshipType": relation, "ValueType": value_type}
    return item | ({"ConceptNameCodeSequence": concept} if concept else {}) | more


def _sr() -> Values:
    measured = {
        "MeasurementUnitsCodeSequence": _code("mm", "UCUM", "mm"),
        "NumericValue": "12.5",
    }
    finding = _content(
        "CONTAINS",
        "NUM",
        _code("410668003", "SCT", "Length"),
        MeasuredValueSequence=[measured],
        ContentSequence=[
            _content(
                "HAS CONCEPT MOD",
                "CODE",
                _code("363698007", "SCT", "Finding Site"),
                ConceptCodeSequence=_code("39607008", "SCT", "Lung"),
            ),
            _content(
                "INFERRED FROM",
                "SCOORD",
                _code("121055", "DCM", "Path"),
                GraphicData=[1.0, 2.0, 3.0, 4.0],
                GraphicType="POLYLINE",
                ContentSequence=[
                    _content("SELECTED FROM", "IMAGE", None, ReferencedSOPSequence=[_reference(CT_CLASS, "CT")])
                ],
            ),
        ],
    )
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.88.33"),
        "Modality": "SR",
        "ContentDate": "20240312",
        "ContentTime": "140000",
        "ReferencedPerformedProcedureStepSequence": [],
        "PerformedProcedureCodeSequence": [],
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED",
        "CurrentRequestedProcedureEvidenceSequence": [
            {
                "StudyInstanceUID": UID(STUDY),
                "ReferencedSeriesSequence": [
                    {"SeriesInstanceUID": UID(series("CT")), "ReferencedSOPSequence": [_reference(CT_CLASS, "CT")]}
                ],
            }
        ],
        "ValueType": "CONTAINER",
        "ContinuityOfContent": "SEPARATE",
        "ConceptNameCodeSequence": _code("18748-4", "LN", "Diagnostic imaging report"),
        "ContentSequence": [
            _content(
                "HAS OBS CONTEXT", "PNAME", _code("121008", "DCM", "Person Observer Name"), PersonName="Muster^Max"
            ),
            _content(
                "CONTAINS",
                "TEXT",
                _code("121071", "DCM", "Finding"),
                TextValue="Nodule in Mrs Beispiel",
            ),
            finding,
        ],
    }


def _pr() -> Values:
    referenced = {
        "SeriesInstanceUID": UID(series("CT")),
        "ReferencedImageSequence": [_reference(CT_CLASS, "CT")],
    }
    text = {
        "BoundingBoxAnnotationUnits": "PIXEL",
        "UnformattedTextValue": "Mrs Beispiel: see nodule",
        "BoundingBoxTopLeftHandCorner": [1.0, 1.0],
        "BoundingBoxBottomRightHandCorner": [6.0, 3.0],
        "BoundingBoxTextHorizontalJustification": "LEFT",
    }
    graphic = {
        "GraphicAnnotationUnits": "PIXEL",
        "GraphicDimensions": 2,
        "NumberOfGraphicPoints": 2,
        "GraphicData": [1.0, 1.0, 5.0, 5.0],
        "GraphicType": "POLYLINE",
    }
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.11.1"),
        "Modality": "PR",
        "Laterality": "",
        "ContentLabel": "KEY",
        "ContentDescription": "",
        "ContentCreatorName": "Muster^Max",
        "PresentationCreationDate": "20240312",
        "PresentationCreationTime": "150000",
        "ReferencedSeriesSequence": [referenced],
        "DisplayedAreaSelectionSequence": [
            {
                "DisplayedAreaTopLeftHandCorner": [1, 8],
                "DisplayedAreaBottomRightHandCorner": [8, 1],
                "PresentationSizeMode": "SCALE TO FIT",
                "PresentationPixelSpacing": ["0.78125", "0.78125"],
            }
        ],
        "GraphicLayerSequence": [{"GraphicLayer": "LAYER1", "GraphicLayerOrder": 1}],
        "GraphicAnnotationSequence": [
            {"GraphicLayer": "LAYER1", "TextObjectSequence": [text], "GraphicObjectSequence": [graphic]}
        ],
        "ImageRotation": 90,
        "ImageHorizontalFlip": "N",
        "SoftcopyVOILUTSequence": [{"WindowCenter": "40", "WindowWidth": "400"}],
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "RescaleType": "HU",
        "PresentationLUTShape": "IDENTITY",
    }


def _ecg() -> Values:
    leads = (("2:1", "Lead I"), ("2:2", "Lead II"))
    channels = [
        {
            "ChannelSourceSequence": _code(lead, "MDC", meaning),
            "ChannelSensitivity": "4.88",
            "ChannelSensitivityUnitsSequence": _code("uV", "UCUM", "microvolt"),
            "ChannelSensitivityCorrectionFactor": "1",
            "ChannelBaseline": "0",
            "ChannelSampleSkew": "0",
            "WaveformBitsStored": 16,
            "FilterLowFrequency": "0.05",
            "FilterHighFrequency": "150",
        }
        for lead, meaning in leads
    ]
    annotation = {
        "ReferencedWaveformChannels": [1, 0],
        "AnnotationGroupNumber": 1,
        "ConceptNameCodeSequence": _code("8867-4", "LN", "Heart rate"),
        "NumericValue": "72",
        "MeasurementUnitsCodeSequence": _code("/min", "UCUM", "/min"),
    }
    return {
        "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.9.1.2"),
        "Modality": "ECG",
        "AcquisitionDateTime": "20240312100530",
        "ContentDate": "20240312",
        "ContentTime": "100600",
        "AcquisitionContextSequence": [
            {
                "ValueType": "CODE",
                "ConceptNameCodeSequence": _code("10:11345", "MDC", "Lead System"),
                "ConceptCodeSequence": _code("10:11265", "MDC", "Standard 12-lead"),
            }
        ],
        "WaveformAnnotationSequence": [annotation],
        "WaveformSequence": [
            {
                "WaveformOriginality": "ORIGINAL",
                "NumberOfWaveformChannels": 2,
                "NumberOfWaveformSamples": 4,
                "SamplingFrequency": "500",
                "MultiplexGroupLabel": "RHYTHM",
                "ChannelDefinitionSequence": channels,
                "WaveformBitsAllocated": 16,
                "WaveformSampleInterpretation": "SS",
                "WaveformData": bytes(range(16)),
            }
        ],
    }


BUILDERS: Final[dict[str, Callable[[], Values]]] = {
    "CT": _ct,
    "MR": _mr,
    "PT": _pt,
    "US": _us,
    "XA": _xa,
    "MG": _mg,
    "NM": _nm,
    "RTSTRUCT": _rtstruct,
    "RTPLAN": _rtplan,
    "RTDOSE": _rtdose,
    "SEG": _seg,
    "SR": _sr,
    "PR": _pr,
    "ECG": _ecg,
}
