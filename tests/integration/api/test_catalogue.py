"""Sites, meters and points over REST."""

import httpx

from .conftest import Plant


def keys(answer: httpx.Response, name: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item[name] for item in answer.json()["items"]]


async def test_sites_are_listed_with_their_zone_and_areas(any_api: httpx.AsyncClient) -> None:
    answer = await any_api.get("/api/v1/sites")
    assert answer.json() == {
        "items": [
            {
                "id": "BER1",
                "name": "Berlin works",
                "timezone": "Europe/Berlin",
                "areas": ["hall-1", "utilities"],
                "active": True,
            },
            {"id": "MUC1", "name": "Munich works", "timezone": "Europe/Berlin", "areas": [], "active": True},
        ],
        "next": None,
    }


async def test_meters_are_found_by_site_and_medium(any_api: httpx.AsyncClient) -> None:
    assert keys(await any_api.get("/api/v1/meters"), "id") == ["EM-01", "EM-90", "WM-02", "WM-91"]
    assert keys(await any_api.get("/api/v1/meters?site=BER1"), "id") == ["EM-01", "WM-02"]
    assert keys(await any_api.get("/api/v1/meters?site=BER1&medium=water"), "id") == ["WM-02"]


async def test_a_filter_that_matches_nothing_gives_an_empty_list(any_api: httpx.AsyncClient) -> None:
    assert keys(await any_api.get("/api/v1/meters?site=BER1&medium=steam"), "id") == []


async def test_one_meter_is_given_by_its_id(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/meters/EM-01")
    assert answer.json() == {
        "id": "EM-01",
        "name": "Main meter",
        "site": "BER1",
        "area": "hall-1",
        "medium": "electricity",
        "connector": "hall-1",
        "active": True,
    }


async def test_points_are_found_by_site_meter_and_quantity(any_api: httpx.AsyncClient) -> None:
    assert keys(await any_api.get("/api/v1/points?meter=EM-01"), "key") == ["EM-01.energy_import", "EM-01.power"]
    assert keys(await any_api.get("/api/v1/points?quantity=water_volume&site=MUC1"), "key") == ["WM-91.volume"]


async def test_one_point_tells_its_unit_its_source_and_how_often_it_is_due(any_api: httpx.AsyncClient) -> None:
    item = (await any_api.get("/api/v1/points/EM-01.power")).json()
    assert (item["unit"], item["source"], item["expected_interval_s"]) == ("kW", "source of EM-01.power", 10.0)
    assert (item["kind"], item["site"], item["connector"]) == ("gauge", "BER1", "hall-1")


async def test_pages_follow_the_cursor_to_the_end(any_api: httpx.AsyncClient) -> None:
    seen, cursor = [], ""
    for _ in range(10):
        page = (await any_api.get(f"/api/v1/points?limit=2{cursor}")).json()
        seen += [item["key"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == sorted(seen)
    assert len(seen) == 5


async def test_a_page_that_just_holds_everything_has_no_next(api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/v1/points?limit=5")).json()["next"] is None


async def test_an_unknown_meter_is_answered_with_the_nearest(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/meters/EM-02")
    assert answer.status_code == 404
    assert answer.json()["detail"] in {f'there is no meter "EM-02"; did you mean "{near}"?' for near in ("EM-01", "WM-02")}


async def test_an_unknown_point_is_answered_with_the_nearest_of_its_meter(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/points/EM-01.energyimport")
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith('did you mean "EM-01.energy_import"?')


async def test_an_unknown_point_of_an_unknown_meter_is_answered_with_the_nearest_meter(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/points/EM-9.energy_import")
    assert answer.json()["detail"] == 'there is no point "EM-9.energy_import"; did you mean "EM-90"?'


async def test_a_filter_by_what_does_not_exist_is_a_mistake_and_not_an_empty_list(api: httpx.AsyncClient) -> None:
    for path, hint in {
        "/api/v1/meters?site=BER2": 'site: "BER2" is not known; did you mean "BER1"?',
        "/api/v1/points?meter=em-01": 'meter: "em-01" is not known; did you mean "EM-01"?',
        "/api/v1/points?quantity=water_volum": 'quantity: "water_volum" is not known; did you mean "water_volume"?',
    }.items():
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (422, hint)


async def test_what_is_no_longer_configured_is_listed_as_inactive(plant: Plant, api: httpx.AsyncClient) -> None:
    async with plant.database.connection() as connection:
        await connection.execute("UPDATE points SET active = false WHERE key = 'EM-01.power'")
    assert (await api.get("/api/v1/points/EM-01.power")).json()["active"] is False
    assert "EM-01.power" not in keys(await api.get("/api/v1/readings/latest"), "point")
