"""Invented patients and examinations. None of them exists; every name, number and address is made up."""

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

LATIN, UTF_8, GREEK, JAPANESE = "ISO_IR 100", "ISO_IR 192", "ISO_IR 126", ("", "ISO 2022 IR 87")

_PRIVATE_CREATOR = "DICOMVEIL DEMO 1.0"


@dataclass(frozen=True, slots=True)
class Patient:
    """Who is examined."""

    name: str
    patient_id: str
    birth_date: str
    sex: str
    size_m: str
    weight_kg: str
    address: str
    phone: str
    other_id: str
    occupation: str
    character_set: str | tuple[str, ...] = LATIN

    @property
    def family_name(self) -> str:
        """The name as people around write it into descriptions."""
        return self.name.partition("=")[0].partition("^")[0]


@dataclass(frozen=True, slots=True)
class Hospital:
    """Where, and who works there."""

    name: str
    address: str
    department: str
    referring: str
    reading: str
    operator: str
    phone: str


@dataclass(frozen=True, slots=True)
class Examination:
    """One Study."""

    folder: str
    patient: Patient
    hospital: Hospital
    date: str
    time: str
    accession: str
    number: str
    description: str
    reason: str
    age: str
    comment: str = ""

    @property
    def study_uid(self) -> str:
        """Its Study Instance UID."""
        return self.uid("study")

    def uid(self, *parts: str) -> str:
        """Return a UID that is the same every time."""
        return str(generate_uid(entropy_srcs=["dicomveil demo", self.folder, *parts]))


BIRGITTA = Hospital(
    "Sankt Birgitta University Hospital",
    "Lasarettsgatan 14, 582 25 Västerlunda, Sweden",
    "Radiology B2",
    "Hallberg^Göran^^Dr.",
    "Ekdahl^Annika^^Dr.",
    "Nyström^Per",
    "+46 13 555 0142",
)
HOKUSEI = Hospital(
    "Hokusei Memorial Hospital",
    "4-12 Aoba-cho, Kita-ku, Minato-shi",
    "Neuroradiology",
    "Mizushima^Kaede=水島^楓=みずしま^かえで",
    "Onodera^Satoru=小野寺^悟=おのでら^さとる",
    "Asakura^Jun=朝倉^純=あさくら^じゅん",
    "+81 11 555 0167",
)
ASKLEPION = Hospital(
    "Asklepion General Clinic",
    "Odos Ippokratous 27, Nea Limani",
    "Magnetic Resonance",
    "Ξενάκης^Ορέστης",
    "Λαμπράκη^Δάφνη",
    "Vlachou^Maria",
    "+30 21 5550 0119",
)
NORDKREUZ = Hospital(
    "Klinikum Nordkreuz",
    "Am Alten Deich 3, 28999 Neuenhafen",
    "Neurochirurgie",
    "Dąbrowska^Łucja^^Dr. med.",
    "Öztürk^Çağla^^Priv.-Doz.",
    "Jørgensen^Åse",
    "+49 421 5550 133",
)

LINDQVIST = Patient(
    "Lindqvist^Ingrid^Maria",
    "MRN-0815-3371",
    "19611105",
    "F",
    "1.68",
    "71.5",
    "Björkvägen 8, 589 41 Västerlunda, Sweden",
    "+46 70 555 0112",
    "19611105-2384",
    "School teacher",
)
KISARAGI = Patient(
    "Kisaragi^Haruto=如月^陽翔=きさらぎ^はると",
    "HMH-204-88719",
    "19840229",
    "M",
    "1.74",
    "66.0",
    "2-7-15 Sakura-dori, Minato-shi",
    "+81 90 5550 0148",
    "INS-7730-4416",
    "Ferry pilot",
    JAPANESE,
)
KALLIMACHOU = Patient(
    "Καλλιμάχου^Ελένη",
    "AGC/557120",
    "19740618",
    "F",
    "1.62",
    "58.0",
    "Οδός Φάρου 9, Νέα Λιμάνη",
    "+30 69 5550 0173",
    "18067412345",
    "Αρχιτέκτων",
    GREEK,
)
ZELAZNY = Patient(
    "Müller-Żelazny^Zoë^Łucja",
    "KNK.90417.7",
    "19920803",
    "F",
    "1.71",
    "63.4",
    "Fährstraße 21b, 28999 Neuenhafen",
    "+49 151 555 0186",
    "A123456780",
    "Harbour engineer",
    UTF_8,
)
OKONKWO = Patient(
    "Okonkwo-Reyes^Samuel",
    "MRN-0977-1204",
    "19470122",
    "M",
    "1.80",
    "84.0",
    "Ringvägen 40, 582 30 Västerlunda, Sweden",
    "+46 73 555 0190",
    "19470122-1199",
    "Carpenter",
)

CT_THORAX = Examination(
    "1-ct-thorax",
    LINDQVIST,
    BIRGITTA,
    "20240314",
    "101522",
    "ACC-24-031477",
    "RAD-5512",
    "CT thorax/abdomen, Mrs Lindqvist",
    "Cough for 6 weeks, ex-smoker; please call Dr. Hallberg",
    "062Y",
    "Daughter Karin Lindqvist to be called, +46 70 555 0113",
)
ECHO = Examination(
    "2-us-echo",
    LINDQVIST,
    BIRGITTA,
    "20240602",
    "083305",
    "ACC-24-060218",
    "CAR-2093",
    "Echocardiography I. Lindqvist",
    "Before chemotherapy, see report of Dr. Ekdahl",
    "062Y",
    "Mrs Lindqvist is hard of hearing",
)
MR_HEAD = Examination(
    "3-mr-head",
    KISARAGI,
    HOKUSEI,
    "20231120",
    "143010",
    "A0231120-17",
    "MR88719-3",
    "MR head Kisaragi Haruto",
    "Headache since fall on the ferry Akatsuki Maru",
    "039Y",
)
REPORT = Examination(
    "4-sr-report",
    KISARAGI,
    HOKUSEI,
    "20231121",
    "090215",
    "A0231121-02",
    "MR88719-3R",
    "Report on MR head, Kisaragi",
    "Headache since fall",
    "039Y",
)
MR_ABDOMEN = Examination(
    "5-mr-abdomen",
    KALLIMACHOU,
    ASKLEPION,
    "20220927",
    "114848",
    "22-118804",
    "MR-30177",
    "MR άνω κοιλίας, Ελένη Καλλιμάχου",
    "Παραπομπή από Ξενάκη",
    "048Y",
)
CT_HEAD = Examination(
    "6-ct-head",
    ZELAZNY,
    NORDKREUZ,
    "20250109",
    "221847",
    "NK-25-000913",
    "NCH-7781",
    "CT Schädelbasis, Fr. Müller-Żelazny",
    "Sturz vom Fahrrad, Begleitung: Jonas Müller",
    "032Y",
)
CHEST = Examination(
    "7-cr-chest",
    OKONKWO,
    BIRGITTA,
    "20240314",
    "135501",
    "ACC-24-031502",
    "RAD-5519",
    "Chest PA, S. Okonkwo-Reyes, ward 14",
    "Before surgery, bed 14-2",
    "077Y",
)
CAPTURE = Examination(
    "8-sc-capture",
    OKONKWO,
    BIRGITTA,
    "20240315",
    "084216",
    "ACC-24-031509",
    "RAD-5523",
    "Heart size, S. Okonkwo-Reyes",
    "Before surgery, as discussed with Dr. Hallberg",
    "077Y",
    "Ward 14, bed 2",
)

EXAMINATIONS = (CT_THORAX, ECHO, MR_HEAD, REPORT, MR_ABDOMEN, CT_HEAD, CHEST, CAPTURE)


def describe(data_set: Dataset, exam: Examination) -> None:
    """Put in what a scanner and an archive know of patient, request and people, nested and private places included."""
    patient, hospital = exam.patient, exam.hospital
    data_set.SpecificCharacterSet = (
        list(patient.character_set) if isinstance(patient.character_set, tuple) else patient.character_set
    )
    _patient(data_set, exam)
    data_set.StudyInstanceUID = exam.study_uid
    data_set.StudyDate, data_set.StudyTime = exam.date, exam.time
    data_set.AccessionNumber, data_set.StudyID = exam.accession, exam.number
    data_set.StudyDescription = exam.description
    data_set.ReferringPhysicianName = hospital.referring
    data_set.ReferringPhysicianIdentificationSequence = Sequence([_person(hospital)])
    data_set.NameOfPhysiciansReadingStudy = hospital.reading
    data_set.RequestAttributesSequence = Sequence([_request(exam)])
    data_set.InstitutionName, data_set.InstitutionAddress = hospital.name, hospital.address
    data_set.InstitutionalDepartmentName = hospital.department
    data_set.OperatorsName, data_set.PerformingPhysicianName = hospital.operator, hospital.reading
    _private(data_set, exam)


def _patient(data_set: Dataset, exam: Examination) -> None:
    patient = exam.patient
    data_set.PatientName, data_set.PatientID = patient.name, patient.patient_id
    data_set.IssuerOfPatientID = exam.hospital.name
    data_set.PatientBirthDate, data_set.PatientSex, data_set.PatientAge = patient.birth_date, patient.sex, exam.age
    data_set.PatientSize, data_set.PatientWeight = patient.size_m, patient.weight_kg
    data_set.PatientAddress, data_set.PatientTelephoneNumbers = patient.address, patient.phone
    data_set.Occupation = patient.occupation
    data_set.AdditionalPatientHistory = exam.reason
    if exam.comment:
        data_set.PatientComments = exam.comment
    other = Dataset()
    other.PatientID, other.TypeOfPatientID = patient.other_id, "TEXT"
    other.IssuerOfPatientID = "National register"
    data_set.OtherPatientIDsSequence = Sequence([other])


def _person(hospital: Hospital) -> Dataset:
    person, staff = Dataset(), Dataset()
    staff.CodeValue, staff.CodingSchemeDesignator = hospital.phone[-4:], "99STAFF"
    staff.CodeMeaning = hospital.referring.partition("=")[0].replace("^", " ").strip()
    person.PersonIdentificationCodeSequence = Sequence([staff])
    person.InstitutionName, person.PersonTelephoneNumbers = hospital.name, hospital.phone
    return person


def _request(exam: Examination) -> Dataset:
    request = Dataset()
    request.AccessionNumber = exam.accession
    request.StudyInstanceUID = exam.study_uid
    request.RequestedProcedureID, request.ScheduledProcedureStepID = f"RP-{exam.number}", f"SPS-{exam.number}"
    request.RequestedProcedureDescription = exam.description
    request.ReasonForTheRequestedProcedure = exam.reason
    return request


def _private(data_set: Dataset, exam: Examination) -> None:
    """A vendor's own elements, with the name once more: as text, in a Sequence, and inside a value of bytes."""
    block = data_set.private_block(0x0029, _PRIVATE_CREATOR, create=True)
    block.add_new(0x10, "LO", f"{exam.patient.family_name}/{exam.patient.patient_id}")
    block.add_new(0x11, "DA", exam.patient.birth_date)
    nested = Dataset()
    nested.PatientName, nested.PatientID = exam.patient.name, exam.patient.patient_id
    block.add_new(0x12, "SQ", Sequence([nested]))
    block.add_new(0x13, "OB", f"owner={exam.patient.patient_id};station={exam.hospital.department};".encode() * 40)
