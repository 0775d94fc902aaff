import pytest
from pydantic import SecretStr

from ems_telemetry.errors import ConfigurationError
from ems_telemetry.storage.database import Database


def test_an_address_is_shown_without_secrets() -> None:
    database = Database("postgresql://ems:swordfish@db.plant:6432/energy", SecretStr("marlin"))
    assert repr(database) == "Database(db.plant:6432/energy)"


def test_an_address_of_several_servers_names_each() -> None:
    database = Database("postgresql://ems:swordfish@db1:5432,db2:6432/energy?target_session_attrs=read-write")
    assert database.address == "db1:5432,db2:6432/energy"
    assert Database("host=db1,db2 dbname=energy").address == "db1:5432,db2:5432/energy"


def test_a_url_that_cannot_be_read_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigurationError, match="is not a PostgreSQL URL; write postgresql://") as refused:
        Database("postgresql://ems:swordfish@db:port/energy?nonsense=1")
    assert "swordfish" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
