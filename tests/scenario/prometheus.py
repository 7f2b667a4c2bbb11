"""
prometheus - a real Prometheus with the configuration of docs/monitoring, but for whom it scrapes and how often
"""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import yaml

from support.process import free_port

from .harness import ROOT, slowness

DIRECTORY = ROOT / "docs" / "monitoring"


class Prometheus:
    """Scrapes once a second; its rules are those of the manual."""

    def __init__(self, directory, targets):
        """`targets`: {address: labels that its metrics get}"""
        self.port = free_port()
        directory.mkdir()
        config = yaml.safe_load((DIRECTORY / "prometheus.yaml").read_text().replace("15s", "1s"))
        config["rule_files"] = [str(DIRECTORY / file) for file in config["rule_files"]]
        [scrape] = config["scrape_configs"]
        scrape["static_configs"] = [{"targets": [at], "labels": labels} for at, labels in targets.items()]
        (directory / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self.log = open(directory / "log", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={directory}/prometheus.yaml", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=self.log, stderr=self.log)

    def get(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10 * slowness()) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise  # it has only just started
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def is_up(self):
        try:
            targets = self.get("/api/v1/targets")["activeTargets"]
        except OSError:
            return False
        return bool(targets) and all(target["health"] == "up" for target in targets)

    def ask(self, expression):
        return self.get("/api/v1/query", query=expression)["result"]

    def stop(self):
        self.process.terminate()
        self.process.wait(30 * slowness())
        self.log.close()
