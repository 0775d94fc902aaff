"""The retention classes that travel with the product: for how many years evidence is kept, and who says so."""

from collections.abc import Mapping
from functools import cache

from ems_telemetry.config.document import read_document
from ems_telemetry.rules.factors import Source
from ems_telemetry.rules.retention import RetentionClass
from ems_telemetry.shipped import shipped


@cache
def retention_classes() -> Mapping[str, RetentionClass]:
    """Gives the classes by their name."""
    document = read_document(shipped("config") / "retention.yaml", {})
    classes = [RetentionClass(each["name"], each["years"], Source(**each["source"])) for each in document.data["classes"]]
    return {each.name: each for each in classes}
