"""Apps and their installations as JSON."""

from __future__ import annotations

from cdock.forge.domain.apps import App, Installation
from cdock.forge.rest.answers import Json
from cdock.forge.rest.shapes import people
from cdock.forge.rest.urls import Urls
from cdock.forge.store import text_of


def app(urls: Urls, shown: App) -> Json:
    """An App."""
    return {
        "id": shown.id,
        "client_id": shown.client_id,
        "slug": shown.slug,
        "node_id": people.node_id("A", shown.id),
        "owner": people.user(urls, shown.owner),
        "name": shown.name,
        "description": None,
        "external_url": urls.web,
        "html_url": f"{urls.web}/apps/{shown.slug}",
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.created),
        "permissions": dict(shown.permissions),
        "events": [],
    }


def maybe(urls: Urls, shown: App | None) -> Json:
    """An App or null."""
    return app(urls, shown) if shown else None


def installation(urls: Urls, shown: Installation) -> Json:
    """Where an App is installed."""
    url = f"{urls.api}/app/installations/{shown.id}"
    return {
        "id": shown.id,
        "client_id": shown.app.client_id,
        "account": people.user(urls, shown.account),
        "repository_selection": "selected",
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{urls.api}/installation/repositories",
        "html_url": f"{urls.web}/settings/installations/{shown.id}",
        "app_id": shown.app.id,
        "app_slug": shown.app.slug,
        "target_id": shown.account.id,
        "target_type": shown.account.kind,
        "permissions": dict(shown.app.permissions),
        "events": [],
        "created_at": text_of(shown.created),
        "updated_at": text_of(shown.created),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": None,
    }
