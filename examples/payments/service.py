"""
service - a payment service that keeps the contract: one charge for each Idempotency-Key, however often it is asked

    python3 service.py 127.0.0.1:8080

Cards that end in 0 are declined (402). The first request for a card that ends in 9 is answered 503, after the
charge was made: as when an answer is lost.
"""

import http.server
import json
import sys

charges = {}  # Idempotency-Key: amount; a real service keeps this in its database, with the charge
asked = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        card, key = event["payload"]["card"], self.headers["Idempotency-Key"]
        asked.append(key)
        if card.endswith("0"):
            return self.answer(402, {"error": "declined"})
        charges.setdefault(key, event["payload"]["amount"])
        if card.endswith("9") and asked.count(key) == 1:
            return self.answer(503, {"error": "too busy to say what happened"})
        return self.answer(200, {"charged": charges[key]})

    def do_GET(self):
        self.answer(200, {"charged": dict(sorted(charges.items())), "requests": len(asked)})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    host, port = sys.argv[1].rsplit(":", 1)
    http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
