"""A browser without scripts: it keeps one cookie as its path says, fills in the forms that a page has, and sends them."""

import http.client
import re
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    text: str
    path: str

    @property
    def words(self) -> str:
        """What a person reads, on one line."""
        found = _Words()
        found.feed(self.text)
        return re.sub(r"\s+", " ", " ".join(found.found)).replace("\u2068", "").replace("\u2069", "").strip()

    def link(self, words: str) -> str:
        """The address of a link by what it says."""
        found = re.search(rf'<a href="([^"]+)"[^>]*>(?:<code>)?{re.escape(words)}', self.text)
        assert found is not None, f"no link says {words}"
        return found[1]

    def form(self, action: str) -> dict[str, list[str]]:
        """The fields that a form sends as it stands. `action` is the end of the address that it is sent to."""
        return self.sent_to(action)[1]

    def forms(self) -> list[dict[str, list[str]]]:
        """The fields of all forms."""
        found = _Forms()
        found.feed(self.text)
        return [fields for _, fields in found.forms]

    def sent_to(self, action: str) -> tuple[str, dict[str, list[str]]]:
        """Where a form is sent to, and its fields."""
        found = _Forms()
        found.feed(self.text)
        return next((to, fields) for to, fields in found.forms if to.endswith(action))


class Browser:
    """One browser. `cookie` is what it was given; nothing is followed or sent that was not asked for."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host = parts.netloc
        self.cookie = ""
        self.at = ""
        entered = self.get(parts.path)
        assert entered.status == 200, entered.text
        self.cookie = entered.headers["set-cookie"].partition(";")[0]
        self.attributes = entered.headers["set-cookie"].partition("; ")[2]
        found = re.search(r'url=([^"]+)"', entered.text)
        assert found is not None
        self.base = found[1]
        self.at = (self.get(self.base).headers["location"] or "").rstrip("/")

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        """One request, with exactly these headers beside those of HTTP; None as a value leaves a header out."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.putrequest(method, path, skip_host="Host" in (headers or {}), skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                if value:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode(), path)
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        """A page, as a link leads to it."""
        return self.ask("GET", path, {"Cookie": self.cookie} if self.cookie else {})

    def visit(self, place: str = "/") -> Answer:
        """A page of the assembly, which must be there."""
        answer = self.get(f"{self.at}{place}".partition("#")[0])
        assert answer.status == 200, answer.words
        return answer

    def send(self, action: str, fields: dict[str, list[str]]) -> Answer:
        """Send a form as a page of this host does."""
        headers = {
            "Cookie": self.cookie,
            "Origin": f"http://{self.host}",
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self.ask("POST", f"{self.at}{action}", headers, urlencode(fields, doseq=True).encode())

    def fill(self, page: Answer, action: str, **said: str | list[str]) -> Answer:
        """Fill in a form of a page, send it, and go where it leads. Dashes in names are written as underlines."""
        to, fields = page.sent_to(action)
        for name, value in said.items():
            fields[name.replace("_", "-")] = [value] if isinstance(value, str) else value
        answer = self.send(to.removeprefix(self.at), fields)
        if answer.status != 303:
            return answer
        to = answer.headers["location"].partition("#")[0]
        return self.get(to)


class _Forms(HTMLParser):
    """The forms of a page, with what each field says as it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, list[str]]]] = []
        self._open = False
        self._area: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given["action"], {}))
            self._open = True
        if not self._open:
            return
        fields, name = self.forms[-1][1], given.get("name", "")
        if tag == "input" and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
            fields.setdefault(name, []).append(given.get("value", ""))
        if tag == "textarea":
            self._area = name
            fields[name] = [""]
        if tag == "select":
            self._select = name
            fields.setdefault(name, [""])
        if tag == "option" and self._select is not None and "selected" in given:
            fields[self._select] = [given["value"]] if "value" in given else ["\0"]

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            before = self.forms[-1][1][self._area][0]
            self.forms[-1][1][self._area][0] += data if before else data.removeprefix("\n")  # as browsers do
        elif self._select is not None and self.forms[-1][1].get(self._select) == ["\0"]:
            self.forms[-1][1][self._select] = [data]

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None
        elif tag == "form":
            self._open = False


class _Words(HTMLParser):
    """The text of a page's main part."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)
