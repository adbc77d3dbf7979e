"""What one attribute tells about the subject."""

from gateway.core.clean.subject import Kind
from gateway.core.rewrite.told import Facts, meant, tell


def test_an_attribute_that_is_about_nobody_tells_nothing() -> None:
    assert tell(0x00280010, "US", "512") is None
    assert tell(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2") is None
    assert tell(0x00080018, "UI", "1.2.840.10008.5.1.4.1.1.2") is None


def test_several_values_are_told_apart_where_the_vr_allows_them() -> None:
    names = tell(0x00081050, "PN", "Doe^Jane\\ Roe^Max \\Doe^Jane\\")
    assert names is not None
    assert (names.kind, names.values) == (Kind.NAME, ("Doe^Jane", "Roe^Max"))
    address = tell(0x00101040, "ST", "1 Main\\Street")
    assert address is not None
    assert address.values == ("1 Main\\Street",)
    assert Facts(frozenset({names}), ()).subject().names == {"Doe^Jane", "Roe^Max"}


def test_an_attribute_of_unknown_vr_means_what_the_dictionary_says() -> None:
    assert (meant(0x00100010, "UN"), meant(0x00100010, ""), meant(0x00100010, "LO")) == ("PN", "PN", "LO")
    assert meant(0x00091001, "UN") == "UN"
