"""Everything that is fuzzed, by name."""

from typing import Final

from tests.fuzz import contents, masks, objects, storing, wire
from tests.fuzz.mutate import damage
from tests.fuzz.target import Target
from tests.kit.encode import BIG_ENDIAN, EXPLICIT, IMPLICIT, JPEG

TARGETS: Final[dict[str, Target]] = {
    "part10 explicit": Target(objects.make_object(EXPLICIT), objects.run_object),
    "part10 implicit": Target(objects.make_object(IMPLICIT), objects.run_object),
    "part10 big endian": Target(objects.make_object(BIG_ENDIAN), objects.run_object),
    "part10 encapsulated": Target(objects.make_object(JPEG), objects.run_object),
    "part10 deflated": Target(objects.make_deflated, objects.run_object),
    "masks": Target(masks.make, masks.run),
    "metadata": Target(objects.make_json, objects.run_json),
    "json array": Target(wire.make_array, wire.run_array),
    "multipart": Target(wire.make_multipart, wire.run_multipart),
    "accept": Target(
        lambda random: damage(random.choice(wire.ACCEPT_SEEDS), wire.ACCEPT_TOKENS, random), wire.run_accept
    ),
    "charset": Target(wire.make_text, wire.run_text),
    "profile": Target(wire.make_profile, wire.run_profile),
    "frame": Target(contents.make_frame, contents.run_frame),
    "xml": Target(objects.make_xml, objects.run_xml),
    "described": Target(storing.make_request, storing.run_request),
    "free text": Target(
        lambda random: damage(random.choice(contents.TEXT_SEEDS), contents.TEXT_TOKENS, random), contents.run_cleaner
    ),
}
