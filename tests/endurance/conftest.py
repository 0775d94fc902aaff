"""Products under test, as in the acceptance tests."""

from acceptance.conftest import make_product as make_product  # noqa: PLC0414 - a fixture is found where it is named
