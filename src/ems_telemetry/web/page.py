"""The page at `/`: how the service, its connectors and the newest values stand, from the API alone.

Plain files without a build step; nothing is loaded from elsewhere, because a plant has no internet.
"""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> FileResponse:
    """The page itself."""
    return FileResponse(STATIC / "page.html")


def add_page(app: FastAPI) -> None:
    """Adds the page and its files to the API's application."""
    app.include_router(router)
    app.mount("/page", StaticFiles(directory=STATIC), name="page-files")
