"""The index as web pages."""

import httpx

from tests.server.conftest import Serve


def test_the_catalogue_shows_every_image_and_how_to_pull_it(client: httpx.Client) -> None:
    answer = client.get("/")
    host = client.base_url.netloc.decode()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<a href="/nginx">nginx</a>' in answer.text
    assert f"docker pull {host}/nginx:1.27.4" in answer.text
    assert "Not yet refreshed" in answer.text
    assert '<a href="/postgres">postgres</a>' in answer.text


def test_an_image_has_its_tags_and_builds(client: httpx.Client) -> None:
    text = client.get("/nginx").text
    assert ">1.27.3</a>" in text
    assert "2025-03-04" in text
    assert client.get("/nginx/").status_code == 200


def test_an_image_that_was_never_refreshed_says_so(client: httpx.Client) -> None:
    assert "Not yet refreshed" in client.get("/postgres").text


def test_an_image_that_nobody_tracks_is_not_found(client: httpx.Client) -> None:
    answer = client.get("/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert "<script>" not in answer.text


def test_the_host_of_a_lying_request_is_not_shown(client: httpx.Client) -> None:
    text = client.get("/", headers={"Host": '"><script>'}).text
    assert "<script>" not in text
    assert "docker pull localhost/nginx" in text


def test_the_public_url_is_shown_where_it_is_set(serve: Serve) -> None:
    text = serve(public_url="https://registry.example.com/").get("/").text
    assert "docker pull registry.example.com/nginx:1.27.4" in text
