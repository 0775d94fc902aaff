"""The OpenAPI document, and the page that shows it with Swagger UI from this machine: a plant has no internet."""

import asyncio
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import FileResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from ems_telemetry.api.description import OPENAPI_PATH, describe
from ems_telemetry.api.guard import HEADERS

DOCS_PATH = "/api/docs"
STATIC = Path(__file__).parent / "static"

# Swagger UI writes style elements and draws its icons from data URLs.
_POLICY = (
    HEADERS["Content-Security-Policy"]
    .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    .replace("img-src 'self'", "img-src 'self' data:")
)

router = APIRouter(include_in_schema=False)


@router.get(DOCS_PATH)
async def docs() -> FileResponse:
    """The docs page."""
    return FileResponse(STATIC / "docs.html", headers={"Content-Security-Policy": _POLICY})


@router.get(OPENAPI_PATH)
async def document(request: Request) -> JSONResponse:
    """The OpenAPI document, made when somebody first asks for it."""
    return JSONResponse(await asyncio.to_thread(describe, request.app))


def add_docs(app: FastAPI) -> None:
    """Adds the docs page and its files."""
    app.include_router(router)
    app.mount(f"{DOCS_PATH}/page", StaticFiles(directory=STATIC), name="docs-page")
    swagger_ui = Path(str(files("fastapi_offline"))) / "static"
    app.mount(f"{DOCS_PATH}/swagger-ui", StaticFiles(directory=swagger_ui), name="swagger-ui")
