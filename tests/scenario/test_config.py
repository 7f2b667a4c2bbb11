"""
test_config - configuration is checked before anything runs, and secrets stay secret
"""

import pytest

from .harness import run_tool, write_ini, merge

GOOD = {
    "onced": {"store": "postgresql://127.0.0.1:1/x", "store.user": "app", "store.password": "top-secret-1"},
    "kafka": {"bootstrap.servers": "127.0.0.1:1", "sasl.password": "top-secret-2"},
    "consumer orders": {"topics": "orders", "handler": "h", "dlq.topic": "orders.dlq"},
    "handler h": {"type": "sql", "statement": "INSERT INTO t VALUES (:event_id)"},
}


def write(tmp_path, changes=None, text=None):
    path = tmp_path / "onced.ini"
    path.write_text(text if text is not None else write_ini(merge(GOOD, changes)))
    return path


def test_good_file_passes_without_a_network(tmp_path):
    result = run_tool("--check-config", "-c", write(tmp_path))
    assert result.returncode == 0, result.stderr


BAD = {
    "unknown_key": ({"consumer orders": {"worker": "2"}}, "workers"),
    "bad_number": ({"consumer orders": {"workers": "many"}}, "workers"),
    "bad_duration": ({"consumer orders": {"commit.interval": "soon"}}, "commit.interval"),
    "unknown_section": ({"consumr x": {"topics": "t"}}, "consumr"),
    "missing_topics": ({"consumer orders": {"topics": None}}, "topics"),
    "missing_dlq": ({"consumer orders": {"dlq.topic": None}}, "dlq.topic"),
    "unknown_handler": ({"consumer orders": {"handler": "nobody"}}, "nobody"),
    "group_count": ({"consumer orders": {"workers": "3", "partitions": "0-1 | 2"}}, "partitions"),
    "runs_code": ({"kafka": {"plugin.library.paths": "/tmp/x.so"}}, "plugin.library.paths"),
    "owned_by_us": ({"kafka": {"enable.auto.commit": "true"}}, "enable.auto.commit"),
    "weak_tls": ({"kafka": {"enable.ssl.certificate.verification": "false"}}, "enable.ssl.certificate.verification"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_file_is_refused_with_file_line_and_name(tmp_path, kind):
    changes, named = BAD[kind]
    path = write(tmp_path, changes)
    result = run_tool("--check-config", "-c", path)
    assert result.returncode == 78
    assert named in result.stderr and f"{path}:" in result.stderr
    started = run_tool("-c", path)
    assert started.returncode == 78, "what the check refuses does not start either"


def test_all_errors_come_at_once(tmp_path):
    path = write(tmp_path, {"consumer orders": {"worker": "2", "lanes": "none", "batch.maxx": "1"}})
    result = run_tool("--check-config", "-c", path)
    assert result.returncode == 78
    assert all(name in result.stderr for name in ("worker", "lanes", "batch.maxx"))


def test_missing_file_and_wrong_usage(tmp_path):
    assert run_tool("--check-config", "-c", tmp_path / "none.ini").returncode == 78
    assert run_tool("--no-such-option").returncode == 2


def test_dump_masks_secrets_and_names_origins(tmp_path):
    path = write(tmp_path)
    result = run_tool("--dump-config", "-c", path)
    assert result.returncode == 0, result.stderr
    assert "top-secret" not in result.stdout + result.stderr
    assert "***" in result.stdout
    assert f"{path}:" in result.stdout and "default" in result.stdout
    short = run_tool("--dump-config", "--non-default", "-c", path)
    assert short.returncode == 0 and len(short.stdout) < len(result.stdout)


def test_secret_from_a_file_and_override_from_the_environment(tmp_path):
    (tmp_path / "pw").write_text("top-secret-3\n")
    path = write(tmp_path, {"onced": {"store.password": f"@{tmp_path}/pw"}})
    result = run_tool("--dump-config", "-c", path, env={"ONCED__CONSUMER__ORDERS__BATCH_MAX": "7"})
    assert result.returncode == 0, result.stderr
    assert "top-secret" not in result.stdout
    assert "batch.max = 7" in result.stdout


def test_conf_d_is_read_beside_the_file(tmp_path):
    path = write(tmp_path)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10-more.ini").write_text(
        "[consumer more]\ntopics = more\nhandler = h\ndlq.topic = more.dlq\n")
    result = run_tool("--dump-config", "-c", path)
    assert result.returncode == 0, result.stderr
    assert "[consumer more]" in result.stdout


def test_version_names_the_libraries():
    result = run_tool("--version")
    assert result.returncode == 0
    assert "librdkafka" in result.stdout


def test_statement_that_the_database_refuses_stops_the_start(world):
    world.create_topics()
    onced = world.onced({"handler effect": {"statement": "INSERT INTO effects (nothing_of_the_kind) VALUES (:event_id)"}})
    onced.start(wait=False)
    code = onced.wait_exit(30)
    assert code == 78, onced.log_tail()
    assert "nothing_of_the_kind" in onced.log_tail()
