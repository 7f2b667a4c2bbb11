"""
hostile - texts and bytes that somebody writes who wants a reader of his records to do something else

Each is data, and nothing but data, wherever it comes to lie: in a statement, a URL, a header, a line, a
terminal, a page. No part of a text may command; see commands().
"""

import unicodedata

TEXTS = [
    # statements
    "'; DROP TABLE effects; --", "' OR '1'='1", "\\'; DELETE FROM effects; --", "$1", ":payload.n", "$$; SELECT 1; $$",
    "x'); ROLLBACK; --", "\u02bc; DROP TABLE effects; --", "%(name)s {0} ${HOME}",
    # URLs, headers, shells
    "../../admin?x=1#y", "..", ".", "%2e%2e%2f", "%00", "a/b?c&d=e;f#g", "http://evil.example/", "@evil.example",
    "x\r\nX-Injected: yes", "x\r\n\r\nGET /evil HTTP/1.1", "$(touch owned)", "`touch owned`", "; touch owned", "| cat", "-rf",
    # lines and formats
    "line\nlevel=error msg=forged", '" level=error msg="forged', "\\", '\\"', "%s%s%n%n", "{payload.n}", "\t", "a\vb\fc",
    "\u2028next", "\u0085next",
    # terminals
    "\x1b[2J\x1b[1;31mowned", "\x1b]0;owned\x07", "\x9b31mowned", "\r\roverwritten", "\b\b\b", "\x7f",
    "\u202egnp.exe", "\u2066hidden\u2069", "zero\u200bwidth", "\ufeffmark",
    # pages
    "<script>window.owned = 1</script>", "<img src=x onerror=alert(1)>", "\"><b>", "javascript:alert(1)", "&lt;b&gt;", "{{7*7}}",
    # the odd
    "", " ", "nul\0inside", "\U0001f600", "e\u0301", "\ufffd", "\U0010ffff", "A" * 20_000, "null", "-0", "1e999", "NaN",
]

# Values of records of which no event can be made.
VALUES = [
    b"\xff\xfe", b"\xc0\x80", b'{"event_id":"\xed\xa0\x80"}', b'{"event_id":"a","event_id":"b"}', b'{"event_id":"\\ud800"}',
    b"[" * 100_000, b'{"payload":' * 5_000 + b"1" + b"}" * 5_000, b'{"event_id":"a"}{"event_id":"b"}', b"\0", b"\x00\0\0\0\x01{}",
    b'{"event_id":"a","payload":{"n":1}', b'{"event_id":"nul\\u0000"}', b"<xml/>", b"{\"event_id\": 'a'}",
]

# Keys, and values of headers: any bytes.
BYTES = [b"", b"\0", b"\xff\xfe\xfd", b"a\r\nb: c", b"\x1b[2J", b"'; DROP TABLE effects; --", b"x" * 10_000]


def commands(text, allowed="\n"):
    """The characters of a text that would do something to who shows it."""
    return [c for c in text if c not in allowed and (unicodedata.category(c) in ("Cc", "Cf") or c in "\u2028\u2029")]
