"""Persons and places in scripts that put no space between words: found as they occur, or before an honorific."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.clean.dates import Span
from gateway.core.clean.fold import Folded, is_unspaced
from gateway.core.clean.known import Known
from gateway.core.clean.vocabulary import OFFICES

_SPACES: Final = frozenset(" ・^,")
_KANA_ALONE = re.compile(r"[^ぁ-ゖー]?\0(?:[^ぁ-ゖー]?|さん?|様|くん?|ちゃ?)")
_HAN = "[々〆\u3400-\u9fff]"
_HONORED = re.compile(
    rf"(?P<name>{_HAN}{{1,4}} {_HAN}{{1,3}}?|{_HAN}{{1,8}}?) ?"
    r"(?:(?P<any>様(?![子々式相態])|さん(?![ぁ-ゖ]{2})|先生|医師|技師|看護師)|医生|医师|技师|护士|女士|小姐|大夫|主任|教授)"
)
_OFFICES = tuple(OFFICES)
_SURNAMES: Final = frozenset(
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何林高罗羅郑鄭梁谢謝宋唐许許韩韓邓鄧冯馮曹彭曾肖田董潘袁蔡蒋蔣余于杜叶葉"
    "程魏苏蘇吕呂丁任卢盧姚沈钟鍾姜崔谭譚陆陸范汪廖石金韦韋贾賈夏付方邹鄒熊白孟秦邱侯江尹薛闫雷龙龍史陶贺賀毛郝顾顧龚邵万万钱錢严嚴"
)
_KOREAN = re.compile(
    r"(?<![가-힣])(?:[김이박최정강조윤장임한오서신권황안송전홍유][가-힣]{1,2}(?=\s?(?:씨|님|교수|선생|과장|원장)(?![가-힣]{3}))"
    r"|[김이박최정강조윤장임한오서신권황안송전홍유][가-힣]{2}(?=\s?환자))"
)
_UNSPACED_NAME = (
    rf"(?:{_HAN}{{3,5}}+|{_HAN}{{1,2}}+(?:[ ・]{_HAN}{{1,3}}+)?|[ぁ-ゖー]{{2,8}}+(?:[ ・][ぁ-ゖー]{{2,8}}+)?"
    r"|[가-힣]{3,5}+|[가-힣]{1,2}+(?: [가-힣]{1,2}+)?)"
)
_UNSPACED_LABEL = re.compile(
    r"(?:(?:氏名|姓名|患者名|名前|성명|이름|환자명|ふりがな|かな)\s?[:=\s]\s?|(?:患者|환자|医師|医生|医师|技師|技师|担当医|主治医|主治医生"
    r"|依頼医|読影医|주치의|판독의|의뢰의|촬영자|담당의|報告者|撮影者)\s?[:=]\s?)"
    rf"(?P<value>{_UNSPACED_NAME})"
)

# Signs without which a text in these scripts marks no name, number or date.
MARKS: Final = re.compile(
    "[様月월씨님号號番]|さん|先生|[医技看护女小大主教名患担依読報撮导报审名前]|성명|이름|환자|교수|선생|과장|원장|번호|생년|[電电전手]|[생生出]|ふり"
)


def own_scripts(folded: Folded, known: Known) -> Iterator[Span]:
    """Find names and places in scripts without spaces, wherever they occur."""
    text = folded.text
    spans = [span for part in known.scripts for span in _occurrences(text, part)]
    for part in known.kana:
        spans.extend(span for span in _occurrences(text, part) if _KANA_ALONE.fullmatch(_around(text, *span)))
    for start, end in sorted(spans):
        yield _single(text, known, start, -1), _single(text, known, end, +1)


def _single(text: str, known: Known, edge: int, step: int) -> int:
    """Move an edge over a name of one sign beside it."""
    place = edge - (step < 0)
    if 0 <= place < len(text) and text[place] in _SPACES:
        place += step
    if 0 <= place < len(text) and text[place] in known.initials and is_unspaced(text[place]):
        return place + (step > 0)
    return edge


def _around(text: str, start: int, end: int) -> str:
    return f"{text[max(0, start - 1) : start]}\0{text[end : end + 2]}"


def _occurrences(text: str, part: str) -> Iterator[Span]:
    start = text.find(part)
    while start >= 0:
        yield start, start + len(part)
        start = text.find(part, start + len(part))


def marked_scripts(folded: Folded) -> Iterator[Span]:
    """Find names before an honorific or behind a label in Chinese, Japanese and Korean."""
    text = folded.text
    for found in _UNSPACED_LABEL.finditer(text):
        yield found.span("value")
    for found in _KOREAN.finditer(text):
        yield found.span()
    for found in _HONORED.finditer(text):
        name = found["name"]
        if name.partition(" ")[0].endswith(_OFFICES):
            name = name.partition(" ")[2]
        length = 0 if name.endswith(_OFFICES) else _name_length(name, is_whole=found["any"] is not None)
        if length:
            yield found.end("name") - length, found.end("name")


def _name_length(run: str, *, is_whole: bool) -> int:
    """Say how many of the signs before an honorific are a name: all of a short run, else those from a surname on."""
    if is_whole and (len(run) <= 5 or " " in run):
        return len(run)
    return next((length for length in (3, 2, 1) if len(run) >= length and run[-length] in _SURNAMES), 0)
