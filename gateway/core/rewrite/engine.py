"""One profile and one domain, ready to rewrite any number of objects: plans and tables are made once and kept."""

from collections.abc import Collection, Mapping
from functools import cached_property

from gateway.core.errors import MalformedInput
from gateway.core.profile.model import Action, Profile
from gateway.core.profile.plan import Plan
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.change import Shared
from gateway.core.rewrite.cleaning import Cleaner, Cleaners
from gateway.core.rewrite.codestream import ICC_PROFILE, CodestreamCleaner, cleaner_of_media_type
from gateway.core.rewrite.facts import FactReader
from gateway.core.rewrite.finalcheck import FinalCheck
from gateway.core.rewrite.head import BURNED_IN, PATIENT_ID, Head, HeadReader
from gateway.core.rewrite.identity import Identity, Patient
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
        self.wants_burned_in = profile.apply_masks
        self.masks = getattr(profile, "masks", None)
        self._limits = limits or Limits()
        self.cleaners = Cleaners()
        self.final_check = FinalCheck(profile) if profile.final_check else None
        self._plans: dict[tuple[str | None, frozenset[int] | None], Plan] = {}
        self._layouts: dict[tuple[Plan, Encoding, bool], Layout] = {}
        self._shared: dict[tuple[Patient, Cleaner | None, tuple[str, ...]], Shared] = {}
        self._heads: dict[Encoding, HeadReader] = {}
        self._facts: dict[tuple[Encoding, tuple[str, ...]], FactReader] = {}
        # Texts of the profile that some character sets do not have.
        self._foreign = tuple(rule.value for rule in profile.rules if rule.value and not rule.value.isascii())
        self._metadata = MetadataRewriter(
            self.plan, self.identity, self.cleaners, profile.condition_tags, self.final_check
        )

    def plan(self, sop_class: str, values: Mapping[int, str] | None = None) -> Plan:
        """Return the plan for a SOP Class; an unknown one (empty too) has a plan of its own.

        ``values`` are those of the root attributes that conditions look at; None: not known, as in a search.
        """
        iod = iods.iod_of(sop_class)
        active = None if values is None or not self.profile.whens else self.profile.active(values)
        found = self._plans.get((iod, active))
        if found is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
                self._layouts.clear()
            found = self._plans[iod, active] = Plan(self.profile, iod, active)
        return found

    def layout(self, head: Head, encoding: Encoding) -> Layout:
        """Return the plan for an object, laid out for its encoding."""
        plan = self.plan(head.sop_class, head.asked)
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
            asked = {*self.profile.condition_tags, *((BURNED_IN,) if self.wants_burned_in else ())}
            found = self._heads[encoding] = HeadReader(encoding, asked)
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

    def part10(self, study: str = "", limits: Limits | None = None) -> Part10Rewriter:
        """Start a Part 10 object, which must belong to a study (source UID) if one is given."""
        return Part10Rewriter(self, self.identity, limits or self._limits, study)

    def metadata(self, data_set: bytes, bulk: Bulk) -> bytes | None:
        """Rewrite one data set of the DICOM JSON Model; None when the profile refuses the object.

        ``bulk`` gives the gateway's URL for an origin's BulkDataURI. Raises MalformedInput, LimitExceeded.
        """
        return self._metadata.instance(decode_object(data_set), bulk)

    def metadata_elements(self, elements: Elements, bulk: Bulk) -> bytes | None:
        """Do the same for a data set that is split into elements already."""
        return self._metadata.instance(elements, bulk)

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

    def refuses(self, sop_class: str, burned_in: str = "") -> bool:
        """Say whether an object of a SOP Class, with this Burned In Annotation, does not pass the profile."""
        return self.plan(sop_class).refuses(sop_class, burned_in) is not None


def _no_bulk(_uri: str) -> str:
    raise MalformedInput("a BulkDataURI in a search result")
