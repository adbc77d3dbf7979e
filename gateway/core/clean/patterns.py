"""What looks like an identifier whoever the subject is: numbers of records and telephones, addresses in networks, UIDs.

So does what an archive left undecoded: nobody here can say whom it names.

A number that a unit follows is a measure. Every repeat is bounded or possessive, so that the time is linear.
"""

import re
from collections.abc import Iterator
from itertools import chain

from gateway.core.clean.dates import Span
from gateway.core.clean.fold import Folded, Token, is_unspaced
from gateway.core.clean.vocabulary import BIRTH_WORDS, RECORD_WORDS, TELEPHONE_WORDS, UNITS
from gateway.core.standard.uids import is_registered

_B = r"(?<![^\W_])"
_E = r"(?![^\W_])"
_NO_UNIT = rf"(?!\s?/?\s?(?:{UNITS}){_E})"

_LETTERS_BEFORE = re.compile(r"[a-z]{1,6}[-_]?$")
_IN_NETWORK = re.compile(r"[@\\]|[/.](?:/|(?:com|org|net|edu|gov|info)(?!\w))|www\.|tel:|mailto:")
_NETWORK = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"
    r"|(?<![^\W_])(?:(?:https?|s?ftp|file|dicom)://|mailto:|tel:(?=[+\d]))[^\s\"'<>)]++"
    r"|(?<![\w.])www\.[^\s\"'<>)]++"
    r"|(?<![\w.-])[\w-]{1,63}+(?:\.[\w-]{1,63}+){0,4}?\.(?:com|org|net|edu|gov|info)(?:/[^\s\"'<>)]*+)?(?![\w-])"
    r"|\\\\[\w.$-]{1,64}\\[^\s\"'<>]*+"
)
_DOTTED = re.compile(r"(?<![\w.])\d++(?:\.\d++)++(?!\w)")
_UID_COMPONENTS = 5
# Each is tried where a number starts.
_TELEPHONE = re.compile(
    rf"(?<![\w.+])(?:\+|00)(?=(?:[\W_]{{0,3}}\d){{6}})[1-9]\d{{0,3}}(?:[ ./()-]{{1,2}}\d{{1,8}}){{1,7}}+{_E}"
    r"|(?<![\w.+])\+\d{7,15}(?!\d)"
    rf"|{_B}(?<![.,])0\d{{1,5}}(?:[ ]?[/-][ ]?|\)?[ ])\d{{2,8}}(?:[ -]\d{{1,8}}){{0,5}}+(?<=\d{{2}}){_E}(?![.,]\d)"
    rf"|\(\d{{2,5}}\)[ ]?\d{{2,8}}(?:[ -]\d{{2,8}}){{0,4}}+{_NO_UNIT}"
    rf"|{_B}(?<![.,])(?:[178][ -])?\(?[2-9]\d{{2}}\)?[ .-]?[2-9]\d{{2}}[ .-](?:\d{{4}}|\d{{2}}-\d{{2}}){_E}{_NO_UNIT}"
    rf"|{_B}(?<![.,])[1-9]\d{{2}}-\d{{4}}-\d{{4}}{_E}"
    rf"|{_B}(?<![.,])\d{{3}}-\d{{2}}-\d{{4}}{_E}"  # a social security number
    rf"|{_B}(?<![.,])[6-9]\d{{2}} \d{{3}} \d{{3}}{_E}{_NO_UNIT}"
    rf"|{_B}(?<![.,])\d{{3}}[ .-]\d{{3}}[ .-]\d{{3}}[ .-]\d{{2}}{_E}"  # Brazilian and Russian numbers of persons
)
_NUMBER = re.compile(
    rf"{_B}(?<!\d[.,])(?:\d{{6,}}+(?![^\W_]|[.,]\d)|\d{{5,}}[-/]\d{{1,4}}{_E}){_NO_UNIT}"
    rf"|(?<!\d[.,])\d{{6,}}+(?=[^\W\da-z_]){_NO_UNIT}"  # before a script without spaces
)
_RECORD = re.compile(rf"(?<![^\W_])[a-z]{{1,6}}[-_]?\d{{5,}}+(?:[-/]\d{{1,6}})?+[a-z]?{_E}{_NO_UNIT}")
# Behind these any value with a digit is an identifier.
_RECORD_LABEL = (
    r"mrn|hmrn|umrn|pid|patid|patnr|pat[.]?[ -]{0,2}{no}|patient(?:en|in|s)?(?:'s)?[ .-]{0,2}{no}"
    r"|id[ -]?(?:nr|no|number|nummer)?|acc(?:ession)?[. -]{0,2}{no}|accession|case[ -]?{no}"
    r"|fall[ -]?(?:nr|nummer|id|zahl)"
    r"|auftrags?[ -]?(?:nr|nummer|id)|(?:order|visit|encounter|record|chart|episode|hospital|hosp|exam|request"
    r"|admission|insurance|policy|serial)[. -]{0,2}{no}|ssn|nhs(?: {no})?|kvnr|svnr|vsnr|ahv(?:-nr)?|bsn"
    r"|burgerservicenummer|patientnummer|onderzoeksnummer|dni|nif|nie|cpf|cns|nhc|nuhsa|cip|ipp|nip|iep|nda"
    r"|codice fiscale|(?:dossier|cartella(?: clinica)?|historia clinica|prontuario|processo|utente)(?: {no})?"
    r"|numero (?:de |di |do )?(?:paciente|paziente|patient|dossier|processo|utente|historia)"
    r"|медкарта(?: {no})?|карта {no}|история болезни(?: {no})?|и/б(?: {no})?|иб {no}|полис(?: омс)?(?: {no})?|снилс"
    r"|αμκα|αρ(?:ιθμοσ|\.)? ?(?:μητρωου|φακελου)|αμ|رقم (?:المريض|الملف|الهوية|السجل)"
).replace("{no}", r"(?:n(?:o|r|um|ummer|umber|umero)?|id|code|#|№|n[°º])")
_BEHIND = (
    r"[ \t]{0,2}[.:=#№°º-]{0,2}[ \t]{0,2}(?:n[ro°º]\.?)?[ \t]{0,2}[.:=#№-]{0,2}[ \t]{0,2}"
    r"(?=[a-z._/-]{0,10}\d)(?P<value>[a-z0-9]++(?:[._/-][a-z0-9]++)*+)"
)
_TELEPHONE_BEHIND = r"\.?[ \t]{0,2}[:=]?[ \t]{0,2}(?P<value>[+(]{0,2}\d(?:[ ()./-]{0,2}\d){2,18}+)"
_BIRTH_BEHIND = r"(?: ?[a-z]{2,4}){0,2}[ .:=*(]{0,3}(?P<value>(?:18|19|20)\d\d)(?!\d)"
_LABELLED = (
    (RECORD_WORDS, re.compile(rf"(?:{_RECORD_LABEL}){_BEHIND}")),
    (TELEPHONE_WORDS, re.compile(rf"[^\W\d_]++{_TELEPHONE_BEHIND}")),
    (BIRTH_WORDS, re.compile(rf"[^\W\d_]++{_BIRTH_BEHIND}")),
)
_LABELLED_UNSPACED = (
    re.compile(
        r"(?:患者番号|患者id|id番号|かるて番号|検査番号|受付番号|登録番号|등록번호|환자번호|병록번호|차트번호|검사번호"
        rf"|病历号|住院号|门诊号|检查号|就诊号|病案号|身份证号?码?|患者编号|登记号){_BEHIND}"
    ),
    re.compile(rf"(?:電話|でんわ|전화|휴대폰|电话|手机)(?:番号|번호|号码)?{_TELEPHONE_BEHIND}"),
    re.compile(rf"(?:生年月日|生年|出生(?:日期|年月)?|생년월일|생년){_BIRTH_BEHIND}"),
)
# Japanese in seven bits (ISO 2022 IR 87 and 159), its escapes whole or lost: what begins it, what ends it.
_UNDECODED = re.compile(r"\x1b?\$(?:[@b]|\(d)(?=[\x1b!-~]{2})")
_RUN = re.compile(r"[\x1b!-~]++")
_BIRTH_STAR = re.compile(r"(?<![\w)*])\*\s?(?:18|19|20)\d\d(?!\d)")


def patterns(folded: Folded) -> Iterator[Span]:
    """Find what looks like an identifier; labels stay, the values behind them go."""
    text = folded.text
    for found in chain(_NETWORK.finditer(text) if _IN_NETWORK.search(text) else (), _BIRTH_STAR.finditer(text)):
        yield found.span()
    yield from _undecoded(text)
    end = 0
    for token in folded.tokens:
        if not token.word.isdecimal():
            yield from _labelled(text, token)
        elif token.start >= end:
            for start, end in _numbers(text, token):
                yield start, end
    if is_unspaced(text):
        for pattern in _LABELLED_UNSPACED:
            for found in pattern.finditer(text):
                yield found.span("value")


def _undecoded(text: str) -> Iterator[Span]:
    """Find Japanese that was not decoded: from where it begins to its last end before a blank, or to the blank."""
    if _UNDECODED.search(text) is None:
        return
    for run in _RUN.finditer(text):
        begin = _UNDECODED.search(text, run.start(), run.end())
        if begin:
            last = max(text.rfind(end, begin.end(), run.end()) for end in ("(b", "(j"))
            yield begin.start(), last + 2 if last >= 0 else run.end()


def _labelled(text: str, token: Token) -> Iterator[Span]:
    for labels, pattern in _LABELLED:
        found = pattern.match(text, token.start) if token.word in labels else None
        if found:
            yield found.span("value")


def _numbers(text: str, token: Token) -> Iterator[Span]:
    """Find a number of a telephone, a record or a UID that starts with a run of digits."""
    dotted = _DOTTED.match(text, token.start)
    if dotted and dotted[0].count(".") >= _UID_COMPONENTS - 1:
        if not is_registered(dotted[0]):
            yield dotted.span()
        return
    start = token.start - (token.start > 0 and text[token.start - 1] in "+(")
    start -= start > 0 and text[start - 1 : start + 1] == "(+"
    found = (
        _TELEPHONE.match(text, start)
        or (start < token.start and _TELEPHONE.match(text, token.start))
        or _NUMBER.match(text, token.start)
    )
    if found:
        yield found.span()
    elif len(token.word) > 4:
        window = max(0, token.start - 8)
        letters = _LETTERS_BEFORE.search(text[window : token.start])
        record = _RECORD.match(text, window + letters.start()) if letters else None
        if record:
            yield record.span()
