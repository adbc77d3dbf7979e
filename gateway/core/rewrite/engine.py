"""One profile and one domain, ready to rewrite any number of objects: plans and tables are made once and kept."""

from collections.abc import Collection, Mapping
from functools import cached_property
from types import MappingProxyType

from gateway.core.errors import MalformedInput
from gateway.core.mask.image import IMAGE_TAGS, PHOTOMETRIC
from gateway.core.mask.model import PASSES, Image, PixelDecision, Verdict
from gateway.core.mask.syntaxes import photometric_of_masked
from gateway.core.profile.model import Action, Profile
from gateway.core.profile.plan import Plan
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.change import Shared
from gateway.core.rewrite.cleaning import Cleaner, Cleaners
from gateway.core.rewrite.codestream import ICC_PROFILE, CodestreamCleaner, cleaner_of_media_type
from gateway.core.rewrite.facts import FactReader
from gateway.core.rewrite.finalcheck import FinalCheck
from gateway.core.rewrite.head import PATIENT_ID, Head, HeadReader
from gateway.core.rewrite.identity import Identity, Patient
from gateway.core.rewrite.maskfacts import (
    OVERLAID,
    Pictured,
    has_overlay_in_bits,
    json_pictured,
    overlay_bits,
    require_one_picture,
    wanted,
)
from gateway.core.rewrite.metadata import Bulk, Elements, MetadataRewriter
from gateway.core.rewrite.part10 import Part10Rewriter
from gateway.core.rewrite.stream import Aids, Layout, Limits
from gateway.core.rewrite.tables import root_tables
from gateway.core.standard import dictionary, iods
from gateway.core.standard.ps315 import Option
from gateway.core.wire import charset
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.elements import Encoding

MAX_PLANS, MAX_READERS, MAX_SHARED = 256, 32, 16
"""Remembered plans and readers of facts: objects choose the conditions that hold for them, and their character set."""


class Engine:
    """De-identifies under one profile with the keys of one domain. Not for use by several threads at once."""

    def __init__(self, profile: Profile, keys: KeyRing, limits: Limits | None = None) -> None:
        self.profile = profile
        self.keys = keys
        self.digest = profile.digest
        self.identity = Identity(keys, retains_uids=Option.RETAIN_UIDS in profile.options)
        self.masks = profile.masks
        self._pictured_tags = wanted(profile.masks)
        self._decisions: dict[tuple[object, ...], PixelDecision] = {}
        self._limits = limits or Limits()
        self.cleaners = Cleaners()
        self.final_check = FinalCheck(profile) if profile.final_check else None
        self._plans: dict[tuple[object, ...], Plan] = {}
        self._layouts: dict[tuple[Plan, Encoding, bool], Layout] = {}
        self._shared: dict[tuple[Patient, Cleaner | None, tuple[str, ...]], Shared] = {}
        self._heads: dict[Encoding, HeadReader] = {}
        self._facts: dict[tuple[Encoding, tuple[str, ...]], FactReader] = {}
        # Texts of the profile that some character sets do not have.
        self._foreign = tuple(rule.value for rule in profile.rules if rule.value and not rule.value.isascii())
        self._metadata = MetadataRewriter(
            self.plan, self.identity, self.cleaners, profile.condition_tags, self.final_check
        )

    def plan(
        self,
        sop_class: str,
        values: Mapping[int, str] | None = None,
        decision: PixelDecision = PASSES,
        said: str = "",
    ) -> Plan:
        """Return the plan for a SOP Class; an unknown one (empty too) has a plan of its own.

        ``values`` are those of the root attributes that conditions look at; None: not known, as in a search.
        ``decision`` is about the pixels of the object, ``said`` its Photometric Interpretation.
        """
        iod = iods.iod_of(sop_class)
        active = None if values is None or not self.profile.whens else self.profile.active(values)
        is_masked = decision.verdict is Verdict.MASK
        photometric = photometric_of_masked(said) if is_masked else said
        photometric = "" if photometric == said else photometric
        asked = iod, active, is_masked, decision.is_clean, photometric
        found = self._plans.get(asked)
        if found is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
                self._layouts.clear()
            found = Plan(
                self.profile, iod, active, is_masked=is_masked, is_clean=decision.is_clean, photometric=photometric
            )
            self._plans[asked] = found
        return found

    def decision(self, head: Head) -> PixelDecision:
        """Return what happens to the pixels of an object, by its head."""
        return PASSES if head.pictured is None else self._decided(head.pictured)

    def pixel_decision(self, elements: Elements) -> PixelDecision:
        """Return the same for an object of the DICOM JSON Model, as the origin gave it. Raises MalformedInput."""
        if self.masks is None:
            return PASSES
        pictured = json_pictured(elements, self._pictured_tags)
        decision = self._decided(pictured)
        if decision.verdict is Verdict.REFUSE:
            return decision
        require_one_picture(elements, pictured)
        if overlay_bits(self.masks, is_masked=decision.verdict is Verdict.MASK) and has_overlay_in_bits(elements):
            return PixelDecision(Verdict.REFUSE, reason=OVERLAID)
        return decision

    def image(self, elements: Elements, palette: Mapping[int, bytes] = MappingProxyType({})) -> Image:
        """Return how the frames of an object of the DICOM JSON Model lie in its pixel data. Raises MalformedInput.

        ``palette`` are the tables (0028,1201-1203), little endian, that it may only name.
        """
        return json_pictured(elements, IMAGE_TAGS, palette).image()

    def _decided(self, pictured: Pictured) -> PixelDecision:
        """Decide, and remember it: the objects of a series say the same."""
        if self.masks is None:
            return PASSES
        asked = tuple(pictured.values.items()), pictured.regions
        known = self._decisions.get(asked)
        if known is None:
            if len(self._decisions) >= MAX_PLANS:
                self._decisions.clear()
            known = self._decisions[asked] = self.masks.decide(pictured.values, pictured.regions)
        return known

    def layout(self, head: Head, encoding: Encoding, decision: PixelDecision = PASSES) -> Layout:
        """Return the plan for an object, laid out for its encoding."""
        said = head.pictured.values.get(PHOTOMETRIC, "") if head.pictured else ""
        plan = self.plan(head.sop_class, head.asked, decision, said)
        recodes = any(charset.encode(text, head.character_set) is None for text in self._foreign)
        found = self._layouts.get((plan, encoding, recodes))
        if found is None:
            tables = root_tables(plan, encoding, recodes=recodes)
            found = Layout(plan, tables, recodes, plan.cleans, self.final_check is not None)
            self._layouts[plan, encoding, recodes] = found
        return found

    def shared(self, patient: Patient, cleaner: Cleaner | None, terms: tuple[str, ...]) -> Shared:
        """Return what objects remember that have a patient, a cleaner and a character set in common."""
        found = self._shared.get((patient, cleaner, terms))
        if found is None:
            if len(self._shared) >= MAX_SHARED:
                self._shared.clear()
            found = self._shared[patient, cleaner, terms] = Shared()
        return found

    def head_reader(self, encoding: Encoding) -> HeadReader:
        """Return what reads the heads of data sets in one encoding."""
        found = self._heads.get(encoding)
        if found is None:
            found = HeadReader(encoding, self.profile.condition_tags, self._pictured_tags)
            self._heads[encoding] = found
        return found

    def aids(
        self, head: Head, layout: Layout, encoding: Encoding, at: tuple[bytes, int], *, whole: bool
    ) -> Aids | None:
        """Return what the subject of the object that begins ``at`` makes possible; None while more bytes are needed."""
        terms = head.character_set
        reader = self._facts.get((encoding, terms))
        if reader is None:
            if len(self._facts) >= MAX_READERS:
                self._facts.clear()
            reader = self._facts[encoding, terms] = FactReader(encoding, terms)
        facts = reader.read(*at, whole=whole, who=head.patient_id or head.study)
        if facts is None:
            return None
        return Aids(
            self.cleaners.of(reader.subject(facts)) if layout.cleans else None,
            self.final_check.of(facts, layout.plan, terms) if self.final_check else None,
        )

    def uid(self, source: str) -> str:
        """Return the released UID."""
        return self.identity.uid(source)

    def part10(self, study: str = "", limits: Limits | None = None, *, asks: bool = False) -> Part10Rewriter:
        """Start a Part 10 object, which must belong to a study (source UID) if one is given.

        ``asks``: whoever feeds it answers its ``question``; otherwise what must be screened is refused.
        """
        return Part10Rewriter(self, self.identity, limits or self._limits, study, asks=asks)

    def metadata(self, data_set: bytes, bulk: Bulk) -> bytes | None:
        """Rewrite one data set of the DICOM JSON Model; None when the profile refuses the object.

        ``bulk`` gives the gateway's URL for an origin's BulkDataURI. Raises MalformedInput, LimitExceeded.
        """
        return self.metadata_elements(decode_object(data_set), bulk)

    def metadata_elements(self, elements: Elements, bulk: Bulk, decided: PixelDecision | None = None) -> bytes | None:
        """Do the same for a data set that is split into elements already; ``decided`` stands for what masks say.

        What must be screened is refused.
        """
        decision = decided or self.pixel_decision(elements)
        if decision.verdict in (Verdict.REFUSE, Verdict.SCREEN):
            return None
        return self._metadata.instance(elements, bulk, decision)

    def match(
        self, elements: Elements, sop_class: str = "", returned: Collection[str] = frozenset()
    ) -> dict[str, bytes]:
        """Rewrite one search result (PS3.18 Section 10.6.3) that has the keys ``returned`` if the objects have them."""
        return self._metadata.match(elements, self.plan(sop_class), _no_bulk, returned)

    def shows(self, source: Elements, study: Elements, released: Elements, sop_class: str = "") -> bool:
        """Say whether a rewritten search result passes the final check; ``study`` is what the origin says above it."""
        return self._metadata.passes(source, study, released, self.plan(sop_class))

    def keeps(self, tag: int) -> bool:
        """Say whether an attribute of a search result leaves as it is, so that the origin may be asked for it."""
        vr = dictionary.vr_of(tag)
        return vr is not None and self.plan("").decide(tag, vr).action is Action.KEEP

    def frame_cleaner(self, media_type: str, transfer_syntax: str) -> CodestreamCleaner | None:
        """Return what overwrites the metadata inside a frame or bulk data; None where there is no room for any."""
        return cleaner_of_media_type(media_type, transfer_syntax, keeps_icc=self._keeps_icc)

    @cached_property
    def _keeps_icc(self) -> bool:
        return self.keeps(ICC_PROFILE)

    @property
    def maps_patients(self) -> bool:
        """Say whether Patient ID leaves as the patient's pseudonym, which can be mapped back."""
        return self.plan("").decide(PATIENT_ID, "LO").action is Action.PSEUDONYM

    def refuses(self, sop_class: str) -> bool:
        """Say whether no object of a SOP Class passes the profile, whatever it shows."""
        return self.plan(sop_class).refuses(sop_class) is not None


def _no_bulk(_uri: str) -> str:
    raise MalformedInput("a BulkDataURI in a search result")
