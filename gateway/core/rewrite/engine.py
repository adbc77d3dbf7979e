"""One profile and one domain, ready to rewrite any number of objects: plans and tables are made once and kept."""

from gateway.core.errors import MalformedInput
from gateway.core.profile.model import Action, Profile
from gateway.core.profile.plan import Plan
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.head import PATIENT_ID
from gateway.core.rewrite.identity import Identity
from gateway.core.rewrite.metadata import Bulk, Elements, MetadataRewriter
from gateway.core.rewrite.part10 import Part10Rewriter
from gateway.core.rewrite.stream import Limits
from gateway.core.rewrite.tables import Table, root_tables
from gateway.core.standard import dictionary, iods
from gateway.core.standard.ps315 import Option
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.elements import Encoding


class Engine:
    """De-identifies under one profile with the keys of one domain. Not for use by several threads at once."""

    def __init__(self, profile: Profile, keys: KeyRing, limits: Limits | None = None) -> None:
        self.profile = profile
        self.keys = keys
        self.digest = profile.digest
        self.identity = Identity(keys, retains_uids=Option.RETAIN_UIDS in profile.options)
        self.wants_burned_in = profile.apply_masks
        self._limits = limits or Limits()
        self._plans: dict[str | None, Plan] = {}
        self._tables: dict[tuple[str | None, Encoding], tuple[Table, ...]] = {}
        self._known: dict[Encoding, dict[bytes, int]] = {}
        self._metadata = MetadataRewriter(self.plan, self.identity)

    def plan(self, sop_class: str) -> Plan:
        """Return the plan for a SOP Class; an unknown one (empty too) has a plan of its own."""
        iod = iods.iod_of(sop_class)
        found = self._plans.get(iod)
        if found is None:
            found = self._plans[iod] = Plan(self.profile, iod)
        return found

    def tables(self, sop_class: str, encoding: Encoding) -> tuple[Plan, tuple[Table, ...]]:
        """Return the plan and its root tables for one encoding."""
        plan = self.plan(sop_class)
        found = self._tables.get((plan.iod, encoding))
        if found is None:
            found = self._tables[plan.iod, encoding] = root_tables(plan, encoding)
        return plan, found

    def uid(self, source: str) -> str:
        """Return the released UID."""
        return self.identity.uid(source)

    def part10(self, study: str = "") -> Part10Rewriter:
        """Start a Part 10 object, which must belong to a study (source UID) if one is given."""
        return Part10Rewriter(self, self.identity, self._limits, study)

    def metadata(self, data_set: bytes, bulk: Bulk) -> bytes | None:
        """Rewrite one data set of the DICOM JSON Model; None when the profile refuses the object.

        ``bulk`` gives the gateway's URL for an origin's BulkDataURI. Raises MalformedInput, LimitExceeded.
        """
        return self._metadata.instance(decode_object(data_set), bulk)

    def metadata_elements(self, elements: Elements, bulk: Bulk) -> bytes | None:
        """Do the same for a data set that is split into elements already."""
        return self._metadata.instance(elements, bulk)

    def match(self, elements: Elements, sop_class: str = "") -> dict[str, bytes]:
        """Rewrite one search result (PS3.18 Section 10.6.3)."""
        return self._metadata.match(elements, self.plan(sop_class), _no_bulk)

    def known_in_heads(self, encoding: Encoding) -> dict[bytes, int]:
        """Return what heads in one encoding know of keys; filled by them."""
        return self._known.setdefault(encoding, {})

    def keeps(self, tag: int) -> bool:
        """Say whether an attribute of a search result leaves as it is, so that the origin may be asked for it."""
        vr = dictionary.vr_of(tag)
        return vr is not None and self.plan("").decide(tag, vr).action is Action.KEEP

    @property
    def maps_patients(self) -> bool:
        """Say whether Patient ID leaves as the patient's pseudonym, which can be mapped back."""
        return self.plan("").decide(PATIENT_ID, "LO").action is Action.PSEUDONYM

    def refuses(self, sop_class: str, burned_in: str = "") -> bool:
        """Say whether an object of a SOP Class, with this Burned In Annotation, does not pass the profile."""
        return self.plan(sop_class).refuses(sop_class, burned_in) is not None


def _no_bulk(_uri: str) -> str:
    raise MalformedInput("a BulkDataURI in a search result")
